/* SPDX-License-Identifier: MIT
 * Private to analyze: the steps of HDBSCAN*. */
#ifndef GP_ANALYZE_CLUSTER_HDBSCAN_H
#define GP_ANALYZE_CLUSTER_HDBSCAN_H

#include "base/status.h"

/* A merge of two nodes at `distance`: nodes below n are rows, n + k is the k-th merge. */
typedef struct gp_merge {
    uint32_t left, right, size;
    double distance;
} gp_merge;

/* Single linkage under mutual reachability: merges [n - 1] in order of distance.  Cost: see mst.h. */
gp_status gp_an_linkage(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_merge *merges,
                        gp_error *err);

/* The tree in which only clusters of at least min_size split; others fall out as rows.  Owns: *edge [*edges],
 * gp_mem_free. */
gp_status gp_an_condense(const gp_merge *merges, size_t n, size_t min_size, gp_hdbscan_edge **edge, size_t *edges,
                         gp_error *err);

/* Flat clusters, strengths and outlier scores of a condensed tree, into out. */
gp_status gp_an_select(gp_hdbscan_tree *out, const gp_hdbscan_options *options, gp_error *err);

#endif
