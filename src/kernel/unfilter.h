/* SPDX-License-Identifier: MIT
 * PNG's predictors for one byte, and the end of a row by them: what the twin and the variants share. */
#ifndef GP_KERNEL_UNFILTER_H
#define GP_KERNEL_UNFILTER_H

#include <stddef.h>
#include <stdint.h>

/* The RFC's predictor takes whichever of a, b, c is nearest to a + b - c.  With lo <= hi for a and b in order, the
 * distances are: hi: c - lo, lo: hi - c, c: their difference; so lo wins where 2 (hi - c) <= c - lo, that is
 * hi <= 3 c - a - b, and hi where 3 c - a - b <= lo.  Written so, it compiles to conditional moves: the choice is
 * noise, and a mispredicted branch a byte costs three times the work. */
static inline uint8_t gp_paeth(int a, int b, int c)
{
    int t = 3 * c - a - b, lo = a < b ? a : b, hi = a < b ? b : a;
    int guess = hi <= t ? lo : c;
    return (uint8_t)(t <= lo ? hi : guess);
}

/* Bytes i .. bytes - 1 of a row whose first i are done. */
static inline void gp_unfilter_rest(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t i, size_t bytes,
                                    size_t bpp, int type)
{
    for (; i < bytes; i++) {
        int a = i >= bpp ? out[i - bpp] : 0, b = prior[i], c = i >= bpp ? prior[i - bpp] : 0;
        int guess = type == 1 ? a : type == 2 ? b : type == 3 ? (a + b) / 2 : type == 4 ? gp_paeth(a, b, c) : 0;
        out[i] = (uint8_t)(row[i] + guess);
    }
}

#endif
