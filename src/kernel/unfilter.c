/* SPDX-License-Identifier: MIT
 * Undoes the PNG filters of one row (RFC 2083, section 6): adds to each byte x a prediction from a = left, b = above,
 * c = above left.  Bytes outside the row are 0; left means bpp bytes before.
 *
 * The left pixel is in local variables.  If bpp is a constant, the compiler keeps them in registers and processes the
 * channels in parallel. */
#include "kernel/unfilter.h"
#include "kernel/reference.h"

#include <assert.h>
#include <string.h>

enum { MAX_BPP = 8 };

static inline void sub(const uint8_t *row, uint8_t *out, size_t bytes, size_t bpp)
{
    uint8_t a[MAX_BPP] = {0};
    for (size_t i = 0; i + bpp <= bytes; i += bpp)
        for (size_t k = 0; k < bpp; k++) out[i + k] = a[k] = (uint8_t)(row[i + k] + a[k]);
}

static inline void average(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp)
{
    uint8_t a[MAX_BPP] = {0};
    for (size_t i = 0; i + bpp <= bytes; i += bpp)
        for (size_t k = 0; k < bpp; k++) out[i + k] = a[k] = (uint8_t)(row[i + k] + (a[k] + prior[i + k]) / 2);
}

static inline void predict(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp)
{
    uint8_t a[MAX_BPP] = {0}, c[MAX_BPP] = {0};
    for (size_t i = 0; i + bpp <= bytes; i += bpp)
        for (size_t k = 0; k < bpp; k++) {
            uint8_t b = prior[i + k];
            out[i + k] = a[k] = (uint8_t)(row[i + k] + gp_paeth(a[k], b, c[k]));
            c[k] = b;
        }
}

static inline void undo(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    if (type == 1)
        sub(row, out, bytes, bpp);
    else if (type == 3)
        average(row, out, prior, bytes, bpp);
    else
        predict(row, out, prior, bytes, bpp);
}

void gp_unfilter_c(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    assert(type >= 0 && type <= 4 && bpp >= 1 && bpp <= MAX_BPP && bytes % bpp == 0);
    if (type == 0 || type == 2) {
        memmove(out, row, bytes);
        if (type == 0) return;
        for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(out[i] + prior[i]);
        return;
    }
    switch (bpp) { /* passes bpp as a constant, so that the compiler unrolls the loops of unfilter above */
    case 1: undo(row, out, prior, bytes, 1, type); break;
    case 2: undo(row, out, prior, bytes, 2, type); break;
    case 3: undo(row, out, prior, bytes, 3, type); break;
    case 4: undo(row, out, prior, bytes, 4, type); break;
    default: undo(row, out, prior, bytes, bpp, type); break;
    }
}
