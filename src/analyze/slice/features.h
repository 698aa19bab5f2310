/* SPDX-License-Identifier: MIT
 * Private to analyze: columns of mixed kind into one matrix (features.c), and a table of nested clusters (slices.c). */
#ifndef GP_ANALYZE_SLICE_FEATURES_H
#define GP_ANALYZE_SLICE_FEATURES_H

#include "base/status.h"

/* Clusters of n rows on nested levels, coarse to fine, numbered through: level l holds clusters first[l] ..
 * first[l + 1] - 1. */
typedef struct gp_levels {
    size_t n, count, clusters;
    uint32_t *labels; /* [count, n] within the level */
    uint32_t *first;  /* [count + 1] */
    int32_t *parent;  /* [clusters] number of the cluster one level coarser that holds it; -1 */
    bool fallback;    /* HDBSCAN's, not a hierarchy */
} gp_levels;
void gp_an_levels_clear(gp_levels *levels);

/* For qsort: ascending doubles. */
int gp_an_by_number(const void *a, const void *b);

/* The levels that sliceguard would look at: one or two categorical features by themselves; else the hierarchy of the
 * encoded features (or `tree`), or HDBSCAN's clusters where there is none. */
gp_status gp_an_levels(const gp_feature *features, size_t count, size_t n, const gp_hierarchy *tree,
                       const gp_slices_options *options, gp_levels *out, gp_error *err);

/* Features side by side: *out [n, *width].  Numbers (x - median) / (q97.5 - q2.5), missing ones at the median;
 * categories one-hot in sorted order, missing ones all zero; ordinals their place over k - 1; embeddings as they are,
 * or reduced by UMAP (options->reduce), in mixed sets scaled by the mean distance of their clusters.  Owns: *out,
 * gp_mem_free. */
gp_status gp_an_encode(const gp_feature *features, size_t count, size_t n, const gp_slices_options *options,
                       float **out, size_t *width, gp_error *err);

#endif
