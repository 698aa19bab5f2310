/* SPDX-License-Identifier: MIT
 * Threshold masks: a bit for each row of a tile of products, set if at least one number of the row reaches its
 * threshold. A k-NN search tests all products in this way, and examines only the few rows that pass. */
#include "kernel/simd.h"
#include "kernel/reference.h"

typedef int64_t longs __attribute__((vector_size(4 * GP_LANES)));

static inline uint64_t any_of(gp_vec_int mask)
{
    longs halves = (longs)mask;
    int64_t any = 0;
    for (size_t l = 0; l < GP_LANES / 2; l++) any |= halves[l];
    return any != 0;
}

uint64_t gp_mask_rows_c(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds)
{
    uint64_t found = 0;
    for (size_t i = 0; i < rows; i++, tile += stride) {
        gp_vec_int reached = {0};
        for (size_t o = 0; o < GP_PANEL; o += GP_LANES)
            reached |= GP_LANES_AT(tile + o) + GP_LANES_AT(offset + o) >= (gp_vec){0} + thresholds[i];
        found |= any_of(reached) << i;
    }
    return found;
}

uint64_t gp_mask_columns_c(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds)
{
    uint64_t found = 0;
    for (size_t i = 0; i < rows; i++, tile += stride) {
        gp_vec_int reached = {0};
        for (size_t o = 0; o < GP_PANEL; o += GP_LANES)
            reached |= GP_LANES_AT(tile + o) + offset[i] >= GP_LANES_AT(thresholds + o);
        found |= any_of(reached) << i;
    }
    return found;
}
