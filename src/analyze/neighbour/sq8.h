/* SPDX-License-Identifier: MIT
 * Private to analyze: rows in 8 bits, whose products find candidates at a quarter of the cost of floats.
 *
 *   x [n,d] as packed for floats -> x' = x - mean of all rows (what all share tells nobody apart)
 *   q_i = x'_i in steps of 8 bits, y_j = x'_j too, as far as pairs allow (kernel/gemm_int8.c)
 *   |x'_i.x'_j - q_i.y_j| <= |x'_i - q_i| |x'_j| + |q_i| |x'_j - y_j|      (Cauchy and Schwarz)
 *
 * The two terms are known for each row, so each pair has a bound, and no neighbour is ever missed: pairs that could be
 * among the nearest, one way or the other, are multiplied again in floats.  Likeness here is x'_i.x'_j + o_j, with
 * o_j = mean.x'_j for cosine and -|x'_j|^2/2 for euclidean: that of knn.h and something of i's own. */
#ifndef GP_ANALYZE_NEIGHBOUR_SQ8_H
#define GP_ANALYZE_NEIGHBOUR_SQ8_H

#include "analyze/neighbour/knn.h"

/* Of a row as the one (q) or the other (y) of a pair: o + its term of the bound; and the likeness of knn.h that
 * a query must reach, plus this, is what offset + product must reach: what it has of its own, less its term. */
typedef struct gp_sq8_side {
    float *offset, *shift; /* owned: [slots] */
} gp_sq8_side;

typedef struct gp_sq8 {
    size_t width;   /* d rounded up to 4 */
    uint8_t *rows;  /* owned: [slots, width] q + 128; slots: n rounded up to GP_QUERIES */
    int8_t *panels; /* owned: [slots / 16][width / 4][16][4] y */
    int32_t *sums;  /* owned: [slots] of y */
    float *scales;  /* owned: [n] what rows are multiplied with before they are compared in floats */
    gp_sq8_side row, panel;
    float scale; /* of a product of steps */
} gp_sq8;

/* Instead of gp_knn_pack: rows of `search` (self, in order) in 8 bits.  *selective: false where too many pairs would
 * have to be multiplied again (a sample tells); then nothing is left of it.  threads >= 1. */
gp_status gp_sq8_pack(gp_sq8 *coarse, gp_knn *search, int threads, bool *selective, gp_error *err);
void gp_sq8_clear(gp_sq8 *coarse);

/* tile [count, GP_PANEL * panels], rows `stride` apart: products of rows first .. with the panels from `panel` on;
 * count <= GP_QUERIES, panels <= GP_QUERIES / GP_PANEL. */
void gp_sq8_multiply(const gp_sq8 *coarse, const gp_kernels *kernels, size_t first, size_t count, size_t panel,
                     size_t panels, float *tile, size_t stride);
/* Products of rows first .. with a panel, for the lists of the rows; and for those of the panel. */
void gp_sq8_insert_panel(const gp_sq8 *coarse, const gp_knn *search, const float *tile, size_t stride,
                         gp_knn_query *queries, size_t first, size_t count, size_t panel);
void gp_sq8_insert_rows(const gp_sq8 *coarse, const gp_knn *search, const float *tile, size_t stride,
                        gp_knn_query *queries, size_t first, size_t count, size_t panel);

#endif
