/* SPDX-License-Identifier: MIT
 * Private to analyze: the steps of HDBSCAN*. */
#ifndef GP_ANALYZE_CLUSTER_HDBSCAN_H
#define GP_ANALYZE_CLUSTER_HDBSCAN_H

#include "base/status.h"

/* A merge of two nodes at `distance`.  Nodes 0 to n - 1 are rows, node n + k is the k-th merge.  size: number of rows
 * below the merge. */
typedef struct gp_merge {
    uint32_t left, right, size;
    double distance;
} gp_merge;

/* Computes the single-linkage clustering under the mutual reachability distance: merges [n - 1] in ascending order of
 * distance.  Cost: see mst.h. */
gp_status gp_an_linkage(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_merge *merges,
                        gp_error *err);

/* The condensed tree.  A cluster splits where both sides have at least min_size rows.  If only one side has so many
 * rows, the cluster continues as this side, and the rows of the other side leave the cluster as noise.  The caller
 * frees *edge [*edges] with gp_mem_free. */
gp_status gp_an_condense(const gp_merge *merges, size_t n, size_t min_size, gp_hdbscan_edge **edge, size_t *edges,
                         gp_error *err);

/* Selects clusters of the condensed tree that `out` holds.  Adds the label, strength and outlier score of each row to
 * `out`. */
gp_status gp_an_select(gp_hdbscan_tree *out, const gp_hdbscan_options *options, gp_error *err);

#endif
