/* SPDX-License-Identifier: MIT
 * A few floats at once, by the compiler's own vectors (gcc, clang; any machine): what stays in registers across a loop
 * is said, not hoped for.  Lanes never mix, so each number is computed as scalar code would, and results do not depend
 * on the width: four floats, which every x86-64 and arm64 has; files built for wider registers define GP_LANES first.
 */
#ifndef GP_KERNEL_SIMD_H
#define GP_KERNEL_SIMD_H

#include <stdint.h>

#ifndef GP_LANES
#define GP_LANES 4
#endif
typedef float gp_vec __attribute__((vector_size(4 * GP_LANES)));
typedef int32_t gp_vec_int __attribute__((vector_size(4 * GP_LANES))); /* what comparing them gives */
typedef float gp_vec_at __attribute__((vector_size(4 * GP_LANES), aligned(4), may_alias));

/* The GP_LANES floats at p, which may have any address of a float. */
#define GP_LANES_AT(p)         (*(const gp_vec_at *)(p))
#define GP_LANES_PUT(p, lanes) (*(gp_vec_at *)(p) = (lanes))

#endif
