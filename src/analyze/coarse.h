/* SPDX-License-Identifier: MIT
 * Private to analyze: rows in 8 bits, whose products find candidates at a quarter of the cost of floats.
 *
 *   x [n,d] as packed for floats -> x' = x - mean of all rows (what all share tells nobody apart)
 *   q_i = x'_i in steps of 8 bits, y_j = x'_j too, as far as pairs allow (kernel/multiply8.c)
 *   |x'_i.x'_j - q_i.y_j| <= |x'_i - q_i| |x'_j| + |q_i| |x'_j - y_j|      (Cauchy and Schwarz)
 *
 * The two terms are known for each row, so each pair has a bound, and no neighbour is ever missed: pairs that could be
 * among the nearest, one way or the other, are multiplied again in floats.  Likeness here is x'_i.x'_j + o_j, with
 * o_j = mean.x'_j for cosine and -|x'_j|^2/2 for euclidean: that of candidates.h and something of i's own. */
#ifndef GP_ANALYZE_COARSE_H
#define GP_ANALYZE_COARSE_H

#include "analyze/candidates.h"

/* Of a row as the one (q) or the other (y) of a pair: o + its term of the bound; and the likeness of candidates.h that
 * a query must reach, plus this, is what offset + product must reach: what it has of its own, less its term. */
typedef struct gp_coarse_side {
    float *offset, *shift; /* owned: [slots] */
} gp_coarse_side;

typedef struct gp_coarse {
    size_t width;   /* d rounded up to 4 */
    uint8_t *rows;  /* owned: [slots, width] q + 128; slots: n rounded up to GP_QUERIES */
    int8_t *panels; /* owned: [slots / 16][width / 4][16][4] y */
    int32_t *sums;  /* owned: [slots] of y */
    float *scales;  /* owned: [n] what rows are multiplied with before they are compared in floats */
    gp_coarse_side row, panel;
    float scale; /* of a product of steps */
} gp_coarse;

/* Instead of gp_search_pack: rows of `search` (self, in order) in 8 bits.  *worth: false where too many pairs would
 * have to be multiplied again (a sample tells); then nothing is left of it.  threads >= 1. */
gp_status gp_coarse_pack(gp_coarse *coarse, gp_search *search, int threads, bool *worth, gp_error *err);
void gp_coarse_clear(gp_coarse *coarse);

/* tile [count, GP_PANEL * panels], rows `stride` apart: products of rows first .. with the panels from `panel` on;
 * count <= GP_QUERIES, panels <= GP_QUERIES / GP_PANEL. */
void gp_coarse_multiply(const gp_coarse *coarse, const gp_kernels *kernels, size_t first, size_t count, size_t panel,
                        size_t panels, float *tile, size_t stride);
/* Products of rows first .. with a panel, for the lists of the rows; and for those of the panel. */
void gp_coarse_offer_panel(const gp_coarse *coarse, const gp_search *search, const float *tile, size_t stride,
                           gp_seeker *queries, size_t first, size_t count, size_t panel);
void gp_coarse_offer_rows(const gp_coarse *coarse, const gp_search *search, const float *tile, size_t stride,
                          gp_seeker *queries, size_t first, size_t count, size_t panel);

#endif
