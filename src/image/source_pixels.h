/* SPDX-License-Identifier: MIT
 * Decoded pixels that a caller holds in memory. */
#ifndef GP_IMAGE_SOURCE_PIXELS_H
#define GP_IMAGE_SOURCE_PIXELS_H

#include "base/status.h"

/* Reads a source of kind GP_SOURCE_PIXELS as RGB: alpha is dropped, gray is replicated.  *copied true: the caller frees
 * out->rgb with gp_pixels_clear.  *copied false: out->rgb is the memory of the source; do not write to it or free it.
 * Errors: USAGE (no data, or sizes that contradict each other), UNSUPPORTED (channels), FORMAT (a side of 0 pixels),
 * LIMIT.  Messages do not name the source. */
gp_status gp_pixels_of_source(const gp_source *source, uint64_t max_pixels, gp_pixels *out, bool *copied,
                              gp_error *err);

#endif
