/* SPDX-License-Identifier: MIT
 * The two passes of Pillow's resampling, one row each: 22-bit weights, rounded and cut to a byte. */
#include "kernel/twins.h"

static uint8_t cut(int32_t sum)
{
    return (uint8_t)(sum < 0 ? 0 : sum >> 22 > 255 ? 255 : sum >> 22);
}

void gp_resample_h_c(const uint8_t *in, uint8_t *out, size_t out_w, const int32_t *first, const int32_t *count,
                     const int32_t *weight, size_t taps)
{
    for (size_t x = 0; x < out_w; x++, weight += taps, out += 3) {
        int32_t r = 1 << 21, g = r, b = r;
        const uint8_t *p = in + 3 * (size_t)first[x];
        for (int32_t j = 0; j < count[x]; j++, p += 3) {
            r += p[0] * weight[j];
            g += p[1] * weight[j];
            b += p[2] * weight[j];
        }
        out[0] = cut(r);
        out[1] = cut(g);
        out[2] = cut(b);
    }
}

void gp_resample_v_c(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                     const int32_t *weight)
{
    const uint8_t *top = in + (size_t)first * stride;
    for (size_t x = 0; x < width; x++) {
        int32_t sum = 1 << 21;
        for (int32_t j = 0; j < count; j++) sum += top[(size_t)j * stride + x] * weight[j];
        out[x] = cut(sum);
    }
}
