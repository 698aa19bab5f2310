/* SPDX-License-Identifier: MIT
 * Private to analyze: scalar quantisation (SQ8).  Products in int8 find candidates at a quarter of the cost of float.
 *
 *   x [n,d] scaled as for float products -> x' = x - mean of all rows, because a common part does not distinguish rows
 *   q_i, y_j = x'_i, x'_j rounded to 8 bits; y_j also obeys GP_INT8_PAIR_MAX (kernel/kernel.h)
 *   |x'_i.x'_j - q_i.y_j| <= |x'_i - q_i| |x'_j| + |q_i| |x'_j - y_j|      (Cauchy-Schwarz inequality)
 *
 * The lengths on the right are measured for each row, so the error of each pair has a bound.  Pairs that could be among
 * the nearest of either row are multiplied again in float, so the search misses no neighbour.  The similarity in this
 * file is x'_i.x'_j + o_j, with o_j = mean.x'_j for cosine and -|x'_j|^2/2 for euclidean.  It differs from the
 * similarity of knn.h by a term that depends on i alone. */
#ifndef GP_ANALYZE_NEIGHBOUR_SQ8_H
#define GP_ANALYZE_NEIGHBOUR_SQ8_H

#include "analyze/neighbour/knn.h"

/* The bounds of each row. gp_sq8.row has the bounds of rows on the left of a product (q), gp_sq8.panel those of rows on
 * the right (y).  A row stays a candidate of a query if product + offset of the row >= threshold of the query + shift
 * of the query's row. offset: o + error bound of the row. shift: -(t + error bound of the row), where t is the
 * similarity of knn.h minus the similarity of this file. */
typedef struct gp_sq8_side {
    float *offset, *shift; /* owned: [slots] */
} gp_sq8_side;

typedef struct gp_sq8 {
    size_t width;   /* d rounded up to 4 */
    uint8_t *rows;  /* owned: [slots, width] q + 128; slots: n rounded up to GP_QUERIES */
    int8_t *panels; /* owned: [slots / 16][width / 4][16][4] y */
    int32_t *sums;  /* owned: [slots] sum of the numbers of each row y */
    float *scales;  /* owned: [n] factor that scales each row for products in float */
    gp_sq8_side row, panel;
    float scale; /* factor that converts an int8 product to a product of the scaled rows */
} gp_sq8;

/* Packs the rows of `search` in int8; replaces gp_knn_pack.  The queries must be the rows, and slot i must hold row i.
 * *selective: false if a sample shows that too many pairs would be multiplied again; then everything is freed. threads
 * >= 1. */
gp_status gp_sq8_pack(gp_sq8 *coarse, gp_knn *search, int threads, bool *selective, gp_error *err);
void gp_sq8_clear(gp_sq8 *coarse);

/* Multiplies rows first .. first + count - 1 by panels panel .. panel + panels - 1. Writes the products to tile
 * [count, GP_PANEL * panels], whose rows are `stride` apart. count <= GP_QUERIES, panels <= GP_QUERIES / GP_PANEL. */
void gp_sq8_multiply(const gp_sq8 *coarse, const gp_kernels *kernels, size_t first, size_t count, size_t panel,
                     size_t panels, float *tile, size_t stride);
/* Inserts a tile of products into the lists: the panel's rows into the lists of the block's rows, and the block's rows
 * into the lists of the panel's rows. */
void gp_sq8_insert_panel(const gp_sq8 *coarse, const gp_knn *search, const float *tile, size_t stride,
                         gp_knn_query *queries, size_t first, size_t count, size_t panel);
void gp_sq8_insert_rows(const gp_sq8 *coarse, const gp_knn *search, const float *tile, size_t stride,
                        gp_knn_query *queries, size_t first, size_t count, size_t panel);

#endif
