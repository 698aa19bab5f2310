/* SPDX-License-Identifier: MIT
 * Private to analyze: a map's points moved by what they are joined to and by others at random. */
#ifndef GP_ANALYZE_MAP_UMAP_LAYOUT_H
#define GP_ANALYZE_MAP_UMAP_LAYOUT_H

#include "analyze/map/umap.h"

typedef struct gp_layout_options {
    size_t dims, negatives; /* negatives: points drawn at random for every visit of an edge */
    double a, b;            /* of the curve 1 / (1 + a d^2b) */
    uint32_t epochs;
    uint64_t seed;
    int threads; /* 0: all processors; the map is the same */
    gp_progress_fn progress;
    void *user;
} gp_layout_options;

/* at [graph->n, dims] is the start, and the map after it. */
gp_status gp_an_layout(const gp_umap_graph *graph, const gp_layout_options *options, float *at, gp_error *err);

/* One point x [dims] on a map [n, dims] that stays: an epoch of its edges to the points `ends` [k], weights [k] up to
 * 1, random points from *random.  Epoch t of options->epochs; scratch as gp_an_place_scratch says. */
size_t gp_an_place_scratch(const gp_layout_options *options); /* floats */
void gp_an_place_epoch(const gp_layout_options *options, const float *map, size_t n, const uint32_t *ends,
                       const float *weights, size_t k, uint32_t t, uint64_t *random, float *scratch, float *x);

#endif
