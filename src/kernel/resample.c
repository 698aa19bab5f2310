/* SPDX-License-Identifier: MIT
 * The two inner loops of Pillow's two-pass resize.
 *
 *     out = clamp8((2^21 + sum_j in[first + j] * weight[j]) >> 22)
 *
 * Weights are integers with 22 fractional bits.  image/resize.c computes them, and ensures that all sums fit in 32
 * bits. Horizontal: the sums of a pixel's three channels run in one loop over its taps.  Vertical: a block of columns
 * is summed row by row in a small array that stays in the L1 cache, so compilers vectorise the loop over columns. */
#include "kernel/reference.h"

enum { WEIGHT_BITS = 22, COLUMNS = 512 };

static inline uint8_t clamp8(int32_t sum)
{
    int32_t v = sum >> WEIGHT_BITS; /* gcc and clang shift negative numbers arithmetically; Pillow assumes this too */
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Kernel `resample_h` for one row: in [in_w, 3] -> out [out_w, 3]; first, count [out_w]; weight [out_w, taps]. */
static void across(const uint8_t *restrict in, uint8_t *restrict out, size_t out_w, const int32_t *restrict first,
                   const int32_t *restrict count, const int32_t *restrict weight, size_t taps)
{
    for (size_t x = 0; x < out_w; x++) {
        const uint8_t *p = in + (size_t)first[x] * 3;
        const int32_t *w = weight + x * taps;
        int32_t r = 1 << (WEIGHT_BITS - 1), g = r, b = r;
        for (size_t n = (size_t)count[x], j = 0; j < n; j++) {
            r += p[3 * j] * w[j];
            g += p[3 * j + 1] * w[j];
            b += p[3 * j + 2] * w[j];
        }
        out[3 * x] = clamp8(r);
        out[3 * x + 1] = clamp8(g);
        out[3 * x + 2] = clamp8(b);
    }
}

void gp_resample_h_c(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                     size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps)
{
    (void)in_w; /* the C reference does not need in_w; other variants need it to avoid reading beyond a row */
    for (size_t r = 0; r < rows; r++)
        across(in + r * in_stride, out + r * out_stride, out_w, first, count, weight, taps);
}

/* Kernel `resample_v`: rows first .. first + count - 1 of in [.., width], `stride` bytes apart -> out [width]; weight
 * [count]. */
void gp_resample_v_c(const uint8_t *restrict in, size_t stride, uint8_t *restrict out, size_t width, int32_t first,
                     int32_t count, const int32_t *restrict weight)
{
    const uint8_t *top = in + (size_t)first * stride;
    for (size_t x = 0; x < width; x += COLUMNS) {
        size_t n = width - x < COLUMNS ? width - x : COLUMNS;
        int32_t sum[COLUMNS];
        for (size_t i = 0; i < n; i++) sum[i] = 1 << (WEIGHT_BITS - 1);
        for (size_t j = 0; j < (size_t)count; j++) {
            const uint8_t *row = top + j * stride + x;
            const int32_t w = weight[j];
            for (size_t i = 0; i < n; i++) sum[i] += row[i] * w;
        }
        for (size_t i = 0; i < n; i++) out[x + i] = clamp8(sum[i]);
    }
}
