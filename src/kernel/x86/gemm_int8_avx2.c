/* SPDX-License-Identifier: MIT
 * int8 GEMM for AVX2: adds two products in 16 bits, then two of these sums in 32 bits.  A tile of four rows by one
 * panel needs 12 of 16 registers: 8 sums, 2 vectors of the panel, 1 of x, 1 of ones.  The rest is for temporaries. */
#include "kernel/x86/variants.h"

#include <immintrin.h>
#include <string.h>

static inline __attribute__((always_inline)) void tile(const uint8_t *x, size_t x_stride, const int8_t *panel,
                                                       size_t in, int32_t *y, size_t y_stride, size_t rows)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i low[4], high[4];
    for (size_t r = 0; r < rows; r++) low[r] = high[r] = _mm256_setzero_si256();
    for (size_t i = 0; i < in; i += 4) {
        const __m256i *w = (const __m256i *)(const void *)(panel + i * GP_PANEL);
        __m256i w_low = _mm256_loadu_si256(w), w_high = _mm256_loadu_si256(w + 1);
        for (size_t r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, x + r * x_stride + i, sizeof four);
            __m256i v = _mm256_set1_epi32(four);
            low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(_mm256_maddubs_epi16(v, w_low), ones));
            high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(_mm256_maddubs_epi16(v, w_high), ones));
        }
    }
    for (size_t r = 0; r < rows; r++) {
        _mm256_storeu_si256((__m256i *)(void *)(y + r * y_stride), low[r]);
        _mm256_storeu_si256((__m256i *)(void *)(y + r * y_stride + 8), high[r]);
    }
}

void gp_gemm_int8_avx2(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                       size_t in, int32_t *y, size_t y_stride, size_t rows)
{
    for (size_t p = 0; p < count; p++, panels += panel_stride, y += GP_PANEL) {
        size_t row = 0;
        for (; row + 4 <= rows; row += 4)
            tile(x + row * x_stride, x_stride, panels, in, y + row * y_stride, y_stride, 4);
        for (; row < rows; row++) tile(x + row * x_stride, x_stride, panels, in, y + row * y_stride, y_stride, 1);
    }
}
