/* SPDX-License-Identifier: MIT
 * mask.c for AVX-512, where one instruction compares a whole row of the tile and gives a mask. */
#include "kernel/x86/variants.h"

#include <immintrin.h>

uint64_t gp_mask_rows_avx512(const float *tile, size_t stride, size_t rows, const float *offset,
                             const float *thresholds)
{
    __m512 add = _mm512_loadu_ps(offset);
    uint64_t found = 0;
    for (size_t i = 0; i < rows; i++, tile += stride) {
        __m512 value = _mm512_add_ps(_mm512_loadu_ps(tile), add);
        found |= (uint64_t)(_mm512_cmp_ps_mask(value, _mm512_set1_ps(thresholds[i]), _CMP_GE_OQ) != 0) << i;
    }
    return found;
}

uint64_t gp_mask_columns_avx512(const float *tile, size_t stride, size_t rows, const float *offset,
                                const float *thresholds)
{
    __m512 threshold = _mm512_loadu_ps(thresholds);
    uint64_t found = 0;
    for (size_t i = 0; i < rows; i++, tile += stride) {
        __m512 value = _mm512_add_ps(_mm512_loadu_ps(tile), _mm512_set1_ps(offset[i]));
        found |= (uint64_t)(_mm512_cmp_ps_mask(value, threshold, _CMP_GE_OQ) != 0) << i;
    }
    return found;
}
