/* SPDX-License-Identifier: MIT
 * Undoes PNG filters with AVX2.  A pixel depends on the pixel before it only through the left pixel `a`.  So as little
 * as possible is computed from `a`, and the rest for several pixels at once.
 *
 * Sub is a prefix sum: computed within a vector by shifts; the last pixel is added to the next vector.
 *
 * Average works on complements.  pavgb rounds up, and ~floor((a + b) / 2) = pavgb(~a, ~b).  So each pixel needs one
 * average and one subtraction: ~(x + prediction) = ~prediction - x.
 *
 * Paeth is computed with an interval, in 16 bits.  Let y = b - c.  The one of a, b, c that is nearest to a + b - c is
 *     b   if a is between b and b - 1.5 y, both included;
 *     c   if a is between b - 1.5 y and b - 3 y;
 *     a   otherwise; also at b - 3 y, because ties go to a.
 * The ends of the intervals, x + b and x + c do not depend on a, so they are computed before.  Each pixel then needs
 * two comparisons and two selections. */
#include "kernel/unfilter.h"
#include "kernel/reference.h"
#include "kernel/x86/variants.h"

#include <immintrin.h>
#include <string.h>

static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void store(uint8_t *p, __m128i v)
{
    _mm_storeu_si128((__m128i *)(void *)p, v);
}

/* Stores the first n of 16 bytes, n = 12 or 16.  The function must not write more bytes, because the next bytes may be
 * input that has not been read yet. */
static inline void store_pixels(uint8_t *p, __m128i v, size_t n)
{
    if (n == 16) {
        store(p, v);
    } else {
        uint32_t last = (uint32_t)_mm_extract_epi32(v, 2);
        _mm_storel_epi64((__m128i *)(void *)p, v);
        memcpy(p + 8, &last, 4);
    }
}

/* spread expands four pixels of 3 or 4 bytes to 4 bytes each; gather does the reverse. */
static inline __m128i spread(__m128i v, size_t bpp)
{
    return bpp == 4 ? v : _mm_shuffle_epi8(v, _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
}

static inline __m128i gather(__m128i v, size_t bpp)
{
    return bpp == 4 ? v : _mm_shuffle_epi8(v, _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
}

/* Undoes filter 1 (Sub).  Returns the number of bytes that it has unfiltered. */
static inline size_t sub(const uint8_t *row, uint8_t *out, size_t bytes, size_t bpp)
{
    const __m128i last = _mm_setr_epi8(12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15);
    __m128i carry = _mm_setzero_si128();
    size_t i = 0;
    for (; i + 16 <= bytes; i += 4 * bpp) {
        __m128i x = spread(load(row + i), bpp);
        x = _mm_add_epi8(x, _mm_slli_si128(x, 4));
        x = _mm_add_epi8(x, _mm_slli_si128(x, 8));
        x = _mm_add_epi8(x, carry);
        carry = _mm_shuffle_epi8(x, last);
        store_pixels(out + i, gather(x, bpp), 4 * bpp);
    }
    return i;
}

static inline size_t up(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes)
{
    size_t i = 0;
    for (; i + 32 <= bytes; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(row + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(prior + i));
        _mm256_storeu_si256((__m256i *)(void *)(out + i), _mm256_add_epi8(x, b));
    }
    return i;
}

/* Loads four bytes: a pixel of 4 bytes, or a pixel of 3 bytes and the next byte. */
static inline __m128i load_pixel(const uint8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm_cvtsi32_si128(v);
}

/* Undoes filter 3 (Average) for one pixel. Returns the complement of the output pixel. left: the complement of the
 * output pixel to the left. */
static inline __m128i halfway(__m128i left, const uint8_t *row, const uint8_t *prior)
{
    const __m128i above = _mm_xor_si128(load_pixel(prior), _mm_set1_epi8(-1));
    return _mm_sub_epi8(_mm_avg_epu8(left, above), load_pixel(row));
}

static inline size_t average(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp)
{
    const __m128i ones = _mm_set1_epi8(-1);
    __m128i p3 = ones;
    size_t i = 0;
    for (; i + 16 <= bytes; i += 4 * bpp) {
        const __m128i p0 = halfway(p3, row + i, prior + i);
        const __m128i p1 = halfway(p0, row + i + bpp, prior + i + bpp);
        const __m128i p2 = halfway(p1, row + i + 2 * bpp, prior + i + 2 * bpp);
        p3 = halfway(p2, row + i + 3 * bpp, prior + i + 3 * bpp);
        const __m128i all = _mm_unpacklo_epi64(_mm_unpacklo_epi32(p0, p1), _mm_unpacklo_epi32(p2, p3));
        store_pixels(out + i, gather(_mm_xor_si128(all, ones), bpp), 4 * bpp);
    }
    return i;
}

/* For CHUNK pixels: the numbers of the Paeth predictor that do not depend on the left pixel a. Each pixel has 4 lanes
 * of 16 bits. */
enum { CHUNK = 16, LANES = 4 * CHUNK };
typedef struct known {
    /* The interval of values of a for which b or c, and not a, is the nearest.  `start` and `length` are offset by
     * 2^15, because AVX2 compares only signed numbers. */
    int16_t start[LANES], length[LANES];
    int16_t middle[LANES]; /* largest a in the left half of this interval */
    /* the output pixel if a is in the left or in the right half of the interval: x + b or x + c */
    int16_t left[LANES], right[LANES];
    int16_t x[LANES];
} known;

static inline void put(int16_t *to, __m256i v)
{
    _mm256_store_si256((__m256i *)(void *)to, v);
}

/* Fills `known` for four pixels.  row: filtered pixels; above: the pixels in the row above; before: the four pixels to
 * the left of `above`. */
static inline void know(known *k, size_t pixel, __m128i row, __m128i above, __m128i before)
{
    const __m256i one = _mm256_set1_epi16(1), half = _mm256_set1_epi16(INT16_MIN);
    const __m256i x = _mm256_cvtepu8_epi16(row), b = _mm256_cvtepu8_epi16(above);
    const __m256i c = _mm256_cvtepu8_epi16(_mm_alignr_epi8(above, before, 12));
    const __m256i y = _mm256_sub_epi16(b, c), y3 = _mm256_add_epi16(_mm256_add_epi16(y, y), y);
    const __m256i negative = _mm256_srai_epi16(y, 15);
    const __m256i length = _mm256_xor_si256(_mm256_subs_epu16(_mm256_abs_epi16(y3), one), half);
    const __m256i middle = _mm256_sub_epi16(b, _mm256_srai_epi16(_mm256_add_epi16(y3, negative), 1));
    const size_t i = 4 * pixel;
    put(k->start + i, _mm256_sub_epi16(b, _mm256_blendv_epi8(length, half, negative)));
    put(k->length + i, length);
    put(k->middle + i, _mm256_sub_epi16(middle, one));
    put(k->left + i, _mm256_add_epi8(x, _mm256_min_epi16(b, c)));
    put(k->right + i, _mm256_add_epi8(x, _mm256_max_epi16(b, c)));
    put(k->x + i, x);
}

static inline __m128i get(const int16_t *p)
{
    return _mm_loadl_epi64((const __m128i *)(const void *)p);
}

/* Returns the output pixel, in the low lanes, from the left output pixel a. */
static inline __m128i choose(const known *k, size_t pixel, __m128i a)
{
    const size_t i = 4 * pixel;
    const __m128i away = _mm_cmpgt_epi16(_mm_sub_epi16(a, get(k->start + i)), get(k->length + i));
    const __m128i near = _mm_blendv_epi8(get(k->left + i), get(k->right + i), _mm_cmpgt_epi16(a, get(k->middle + i)));
    return _mm_blendv_epi8(near, _mm_add_epi8(a, get(k->x + i)), away);
}

static inline size_t predict(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp)
{
    _Alignas(32) known k;
    __m128i a = _mm_setzero_si128(), before = a;
    size_t i = 0;
    while (i + 16 <= bytes) {
        size_t n = 0;
        for (size_t at = i; n < CHUNK && at + 16 <= bytes; n += 4, at += 4 * bpp) {
            const __m128i above = spread(load(prior + at), bpp);
            know(&k, n, spread(load(row + at), bpp), above, before);
            before = above;
        }
        for (size_t p = 0; p < n; p += 4, i += 4 * bpp) {
            const __m128i p0 = choose(&k, p, a), p1 = choose(&k, p + 1, p0), p2 = choose(&k, p + 2, p1);
            a = choose(&k, p + 3, p2);
            const __m128i all = _mm_packus_epi16(_mm_unpacklo_epi64(p0, p1), _mm_unpacklo_epi64(p2, a));
            store_pixels(out + i, gather(all, bpp), 4 * bpp);
        }
    }
    return i;
}

void gp_unfilter_avx2(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    size_t done = 0;
    if (type == 2)
        done = up(row, out, prior, bytes);
    else if (type == 0 || (bpp != 3 && bpp != 4)) {
        gp_unfilter_c(row, out, prior, bytes, bpp, type);
        return;
    } else if (type == 1)
        done = bpp == 3 ? sub(row, out, bytes, 3) : sub(row, out, bytes, 4);
    else if (type == 3)
        done = bpp == 3 ? average(row, out, prior, bytes, 3) : average(row, out, prior, bytes, 4);
    else
        done = bpp == 3 ? predict(row, out, prior, bytes, 3) : predict(row, out, prior, bytes, 4);
    gp_unfilter_rest(row, out, prior, done, bytes, bpp, type);
}
