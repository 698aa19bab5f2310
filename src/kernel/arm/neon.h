/* SPDX-License-Identifier: MIT
 * The variants for 64-bit Arm, for dispatch.c.  kernel.h describes what they do.  Most float kernels need no variant,
 * because the vectors of four floats of the C reference kernels already compile to NEON. */
#ifndef GP_KERNEL_ARM_NEON_H
#define GP_KERNEL_ARM_NEON_H

#include "kernel/kernel.h"

/* gemm_neon.c */
void gp_gemm_neon(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride,
                  size_t rows);
float gp_dot_float_neon(const float *a, const float *b, size_t n);
/* resample_neon.c */
void gp_resample_h_neon(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                        size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps);
void gp_resample_v_neon(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                        const int32_t *weight);
/* unfilter_neon.c */
void gp_unfilter_neon(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type);

#endif
