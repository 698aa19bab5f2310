/* SPDX-License-Identifier: MIT
 * Private to analyze: the code that exact and approximate k-NN search share.
 *
 *   rows [n,d] -> panels of 16 rows (packed once, shared by all threads)
 *   a block of queries x a panel -> a tile of similarities in float, or in int8 first (sq8.h)
 *   a row whose similarity could be among the k best, allowing for rounding -> candidate
 *   candidates -> distance in double from the rows as given -> the k best by (distance, id)
 *
 * Similarity (`likeness`) is x.y of unit rows for cosine, and x.y - |y|^2/2 for euclidean.  For a fixed x the latter
 * sorts rows y as -|x-y|^2 does.
 * The rounding error of a float sum of d products is at most (d + 4) u sum|x_i y_i| <= (d + 4) u |x||y|, u = 2^-24
 * (Higham 2002, 3.5; any order of summation, with or without FMA).  A candidate is removed only if k others are more
 * similar by twice that bound, so the search misses no neighbour among the compared rows.  The list ends with the same
 * k nearest rows in whatever order they are inserted, so results do not depend on the number of threads. */
#ifndef GP_ANALYZE_NEIGHBOUR_KNN_H
#define GP_ANALYZE_NEIGHBOUR_KNN_H

#include "base/status.h"
#include "kernel/kernel.h"

/* GP_QUERIES: rows of a block of queries.  GP_DEPTH: columns multiplied at a time; this part of a panel (256 x 16
 * floats, 16 KiB) stays in the L1 cache. */
enum { GP_QUERIES = 64, GP_DEPTH = 256 };

typedef struct gp_knn_hit {
    double distance; /* exact; NaN until computed */
    float likeness;  /* similarity from the tile */
    uint32_t id;
} gp_knn_hit;

/* The state of one query.  The list always holds the k nearest rows among those compared so far. */
typedef struct gp_knn_query {
    gp_knn_hit *list; /* [capacity] */
    uint32_t count;
    uint32_t i;      /* index of the query */
    float threshold; /* a row with a lower similarity is not among the k nearest */
    float margin;    /* bound on the rounding error of a similarity */
    double norm;     /* |x| */
} gp_knn_query;

typedef struct gp_knn {
    /* [n, d] rows and [m, d] queries as the caller gives them; NULL if the rows are in double */
    const float *rows, *queries;
    const double *wide;          /* [n, d] rows in double, which are also the queries; NULL if the rows are in float */
    size_t n, m, d, k, capacity; /* capacity of a query's list: gp_knn_capacity */
    size_t full;                 /* length at which a list is pruned, at most `capacity`; pruning raises `threshold` */
    bool self;                   /* queries are the rows */
    gp_metric metric;
    /* number of slots in the panels, a multiple of 16; 0: n rounded up to 16, and slot i holds row i */
    size_t slots;
    const uint32_t *row_at; /* [slots] row in each slot; UINT32_MAX: empty; NULL: slot i holds row i */
    float *panels;          /* owned: [slots / 16][d][16] */
    float *offset;          /* owned: [slots] -|y|^2/2 for euclidean, 0 for cosine; -inf in an empty slot */
    double *norms;          /* owned: [n] |y| */
    double scale;    /* euclidean: factor that makes all rows and queries at most 1 long, so that no square overflows */
    double max_norm; /* largest |y| of the scaled rows */
    const gp_kernels *kernels;
} gp_knn;

static inline size_t gp_knn_capacity(size_t k)
{
    return 2 * k + 32;
}

/* Fails unless all numbers of x are finite.  `what` names x in the message: "row" or "query". */
gp_status gp_knn_check(const float *x, size_t n, size_t d, const char *what, gp_error *err);
/* gp_knn_measure computes norms, scale and max_norm.  gp_knn_pack then writes panels and offsets. */
gp_status gp_knn_measure(gp_knn *search, gp_error *err);
gp_status gp_knn_pack(gp_knn *search, gp_error *err);
/* gp_knn_scale returns the factor by which a row of length `norm` is multiplied before it is packed.  gp_knn_offset
 * returns the number to add to the row's products to get similarities. */
double gp_knn_scale(const gp_knn *search, double norm);
float gp_knn_offset(const gp_knn *search, double norm);
void gp_knn_clear(gp_knn *search); /* frees what `search` owns */

/* Returns the k-th largest number of x [n]; reorders x.  1 <= k <= n. */
float gp_knn_kth_largest(float *x, size_t n, size_t k);
/* Starts query i with an empty list. */
void gp_knn_begin(const gp_knn *search, gp_knn_query *query, gp_knn_hit *list, size_t i);
/* Writes query i, scaled in the same way as packed rows, to x [d]. */
void gp_knn_load(const gp_knn *search, size_t i, float *x);
/* Writes the products of x [count, d] with a panel to tile [count, 16], whose rows are `stride` apart. */
void gp_knn_multiply(const gp_knn *search, const float *x, size_t count, size_t panel, float *tile, size_t stride);
/* Inserts row `id` into the query's list. likeness: the similarity of the row and the query. */
void gp_knn_insert(const gp_knn *search, gp_knn_query *query, uint32_t id, float likeness);
/* Inserts a panel's rows into the lists of `count` queries.  Row i of the tile begins at tile + i * stride. */
void gp_knn_insert_panel(const gp_knn *search, const float *tile, size_t stride, gp_knn_query *const *queries,
                         size_t count, size_t panel);
/* Writes the k nearest rows, nearest first, to ids and distances [k].  The list must hold at least k rows. */
void gp_knn_end(const gp_knn *search, gp_knn_query *query, uint32_t *ids, float *distances);

#endif
