/* SPDX-License-Identifier: MIT
 * Private to the serve room: how much memory decoded images may take at once.  Who wants to decode states the bytes and
 * waits, in the order of asking, until they fit below the bound. */
#ifndef GP_SERVE_GATE_H
#define GP_SERVE_GATE_H

#include "image/image.h"

typedef struct gp_gate gp_gate;
gp_status gp_gate_open(uint64_t most_bytes, gp_gate **out, gp_error *err);
void gp_gate_close(gp_gate *gate); /* nobody waits any more; NULL allowed */
/* Wait for the bytes; OK: they are taken until gp_gate_leave.  Errors: LIMIT (more than the bound, also alone), STOPPED
 * (the gate was shut).  A gate that is NULL lets everybody in. */
gp_status gp_gate_enter(gp_gate *gate, uint64_t bytes, gp_error *err);
void gp_gate_leave(gp_gate *gate, uint64_t bytes);
void gp_gate_shut(gp_gate *gate); /* whoever waits, or comes later, gets STOPPED; NULL allowed */
/* Bytes that decoding this file takes at most (image.h): 4 a pixel, more for interlaced PNG and JPEG in many scans. */
uint64_t gp_gate_cost(const uint8_t *bytes, size_t size, const gp_image_head *head);

#endif
