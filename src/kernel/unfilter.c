/* SPDX-License-Identifier: MIT
 * PNG filters undone, one row in place (RFC 2083, section 6): a = left, b = above, c = above left, zero outside. */
#include "kernel/twins.h"

#include <stdlib.h>

static uint8_t paeth(int a, int b, int c)
{
    int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
    return (uint8_t)(pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}

void gp_unfilter_c(uint8_t *row, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    if (type == 0) return;
    for (size_t i = 0; i < bytes; i++) {
        int a = i >= bpp ? row[i - bpp] : 0, b = prior[i], c = i >= bpp ? prior[i - bpp] : 0;
        int guess = type == 1 ? a : type == 2 ? b : type == 3 ? (a + b) / 2 : paeth(a, b, c);
        row[i] = (uint8_t)(row[i] + guess);
    }
}
