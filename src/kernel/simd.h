/* SPDX-License-Identifier: MIT
 * SIMD vectors of GP_LANES floats, by the vector extension of gcc and clang, which works on any machine.  Variables of
 * this type stay in registers, which automatic vectorisation does not guarantee.  Lanes do not influence each other, so
 * each number is computed as in scalar code, and results do not depend on the width.  The default is four floats, which
 * every x86-64 and arm64 CPU supports; files built for wider registers define GP_LANES before this header. */
#ifndef GP_KERNEL_SIMD_H
#define GP_KERNEL_SIMD_H

#include <stdint.h>

#ifndef GP_LANES
#define GP_LANES 4
#endif
typedef float gp_vec __attribute__((vector_size(4 * GP_LANES)));
typedef int32_t gp_vec_int
    __attribute__((vector_size(4 * GP_LANES))); /* result of a comparison: -1 or 0 in each lane */
typedef float gp_vec_at __attribute__((vector_size(4 * GP_LANES), aligned(4), may_alias));

/* Load and store GP_LANES floats at p, which need not be aligned to the vector. */
#define GP_LANES_AT(p)         (*(const gp_vec_at *)(p))
#define GP_LANES_PUT(p, lanes) (*(gp_vec_at *)(p) = (lanes))

#endif
