/* SPDX-License-Identifier: MIT
 * Undoes PNG filters with NEON: one pixel of 3 or 4 bytes after another, the bytes of a pixel in parallel. */
#include "kernel/arm/neon.h"
#include "kernel/reference.h"
#include "kernel/unfilter.h"

#include <arm_neon.h>
#include <string.h>

/* Loads four bytes: a pixel of 4 bytes, or a pixel of 3 bytes and the next byte. */
static inline uint8x8_t load_pixel(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return vcreate_u8(v);
}

static inline void store_pixel(uint8_t *p, uint8x8_t v, size_t bpp)
{
    uint32_t word = vget_lane_u32(vreinterpret_u32_u8(v), 0);
    memcpy(p, &word, bpp);
}

static inline uint8x8_t paeth(uint8x8_t a, uint8x8_t b, uint8x8_t c)
{
    const uint8x8_t pa = vabd_u8(b, c), pb = vabd_u8(a, c);
    const uint8x8_t pc = vqmovn_u16(
        /* distances saturate at 255; a larger distance is never the smallest of the three */
        vabdq_u16(vaddl_u8(a, b), vshll_n_u8(c, 1)));
    const uint8x8_t take_a = vand_u8(vcle_u8(pa, pb), vcle_u8(pa, pc));
    return vbsl_u8(take_a, a, vbsl_u8(vcle_u8(pb, pc), b, c));
}

/* Undoes filter 1, 3 or 4.  Returns the number of bytes that it has unfiltered. */
static inline size_t undo(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    uint8x8_t a = vdup_n_u8(0), c = a;
    size_t i = 0;
    for (; i + 4 <= bytes; i += bpp) {
        const uint8x8_t b = load_pixel(prior + i);
        const uint8x8_t guess = type == 1 ? a : type == 3 ? vhadd_u8(a, b) : paeth(a, b, c);
        a = vadd_u8(load_pixel(row + i), guess);
        c = b;
        store_pixel(out + i, a, bpp);
    }
    return i;
}

static inline size_t up(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes)
{
    size_t i = 0;
    for (; i + 16 <= bytes; i += 16) vst1q_u8(out + i, vaddq_u8(vld1q_u8(row + i), vld1q_u8(prior + i)));
    return i;
}

void gp_unfilter_neon(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    size_t done;
    if (type == 2)
        done = up(row, out, prior, bytes);
    else if (type == 0 || (bpp != 3 && bpp != 4)) {
        gp_unfilter_c(row, out, prior, bytes, bpp, type);
        return;
    } else if (type == 1)
        done = bpp == 3 ? undo(row, out, prior, bytes, 3, 1) : undo(row, out, prior, bytes, 4, 1);
    else if (type == 3)
        done = bpp == 3 ? undo(row, out, prior, bytes, 3, 3) : undo(row, out, prior, bytes, 4, 3);
    else
        done = bpp == 3 ? undo(row, out, prior, bytes, 3, 4) : undo(row, out, prior, bytes, 4, 4);
    gp_unfilter_rest(row, out, prior, done, bytes, bpp, type);
}
