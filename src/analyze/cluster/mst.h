/* SPDX-License-Identifier: MIT
 * Private to analyze: the minimum spanning tree (MST) of HDBSCAN*. */
#ifndef GP_ANALYZE_CLUSTER_MST_H
#define GP_ANALYZE_CLUSTER_MST_H

#include "base/status.h"

typedef struct gp_mst_edge {
    uint32_t from, to, found; /* found: number of edges that Prim's algorithm added before this edge */
    double distance;
} gp_mst_edge;

/* Minimum spanning tree [n - 1] under mutual reachability max(core(x), core(y), distance(x, y)), by Prim's algorithm
 * from row 0.  Among the shortest edges, Prim's algorithm adds the row with the smallest index.  If several of these
 * edges lead to this row, it takes the edge from the row that entered the tree first. core(x): distance from x to its
 * min_samples-th nearest other row. n >= 2.  Cost: the k-NN search, and at most n * n / 2 * d further products (few if
 * clusters are connected through nearest neighbours).  Memory: 4 * n * d bytes and about 40 * n * max(min_samples,
 * 32). */
gp_status gp_an_spanning(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_mst_edge *tree,
                         gp_error *err);

#endif
