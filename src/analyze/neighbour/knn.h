/* SPDX-License-Identifier: MIT
 * Private to analyze: what the searches for nearest neighbours share.
 *
 *   rows [n,d] -> panels of 16 (packed once, shared) ; a block of queries x panel -> likeness in float, in tiles
 *   (or in 8 bits, sq8.h, and in float only where those leave it open)
 *   a row whose likeness could be among the k best, allowing for rounding -> candidate
 *   candidates -> distance in double from the rows as given -> the k best by (distance, id)
 *
 * Likeness is x.y of unit rows for cosine, and x.y - |y|^2/2 for euclidean (which orders as -|x-y|^2 does for one x).
 * A float sum of d products errs by at most (d + 4) u sum|x_i y_i| <= (d + 4) u |x||y|, u = 2^-24 (Higham 2002, 3.5;
 * any order of summation, with or without FMA), so of the rows that are looked at no neighbour is ever missed: a
 * candidate goes only when k others are more like by twice that bound.  Whoever comes first to a list, the k nearest
 * are in it in the end, so results do not depend on threads. */
#ifndef GP_ANALYZE_NEIGHBOUR_KNN_H
#define GP_ANALYZE_NEIGHBOUR_KNN_H

#include "base/status.h"
#include "kernel/kernel.h"

/* Rows of a block; columns at once, so that half a panel stays in the first cache. */
enum { GP_QUERIES = 64, GP_DEPTH = 256 };

typedef struct gp_knn_hit {
    double distance; /* exact; NaN until it is worked out */
    float likeness;  /* as the tile gave it */
    uint32_t id;
} gp_knn_hit;

/* One query on its way: all of its k nearest that were seen are in the list. */
typedef struct gp_knn_query {
    gp_knn_hit *list; /* [capacity] */
    uint32_t count;
    uint32_t i;      /* which it is */
    float threshold; /* likeness below this cannot be among the k best */
    float margin;    /* rounding bound of its likenesses */
    double norm;     /* |x| */
} gp_knn_query;

typedef struct gp_knn {
    const float *rows, *queries; /* [n, d], [m, d] as given; NULL when they are */
    const double *wide;          /* [n, d] in double, and the queries too */
    size_t n, m, d, k, capacity; /* capacity of a query's list: gp_knn_capacity */
    size_t full;                 /* at most capacity: a list of so many is pruned, which raises its floor */
    bool self;                   /* queries are the rows */
    gp_metric metric;
    size_t slots;           /* of the panels, a multiple of 16; 0: n rounded up, in order */
    const uint32_t *row_at; /* [slots] which row it holds, UINT32_MAX: none; NULL: its own number */
    float *panels;          /* owned: [slots / 16][d][16] */
    float *offset;          /* owned: [slots] -|y|^2/2 for euclidean, 0 for cosine; -inf without a row */
    double *norms;          /* owned: [n] |y| */
    double scale;           /* euclidean: as packed no row or query is longer than 1, so that no square overflows */
    double max_norm;        /* largest of |y| as packed */
    const gp_kernels *kernels;
} gp_knn;

static inline size_t gp_knn_capacity(size_t k)
{
    return 2 * k + 32;
}

/* Every number finite?  `what`: "row" or "query", for the message. */
gp_status gp_knn_check(const float *x, size_t n, size_t d, const char *what, gp_error *err);
/* Norms, scale and max_norm; then the rows in panels, and offsets. */
gp_status gp_knn_measure(gp_knn *search, gp_error *err);
gp_status gp_knn_pack(gp_knn *search, gp_error *err);
/* What a row of this length is multiplied with before it is packed; and what is added to its likenesses. */
double gp_knn_scale(const gp_knn *search, double norm);
float gp_knn_offset(const gp_knn *search, double norm);
void gp_knn_clear(gp_knn *search); /* what it owns */

/* The k-th largest of x [n], which is reordered; 1 <= k <= n. */
float gp_knn_kth_largest(float *x, size_t n, size_t k);
/* Query i with an empty list. */
void gp_knn_begin(const gp_knn *search, gp_knn_query *query, gp_knn_hit *list, size_t i);
/* Query i as it is multiplied: x [d]. */
void gp_knn_load(const gp_knn *search, size_t i, float *x);
/* tile [count, 16], rows `stride` apart: products of x [count, d] with a panel. */
void gp_knn_multiply(const gp_knn *search, const float *x, size_t count, size_t panel, float *tile, size_t stride);
/* Row `id` for the query's list. */
void gp_knn_insert(const gp_knn *search, gp_knn_query *query, uint32_t id, float likeness);
/* A panel's rows for the lists of count queries; row i of the tile at tile + i * stride. */
void gp_knn_insert_panel(const gp_knn *search, const float *tile, size_t stride, gp_knn_query *const *queries,
                         size_t count, size_t panel);
/* The k best, nearest first: ids, distances [k]; the list holds at least k. */
void gp_knn_end(const gp_knn *search, gp_knn_query *query, uint32_t *ids, float *distances);

#endif
