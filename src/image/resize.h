/* SPDX-License-Identifier: MIT
 * Pillow's resampling, byte for byte: bicubic (a = -0.5) with support scaled by the reduction, 22-bit integer weights,
 * horizontal pass first, 8 bits in between, a pass skipped when its size is unchanged. */
#ifndef GP_IMAGE_RESIZE_H
#define GP_IMAGE_RESIZE_H

#include "base/status.h"

typedef enum gp_resample_filter {
    GP_FILTER_BICUBIC,
    GP_FILTER_BILINEAR,
    GP_FILTER_LANCZOS,
    GP_FILTER_BOX
} gp_resample_filter;

/* in [in_h, in_w, 3] -> out [out_h, out_w, 3].  out may not overlap in.  Cost: out_w * in_h * 3 bytes of scratch
 * (only the rows that the vertical pass reads). Errors: MEMORY, LIMIT. */
gp_status gp_resize_rgb(const uint8_t *in, uint32_t in_w, uint32_t in_h, uint8_t *out, uint32_t out_w, uint32_t out_h,
                        gp_resample_filter filter, gp_error *err);
/* The same, but only the window [x, y, w, h] of the output is computed: out [h, w, 3]. */
gp_status gp_resize_rgb_window(const uint8_t *in, uint32_t in_w, uint32_t in_h, uint8_t *out, uint32_t out_w,
                               uint32_t out_h, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                               gp_resample_filter filter, gp_error *err);

#endif
