/* SPDX-License-Identifier: MIT
 * mask.c for AVX2.  The instruction movemask tests whether any lane is set.  What compilers generate from mask.c is
 * several times as slow. */
#include "kernel/x86/variants.h"

#include <immintrin.h>

static inline uint64_t reached(__m256 low, __m256 high, __m256 threshold_low, __m256 threshold_high)
{
    __m256 any =
        _mm256_or_ps(_mm256_cmp_ps(low, threshold_low, _CMP_GE_OQ), _mm256_cmp_ps(high, threshold_high, _CMP_GE_OQ));
    return _mm256_movemask_ps(any) != 0;
}

uint64_t gp_mask_rows_avx2(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds)
{
    __m256 low = _mm256_loadu_ps(offset), high = _mm256_loadu_ps(offset + 8);
    uint64_t found = 0;
    for (size_t i = 0; i < rows; i++, tile += stride) {
        __m256 threshold = _mm256_set1_ps(thresholds[i]);
        found |= reached(_mm256_add_ps(_mm256_loadu_ps(tile), low), _mm256_add_ps(_mm256_loadu_ps(tile + 8), high),
                         threshold, threshold)
                 << i;
    }
    return found;
}

uint64_t gp_mask_columns_avx2(const float *tile, size_t stride, size_t rows, const float *offset,
                              const float *thresholds)
{
    __m256 low = _mm256_loadu_ps(thresholds), high = _mm256_loadu_ps(thresholds + 8);
    uint64_t found = 0;
    for (size_t i = 0; i < rows; i++, tile += stride) {
        __m256 add = _mm256_set1_ps(offset[i]);
        found |=
            reached(_mm256_add_ps(_mm256_loadu_ps(tile), add), _mm256_add_ps(_mm256_loadu_ps(tile + 8), add), low, high)
            << i;
    }
    return found;
}
