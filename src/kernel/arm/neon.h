/* SPDX-License-Identifier: MIT
 * The variants for 64-bit Arm by name, for dispatch.c; contracts in kernel.h.  NEON is part of every such machine. */
#ifndef GP_KERNEL_ARM_NEON_H
#define GP_KERNEL_ARM_NEON_H

#include "kernel/kernel.h"

/* unfilter_neon.c */
void gp_unfilter_neon(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type);

#endif
