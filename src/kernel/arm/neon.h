/* SPDX-License-Identifier: MIT
 * The variants for 64-bit Arm by name, for dispatch.c; contracts in kernel.h.  The float twins need none: four lanes
 * are NEON's as they are. */
#ifndef GP_KERNEL_ARM_NEON_H
#define GP_KERNEL_ARM_NEON_H

#include "kernel/kernel.h"

/* multiply_neon.c */
void gp_multiply_neon(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride,
                      size_t rows);
float gp_dot_float_neon(const float *a, const float *b, size_t n);

#endif
