/* SPDX-License-Identifier: MIT
 * Loops that measure the peak arithmetic rate of a core: one for each number type and instruction set.  They only use
 * registers.  The speed of matrix products is given as a share of this peak.  Every product is 1 * 1, and a loop
 * returns the sum of all accumulators, so a test can check the number of products. */
#ifndef GP_KERNEL_PEAK_H
#define GP_KERNEL_PEAK_H

#include <stddef.h>
#include <stdint.h>

typedef enum gp_peak_kind { GP_PEAK_FP32, GP_PEAK_BF16, GP_PEAK_INT8, GP_PEAK_KINDS } gp_peak_kind;
const char *gp_peak_kind_name(gp_peak_kind kind); /* "fp32", "bf16", "int8" */

typedef struct gp_peak_loop {
    const char *name;  /* "AVX-512 FMA" */
    uint32_t products; /* multiply-add operations of one round */
    /* Returns the sum of all products, which is rounds * `products`, because each product is 1.  The sum is exact up to
     * 2^18 rounds; with more rounds, float accumulators round it. */
    double (*run)(uint64_t rounds);
} gp_peak_loop;

/* Returns loop i of a kind; the loops that this machine can run are numbered from the fastest to the slowest.  Returns
 * NULL after the last loop.  A machine may have no loop for a kind.  The variable GOLDPAN_CPU may exclude loops.
 * Threads: any. */
const gp_peak_loop *gp_peak_loop_at(gp_peak_kind kind, size_t i);

#endif
