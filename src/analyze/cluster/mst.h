/* SPDX-License-Identifier: MIT
 * Private to analyze: the spanning tree of HDBSCAN*. */
#ifndef GP_ANALYZE_CLUSTER_MST_H
#define GP_ANALYZE_CLUSTER_MST_H

#include "base/status.h"

typedef struct gp_mst_edge {
    uint32_t from, to, found; /* found: place in the order of finding */
    double distance;
} gp_mst_edge;

/* Least spanning tree [n - 1] under mutual reachability max(core(x), core(y), distance(x, y)), as Prim finds it from
 * row 0: of links of equal length the one to the smallest row, from the row found first.  core(x): distance to the
 * min_samples-th other row.  n >= 2.  Cost: that of the neighbours, and at most n * n / 2 * d products more (few, where
 * clusters hang together by their nearest neighbours); memory 4 * n * d bytes and about 40 * n * max(min_samples, 32).
 */
gp_status gp_an_spanning(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_mst_edge *tree,
                         gp_error *err);

#endif
