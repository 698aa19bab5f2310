/* SPDX-License-Identifier: MIT
 * Private to analyze (features.c): encodes features of mixed kinds as one matrix, and computes the nested clusters in
 * which slices are searched. */
#ifndef GP_ANALYZE_SLICE_FEATURES_H
#define GP_ANALYZE_SLICE_FEATURES_H

#include "base/status.h"

/* Nested clusters of n rows on several levels, from coarse to fine.  Clusters are numbered across all levels: level l
 * has the clusters first[l] .. first[l + 1] - 1. */
typedef struct gp_levels {
    size_t n, count, clusters;
    uint32_t *labels; /* [count, n] cluster of each row, numbered from 0 within the level */
    uint32_t *first;  /* [count + 1] */
    int32_t *parent;  /* [clusters] parent of each cluster, on the next coarser level; -1 on the coarsest level */
    bool fallback;    /* the features have no hierarchy; so the clusters are those of HDBSCAN* */
} gp_levels;
void gp_an_levels_clear(gp_levels *levels);

/* For qsort: ascending doubles. */
int gp_an_by_number(const void *a, const void *b);

/* Computes the levels in which slices are searched, by the rules of sliceguard (docs/method.md).  If `tree` is given,
 * these are its levels.  Else, if the only features are one or two categories, there is one level of categories, or of
 * pairs of categories.  Else the levels are those of the hierarchy of the encoded features.  If the encoded features
 * have no hierarchy, there is one level with the clusters of HDBSCAN*. */
gp_status gp_an_levels(const gp_feature *features, size_t count, size_t n, const gp_hierarchy *tree,
                       const gp_slices_options *options, gp_levels *out, gp_error *err);

/* Encodes the features as one matrix *out [n, *width], their columns side by side.
 *
 *   numbers     (x - median) / (97.5 % quantile - 2.5 % quantile); a missing number becomes 0
 *   categories  one-hot, in sorted order; a missing category is all zeros
 *   ordinals    position in the order / (number of positions - 1)
 *   embeddings  as they are, or reduced by UMAP (options->reduce).  With features of other kinds: divided by the mean
 *               distance of their clusters
 *
 * The caller frees *out with gp_mem_free. */
gp_status gp_an_encode(const gp_feature *features, size_t count, size_t n, const gp_slices_options *options,
                       float **out, size_t *width, gp_error *err);

#endif
