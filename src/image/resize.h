/* SPDX-License-Identifier: MIT
 * Resamples exactly like Pillow: bicubic (a = -0.5) with its support scaled by the reduction, integer weights of 22
 * bits, horizontal pass first, 8 bits between the passes. A pass is skipped if its size does not change. */
#ifndef GP_IMAGE_RESIZE_H
#define GP_IMAGE_RESIZE_H

#include "base/status.h"

typedef enum gp_resample_filter {
    GP_FILTER_BICUBIC,
    GP_FILTER_BILINEAR,
    GP_FILTER_LANCZOS,
    GP_FILTER_BOX
} gp_resample_filter;

/* Resizes in [in_h, in_w, 3] to out [out_h, out_w, 3]. `out` must not overlap `in`. Scratch memory: at most out_w *
 * in_h * 3 bytes, only for the rows that the vertical pass reads. Errors: MEMORY, LIMIT. */
gp_status gp_resize_rgb(const uint8_t *in, uint32_t in_w, uint32_t in_h, uint8_t *out, uint32_t out_w, uint32_t out_h,
                        gp_resample_filter filter, gp_error *err);
/* Like gp_resize_rgb, but computes only the window [x, y, w, h] of the output: out [h, w, 3]. */
gp_status gp_resize_rgb_window(const uint8_t *in, uint32_t in_w, uint32_t in_h, uint8_t *out, uint32_t out_w,
                               uint32_t out_h, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                               gp_resample_filter filter, gp_error *err);

#endif
