/* SPDX-License-Identifier: MIT
 * Decoded pixels that a caller holds in memory. */
#ifndef GP_IMAGE_SOURCE_PIXELS_H
#define GP_IMAGE_SOURCE_PIXELS_H

#include "base/status.h"

/* Reads a source of kind GP_SOURCE_PIXELS as RGB: alpha is dropped, gray is replicated.  *copied: out->rgb is owned,
 * gp_pixels_clear; else it is the caller's own memory, which is not to be written or freed.
 * Errors: USAGE (no data, or sizes that contradict each other), UNSUPPORTED (channels), FORMAT (a side of 0 pixels),
 * LIMIT.  Messages do not name the source. */
gp_status gp_pixels_of_source(const gp_source *source, uint64_t max_pixels, gp_pixels *out, bool *copied,
                              gp_error *err);

#endif
