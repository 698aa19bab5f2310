/* SPDX-License-Identifier: MIT
 * Private to analyze: rows in 8 bits, whose products find candidates at a quarter of the cost of floats.
 *
 *   x [n,d] as packed for floats -> x' = x - mean of all rows (what all share tells nobody apart)
 *   q_i = x'_i in steps of 8 bits, y_j = x'_j in steps of 7 (kernel/multiply8.c says why not 8)
 *   |x'_i.x'_j - q_i.y_j| <= |x'_i - q_i| |x'_j| + |q_i| |x'_j - y_j|      (Cauchy and Schwarz)
 *
 * The two terms are known for each row, so each likeness comes with a bound, and no neighbour is ever missed: it is the
 * candidates that become more.  Likeness in the sense of candidates.h is x'_i.x'_j + o_j, with o_j = mean.x'_j for
 * cosine and -|x'_j|^2/2 for euclidean. */
#ifndef GP_ANALYZE_COARSE_H
#define GP_ANALYZE_COARSE_H

#include "analyze/candidates.h"

typedef struct gp_coarse {
    size_t width;        /* d rounded up to 4 */
    uint8_t *rows;       /* owned: [blocks of GP_QUERIES rows, width] q + 128 */
    int8_t *panels;      /* owned: [slots / 16][width / 4][16][4] y */
    int32_t *sums;       /* owned: [slots] of y */
    float *row_offset;   /* owned: [slots] o_i + the row's term of the bound */
    float *row_margin;   /* owned: [slots] that term alone */
    float *panel_margin; /* owned: [slots] the same of the row in the panels */
    float scale;         /* of a product of steps */
} gp_coarse;

/* Instead of gp_search_pack: rows of `search` (self, in order) in 8 bits; offsets and slack of the search go with them.
 * *worth: false where too many candidates would come to each row (a sample tells); then nothing is left of it. */
gp_status gp_coarse_pack(gp_coarse *coarse, gp_search *search, bool *worth, gp_error *err);
void gp_coarse_clear(gp_coarse *coarse);

/* tile [count, GP_PANEL * panels], rows `stride` apart: products of rows first .. with the panels from `panel` on;
 * count <= GP_QUERIES, panels <= GP_QUERIES / GP_PANEL. */
void gp_coarse_multiply(const gp_coarse *coarse, const gp_kernels *kernels, size_t first, size_t count, size_t panel,
                        size_t panels, float *tile, size_t stride);

#endif
