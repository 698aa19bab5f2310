/* SPDX-License-Identifier: MIT
 * Resampling with AVX2, bit-identical to the reference kernel.  Weights have up to 30 bits, but the fast multiply-add,
 * pmaddwd, takes 16.  So a weight is split, w = high * 2^15 + low with 0 <= low < 2^15.  Both parts are summed
 * separately, and the sums are combined at the end.  All arithmetic is modulo 2^32, and the final sum fits in 32 bits,
 * so the result is exact.
 *
 * Horizontal: four taps of a pixel at a time, for two rows at once; the weights of a pixel are split once for a block
 * of rows.  Vertical: 32 columns and two taps at a time.  The reference kernel computes pixels that would read beyond a
 * row, or that have too many taps. */
#include "kernel/reference.h"
#include "kernel/x86/variants.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

/* MAX_TAPS: the largest number of taps for which the sum of the low parts of the weights fits in 32 bits:
 * 255 * 2^15 * 128 < 2^31 */
enum { WEIGHT_BITS = 22, LOW_BITS = 15, MAX_TAPS = 128, BLOCK = 16 };

/* ------------------------------------------------------------------ horizontal */

/* The low and high parts of the weights, for each group of four taps: four 32-bit lanes with the weights of taps 0 and
 * 1, then four lanes with those of taps 2 and 3. */
typedef struct parts {
    __m256i low[MAX_TAPS / 4], high[MAX_TAPS / 4];
} parts;

static inline void split_weights(parts *p, const int32_t *weight, size_t count, size_t groups)
{
    const __m256i pairs = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    for (size_t g = 0; g < groups; g++) {
        const __m128i there = _mm_cmpgt_epi32(_mm_set1_epi32((int32_t)(count - 4 * g)), _mm_setr_epi32(0, 1, 2, 3));
        const __m128i w = _mm_maskload_epi32(weight + 4 * g, there);
        const __m128i low = _mm_and_si128(w, _mm_set1_epi32((1 << LOW_BITS) - 1)), high = _mm_srai_epi32(w, LOW_BITS);
        p->low[g] = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_packs_epi32(low, low)), pairs);
        p->high[g] = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(_mm_packs_epi32(high, high)), pairs);
    }
}

static inline __m256i pixels(const uint8_t *in)
{
    const __m256i taps = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, /* */
                                          6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)in);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), taps);
}

static inline void put(uint8_t *out, __m128i bytes, size_t n)
{
    int32_t v = _mm_cvtsi128_si32(bytes);
    memcpy(out, &v, n);
}

/* Computes one output pixel of two rows.  n: bytes to write for each pixel, 3 or 4; the fourth byte is overwritten by
 * the next pixel, so n must be 3 for the last pixel of a row. */
static inline void two_rows(const uint8_t *in0, const uint8_t *in1, uint8_t *out0, uint8_t *out1, const parts *p,
                            size_t groups, size_t n)
{
    __m256i low0 = _mm256_setzero_si256(), high0 = low0, low1 = low0, high1 = low0;
    for (size_t g = 0; g < groups; g++) { /* lanes: r, g, b, 0 of taps 0 and 1, then r, g, b, 0 of taps 2 and 3 */
        const __m256i v0 = pixels(in0 + 12 * g), v1 = pixels(in1 + 12 * g), low = p->low[g], high = p->high[g];
        low0 = _mm256_add_epi32(low0, _mm256_madd_epi16(v0, low));
        low1 = _mm256_add_epi32(low1, _mm256_madd_epi16(v1, low));
        high0 = _mm256_add_epi32(high0, _mm256_madd_epi16(v0, high));
        high1 = _mm256_add_epi32(high1, _mm256_madd_epi16(v1, high));
    }
    low0 = _mm256_add_epi32(low0, _mm256_slli_epi32(high0, LOW_BITS));
    low1 = _mm256_add_epi32(low1, _mm256_slli_epi32(high1, LOW_BITS));
    __m256i sum = _mm256_add_epi32(_mm256_permute2x128_si256(low0, low1, 0x20),
                                   _mm256_permute2x128_si256(low0, low1, 0x31)); /* one row in each half */
    sum = _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << (WEIGHT_BITS - 1))), WEIGHT_BITS);
    sum = _mm256_packs_epi32(sum, sum);
    sum = _mm256_packus_epi16(sum, sum);
    put(out0, _mm256_castsi256_si128(sum), n);
    put(out1, _mm256_extracti128_si256(sum, 1), n);
}

static inline void column(const uint8_t *in, size_t in_stride, uint8_t *out, size_t out_stride, size_t rows,
                          const parts *p, size_t groups, size_t n)
{
    for (size_t r = 0; r < rows; r += 2) {
        const size_t next = r + 1 < rows ? r + 1 : r; /* if the number of rows is odd, the last row is computed twice */
        two_rows(in + r * in_stride, in + next * in_stride, out + r * out_stride, out + next * out_stride, p, groups,
                 n);
    }
}

void gp_resample_h_avx2(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                        size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps)
{
    parts p;
    for (size_t y = 0; y < rows; y += BLOCK) {
        const uint8_t *top = in + y * in_stride;
        const size_t n = rows - y < BLOCK ? rows - y : BLOCK;
        for (size_t x = 0; x < out_w; x++) {
            const size_t k = (size_t)count[x], groups = (k + 3) / 4, start = 3 * (size_t)first[x];
            const bool over =
                /* true if the load of this pixel reads bytes after the end of the row; in the last row these bytes
                 * would be beyond the image */
                start + 12 * groups + 4 > 3 * in_w;
            const size_t fast = k > MAX_TAPS || 3 * in_w < 16 ? 0 : n - (over && y + n == rows);
            uint8_t *to = out + y * out_stride + 3 * x;
            if (fast < n)
                gp_resample_h_c(top + fast * in_stride, in_stride, in_w, to + fast * out_stride, out_stride, n - fast,
                                1, first + x, count + x, weight + x * taps, taps);
            if (fast == 0) continue;
            split_weights(&p, weight + x * taps, k, groups);
            if (x + 1 < out_w)
                column(top + start, in_stride, to, out_stride, fast, &p, groups, 4);
            else
                column(top + start, in_stride, to, out_stride, fast, &p, groups, 3);
        }
    }
}

/* ------------------------------------------------------------------ vertical */

/* The low and high parts of the weights of two taps: a 16-bit number for each tap. */
typedef struct pair {
    int32_t low, high;
} pair;

static inline pair pair_of(int32_t first, int32_t second)
{
    const uint32_t mask = (1u << LOW_BITS) - 1;
    return (pair){(int32_t)(((uint32_t)first & mask) | ((uint32_t)second & mask) << 16),
                  (int32_t)(((uint32_t)(first >> LOW_BITS) & 0xffff) | (uint32_t)(second >> LOW_BITS) << 16)};
}

/* Loads 32 columns of two rows as pairs of 16-bit numbers, eight columns in each vector. */
static inline void interleave(const uint8_t *above, const uint8_t *below, __m256i v[4])
{
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)above), zero = _mm256_setzero_si256();
    const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)below);
    const __m256i left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
    v[0] = _mm256_unpacklo_epi8(left, zero), v[1] = _mm256_unpackhi_epi8(left, zero);
    v[2] = _mm256_unpacklo_epi8(right, zero), v[3] = _mm256_unpackhi_epi8(right, zero);
}

static inline __m256i sum_columns(const uint8_t *in, size_t stride, size_t count, const pair *weight)
{
    __m256i low[4], high[4], v[4];
    for (int i = 0; i < 4; i++) low[i] = _mm256_set1_epi32(1 << (WEIGHT_BITS - 1)), high[i] = _mm256_setzero_si256();
    for (size_t j = 0; j < count; j += 2) {
        const __m256i l = _mm256_set1_epi32(weight[j / 2].low), h = _mm256_set1_epi32(weight[j / 2].high);
        interleave(in + j * stride, in + (j + 1 < count ? j + 1 : j) * stride, v);
        for (int i = 0; i < 4; i++) {
            low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(v[i], l));
            high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(v[i], h));
        }
    }
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_srai_epi32(_mm256_add_epi32(low[i], _mm256_slli_epi32(high[i], LOW_BITS)), WEIGHT_BITS);
    return _mm256_packus_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
}

void gp_resample_v_avx2(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                        const int32_t *weight)
{
    const size_t n = (size_t)count;
    size_t x = 0;
    if (n <= MAX_TAPS) {
        const uint8_t *top = in + (size_t)first * stride;
        pair pairs[MAX_TAPS / 2];
        for (size_t j = 0; j < n; j += 2) pairs[j / 2] = pair_of(weight[j], j + 1 < n ? weight[j + 1] : 0);
        for (; x + 32 <= width; x += 32)
            _mm256_storeu_si256((__m256i *)(void *)(out + x), sum_columns(top + x, stride, n, pairs));
    }
    if (x < width) gp_resample_v_c(in + x, stride, out + x, width - x, first, count, weight);
}
