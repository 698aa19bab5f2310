/* SPDX-License-Identifier: MIT
 * Resampling with NEON: computes the sums of resample.c four at a time. */
#include "kernel/arm/neon.h"
#include "kernel/reference.h"

#include <arm_neon.h>
#include <string.h>

enum { WEIGHT_BITS = 22 };

static inline uint8x8_t to_bytes(int32x4_t a, int32x4_t b)
{
    return vqmovun_s16(vcombine_s16(vmovn_s32(vshrq_n_s32(a, WEIGHT_BITS)), vmovn_s32(vshrq_n_s32(b, WEIGHT_BITS))));
}

/* Sums the channels of a pixel in parallel.  Each tap loads 4 bytes: a pixel and one byte more.  At the end of the last
 * row, this byte would be beyond the image, so the reference kernel computes each output pixel that reads the last
 * input pixel of that row. */
void gp_resample_h_neon(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                        size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t x = 0; x < out_w; x++) {
            const uint8_t *p = in + r * in_stride + 3 * (size_t)first[x];
            const int32_t *w = weight + x * taps;
            uint8_t *to = out + r * out_stride + 3 * x;
            if (r + 1 == rows && (size_t)(first[x] + count[x]) == in_w) {
                gp_resample_h_c(in + r * in_stride, in_stride, in_w, to, out_stride, 1, 1, first + x, count + x, w,
                                taps);
                continue;
            }
            int32x4_t sum = vdupq_n_s32(1 << (WEIGHT_BITS - 1));
            for (size_t n = (size_t)count[x], j = 0; j < n; j++) {
                uint32_t pixel;
                memcpy(&pixel, p + 3 * j, 4);
                const uint32x4_t wide = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(pixel))));
                sum = vmlaq_n_s32(sum, vreinterpretq_s32_u32(wide), w[j]);
            }
            const uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(to_bytes(sum, sum)), 0);
            memcpy(to, &bytes, 3);
        }
    }
}

/* Processes sixteen columns at a time. */
void gp_resample_v_neon(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                        const int32_t *weight)
{
    const uint8_t *top = in + (size_t)first * stride;
    size_t x = 0;
    for (; x + 16 <= width; x += 16) {
        int32x4_t sum[4];
        for (int i = 0; i < 4; i++) sum[i] = vdupq_n_s32(1 << (WEIGHT_BITS - 1));
        for (size_t j = 0; j < (size_t)count; j++) {
            const uint8x16_t row = vld1q_u8(top + j * stride + x);
            const uint16x8_t a = vmovl_u8(vget_low_u8(row)), b = vmovl_u8(vget_high_u8(row));
            sum[0] = vmlaq_n_s32(sum[0], vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(a))), weight[j]);
            sum[1] = vmlaq_n_s32(sum[1], vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(a))), weight[j]);
            sum[2] = vmlaq_n_s32(sum[2], vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(b))), weight[j]);
            sum[3] = vmlaq_n_s32(sum[3], vreinterpretq_s32_u32(vmovl_u16(vget_high_u16(b))), weight[j]);
        }
        vst1q_u8(out + x, vcombine_u8(to_bytes(sum[0], sum[1]), to_bytes(sum[2], sum[3])));
    }
    if (x < width) gp_resample_v_c(in + x, stride, out + x, width - x, first, count, weight);
}
