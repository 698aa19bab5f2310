/* SPDX-License-Identifier: MIT
 * Private to analyze: the optimisation of a UMAP map. */
#ifndef GP_ANALYZE_MAP_UMAP_LAYOUT_H
#define GP_ANALYZE_MAP_UMAP_LAYOUT_H

#include "analyze/map/umap.h"

typedef struct gp_layout_options {
    size_t dims, negatives; /* negatives: points drawn at random each time an edge is processed (negative samples) */
    double a, b;            /* parameters of the curve 1 / (1 + a d^2b) */
    uint32_t epochs;
    uint64_t seed;
    int threads; /* 0: all processors; the map does not depend on their number */
    gp_progress_fn progress;
    void *user;
} gp_layout_options;

/* Computes the map. at [graph->n, dims]: initial positions on entry, the map on return. */
gp_status gp_an_layout(const gp_umap_graph *graph, const gp_layout_options *options, float *at, gp_error *err);

/* Moves one new point x [dims] on a fixed map [n, dims] in epoch t of options->epochs.  The edges of the new point lead
 * to the points `ends` [k], with weights [k] of at most 1.  Negative samples are drawn from *random. scratch:
 * gp_an_place_scratch(options) floats. */
size_t gp_an_place_scratch(const gp_layout_options *options);
void gp_an_place_epoch(const gp_layout_options *options, const float *map, size_t n, const uint32_t *ends,
                       const float *weights, size_t k, uint32_t t, uint64_t *random, float *scratch, float *x);

#endif
