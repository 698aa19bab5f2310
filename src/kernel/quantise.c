/* SPDX-License-Identifier: MIT
 * Quantises floats to uint8, and converts int8 products back to floats (dequantises them).
 *
 *     x = scale (q - zero),  q and zero in 0..255,  scale = (max(x, 0) - min(x, 0)) / 255
 *     y = (sum q w - zero sum w) * scale * (scale of w) + bias
 *
 * Adding 2^23 to a float rounds it to the nearest whole number (ties to even), which is then in the low bits.  Only
 * minimum and maximum combine lanes, and their order does not matter, so the result is bit-identical in every table. */
#include "kernel/simd.h"
#include "kernel/reference.h"

#include <string.h>

typedef uint8_t bytes_at __attribute__((vector_size(GP_LANES), aligned(1), may_alias));
typedef int32_t ints_at __attribute__((vector_size(4 * GP_LANES), aligned(4), may_alias));

static inline gp_vec blend(gp_vec_int mask, gp_vec yes, gp_vec no)
{
    return (gp_vec)((mask & (gp_vec_int)yes) | (~mask & (gp_vec_int)no));
}

/* Sets *least and *most to the smallest and the largest number of x [n]; 0 counts as one of the numbers.  Sets *bad to
 * NaN if x has a NaN or infinity, else to 0. */
static void range(const float *x, size_t n, float *least, float *most, float *bad)
{
    gp_vec low = {0}, high = {0}, none = {0};
    size_t i = 0;
    for (; i + GP_LANES <= n; i += GP_LANES) {
        gp_vec v = GP_LANES_AT(x + i);
        low = blend(v < low, v, low);
        high = blend(v > high, v, high);
        none += v * 0;
    }
    *least = *most = *bad = 0;
    for (; i < n; i++) {
        *least = x[i] < *least ? x[i] : *least;
        *most = x[i] > *most ? x[i] : *most;
        *bad += x[i] * 0;
    }
    for (size_t l = 0; l < GP_LANES; l++) {
        *least = low[l] < *least ? low[l] : *least;
        *most = high[l] > *most ? high[l] : *most;
        *bad += none[l];
    }
}

static inline gp_vec_int nearest(gp_vec v)
{
    const gp_vec most = (gp_vec){0} + 255;
    v = blend(v > 0, v, (gp_vec){0});
    v = blend(v < most, v, most);
    return (gp_vec_int)(v + 8388608.0f) & 255;
}

float gp_quantise_c(const float *x, size_t n, uint8_t *q, int32_t *zero)
{
    float least, most, bad;
    range(x, n, &least, &most, &bad);
    float scale = (most - least) / 255 + bad, inverse = scale > 1e-30f ? 1 / scale : 0;
    gp_vec_int zero_point = nearest((gp_vec){0} - least * inverse);
    gp_vec shift = __builtin_convertvector(zero_point, gp_vec);
    size_t i = 0;
    for (; i + GP_LANES <= n; i += GP_LANES)
        *(bytes_at *)(q + i) = __builtin_convertvector(nearest(GP_LANES_AT(x + i) * inverse + shift), bytes_at);
    if (i < n) {
        float rest[GP_LANES] = {0};
        memcpy(rest, x + i, (n - i) * sizeof *x);
        gp_vec_int last = nearest(GP_LANES_AT(rest) * inverse + shift);
        for (size_t l = 0; i + l < n; l++) q[i + l] = (uint8_t)last[l];
    }
    *zero = zero_point[0];
    return scale;
}

void gp_dequantise_c(const int32_t *sums, size_t sums_stride, size_t rows, size_t columns, const int32_t *zeros,
                     const float *scales, const int32_t *weight_sums, const float *weight_scales, const float *bias,
                     float *y, size_t y_stride)
{
    for (size_t r = 0; r < rows; r++, sums += sums_stride, y += y_stride)
        for (size_t o = 0; o < columns; o += GP_LANES) {
            gp_vec_int whole = *(const ints_at *)(sums + o) - zeros[r] * *(const ints_at *)(weight_sums + o);
            gp_vec scale = scales[r] * GP_LANES_AT(weight_scales + o);
            GP_LANES_PUT(y + o, __builtin_convertvector(whole, gp_vec) * scale + GP_LANES_AT(bias + o));
        }
}
