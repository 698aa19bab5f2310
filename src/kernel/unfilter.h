/* SPDX-License-Identifier: MIT
 * The PNG predictors for one byte, and the end of a row: code that the reference kernel and the variants share. */
#ifndef GP_KERNEL_UNFILTER_H
#define GP_KERNEL_UNFILTER_H

#include <stddef.h>
#include <stdint.h>

/* The Paeth predictor: the number among a, b, c that is nearest to p = a + b - c.  Let lo <= hi be a and b in order.
 * The distances are hi - p = c - lo, p - lo = hi - c and, for c, the difference of these two.  So lo is nearest if
 * 2 (hi - c) <= c - lo, which is hi <= 3 c - a - b; and hi is nearest if 3 c - a - b <= lo.  Compilers turn this form
 * into conditional moves.  Branches would often be mispredicted, because the choice is nearly random; one misprediction
 * per byte costs three times the rest of the work. */
static inline uint8_t gp_paeth(int a, int b, int c)
{
    int t = 3 * c - a - b, lo = a < b ? a : b, hi = a < b ? b : a;
    int guess = hi <= t ? lo : c;
    return (uint8_t)(t <= lo ? hi : guess);
}

/* Undoes the filter for bytes i .. bytes - 1 of a row; the first i bytes are done already. */
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
