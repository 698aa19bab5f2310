/* SPDX-License-Identifier: MIT
 * Private to the serve module: limits the memory of all images that are decoded at the same time. A thread that has to
 * decode an image enters the gate with the bytes that it needs. Threads enter in the order of their requests, each as
 * soon as its bytes fit below the limit. */
#ifndef GP_SERVE_GATE_H
#define GP_SERVE_GATE_H

#include "image/image.h"

typedef struct gp_gate gp_gate;
gp_status gp_gate_open(uint64_t most_bytes, gp_gate **out, gp_error *err);
void gp_gate_close(gp_gate *gate); /* call it when no thread waits; NULL allowed */
/* Waits until the bytes fit, and reserves them until gp_gate_leave.  Errors: LIMIT (more bytes than the whole limit),
 * STOPPED (the gate was shut).  With gate NULL, returns OK immediately. */
gp_status gp_gate_enter(gp_gate *gate, uint64_t bytes, gp_error *err);
/* Enters with the bytes that decoding this file needs. Sets *admitted to the bytes to pass to gp_gate_leave; 0 after an
 * error. Errors: those of gp_gate_enter and gp_image_read_info. */
gp_status gp_gate_admit(gp_gate *gate, const uint8_t *bytes, size_t size, uint64_t *admitted, gp_error *err);
void gp_gate_leave(gp_gate *gate, uint64_t bytes);
/* Makes all waiting and all later calls of gp_gate_enter return STOPPED.  NULL allowed. */
void gp_gate_shut(gp_gate *gate);
/* Returns the maximum bytes that decoding this file needs (image.h): 4 per pixel, and more for interlaced PNG, for
 * JPEG in several scans, and for TIFF, AVIF and JPEG XL. */
uint64_t gp_gate_cost(const uint8_t *bytes, size_t size, const gp_image_info *head);

#endif
