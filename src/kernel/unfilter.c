/* SPDX-License-Identifier: MIT
 * PNG filters undone, one row in place (RFC 2083, section 6): x += guess(a, b, c) with a = left, b = above, c = above
 * left, zero outside the row; left means bpp bytes back.
 *
 * The loops go pixel by pixel with the left pixel in local variables: for a constant bpp the compiler keeps them in
 * registers and works on the channels side by side. */
#include "kernel/twins.h"

#include <assert.h>
#include <stdlib.h>

enum { MOST_BPP = 8 };

/* The RFC's predictor takes whichever of a, b, c is nearest to a + b - c.  With lo <= hi for a and b in order, the
 * distances are: hi: c - lo, lo: hi - c, c: their difference; so lo wins where 2 (hi - c) <= c - lo, that is
 * hi <= 3 c - a - b, and hi where 3 c - a - b <= lo.  Written so, it compiles to conditional moves: the choice is
 * noise, and a mispredicted branch a byte costs three times the work. */
static inline uint8_t paeth(int a, int b, int c)
{
    int t = 3 * c - a - b, lo = a < b ? a : b, hi = a < b ? b : a;
    int guess = hi <= t ? lo : c;
    return (uint8_t)(t <= lo ? hi : guess);
}

static inline void sub(uint8_t *row, size_t bytes, size_t bpp)
{
    uint8_t a[MOST_BPP] = {0};
    for (size_t i = 0; i + bpp <= bytes; i += bpp)
        for (size_t k = 0; k < bpp; k++) row[i + k] = a[k] = (uint8_t)(row[i + k] + a[k]);
}

static inline void average(uint8_t *row, const uint8_t *prior, size_t bytes, size_t bpp)
{
    uint8_t a[MOST_BPP] = {0};
    for (size_t i = 0; i + bpp <= bytes; i += bpp)
        for (size_t k = 0; k < bpp; k++) row[i + k] = a[k] = (uint8_t)(row[i + k] + (a[k] + prior[i + k]) / 2);
}

static inline void predict(uint8_t *row, const uint8_t *prior, size_t bytes, size_t bpp)
{
    uint8_t a[MOST_BPP] = {0}, c[MOST_BPP] = {0};
    for (size_t i = 0; i + bpp <= bytes; i += bpp)
        for (size_t k = 0; k < bpp; k++) {
            uint8_t b = prior[i + k];
            row[i + k] = a[k] = (uint8_t)(row[i + k] + paeth(a[k], b, c[k]));
            c[k] = b;
        }
}

static inline void undo(uint8_t *row, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    if (type == 1)
        sub(row, bytes, bpp);
    else if (type == 3)
        average(row, prior, bytes, bpp);
    else
        predict(row, prior, bytes, bpp);
}

void gp_unfilter_c(uint8_t *row, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    assert(type >= 0 && type <= 4 && bpp >= 1 && bpp <= MOST_BPP && bytes % bpp == 0);
    if (type == 0) return;
    if (type == 2) {
        for (size_t i = 0; i < bytes; i++) row[i] = (uint8_t)(row[i] + prior[i]);
        return;
    }
    switch (bpp) { /* constants, so that the loops above are unrolled */
    case 1: undo(row, prior, bytes, 1, type); break;
    case 2: undo(row, prior, bytes, 2, type); break;
    case 3: undo(row, prior, bytes, 3, type); break;
    case 4: undo(row, prior, bytes, 4, type); break;
    default: undo(row, prior, bytes, bpp, type); break;
    }
}
