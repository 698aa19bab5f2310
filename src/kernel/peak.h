/* SPDX-License-Identifier: MIT
 * What a core multiplies at most: loops that never leave the registers, one for each kind of number and instruction
 * set. They are the measure that matrix products are held against, so they count what they did: every product is 1 * 1,
 * and the sum of all accumulators is returned, which no compiler can leave out and a test can check. */
#ifndef GP_KERNEL_PEAK_H
#define GP_KERNEL_PEAK_H

#include <stddef.h>
#include <stdint.h>

typedef enum gp_peak_kind { GP_PEAK_FP32, GP_PEAK_BF16, GP_PEAK_INT8, GP_PEAK_KINDS } gp_peak_kind;
const char *gp_peak_kind_name(gp_peak_kind kind); /* "fp32", "bf16", "int8": as the precision that multiplies so */

typedef struct gp_peak_loop {
    const char *name;  /* "AVX-512 FMA" */
    uint32_t products; /* multiplications, each with its addition, of one round */
    double (*run)(
        uint64_t rounds); /* products made = rounds * products; exact up to 2^18 rounds, then floats are full */
} gp_peak_loop;

/* The loops of a kind that this machine can run (GOLDPAN_CPU considered), best first; NULL after the last, and at once
 * where the machine has no instruction for the kind.  Any thread. */
const gp_peak_loop *gp_peak_loop_at(gp_peak_kind kind, size_t i);

#endif
