/* SPDX-License-Identifier: MIT
 * The analysis as functions that read arrays and write arrays: neighbours [n,k], hierarchy, map [n,2], slices, reasons,
 * duplicates.  goldpan.h section 6 defines the result structs.  The api module checks sizes and sets defaults before it
 * calls these functions, so they get options without unset fields.  Each random number is computed from a seed and an
 * index, such as that of a row (base/rng.h), so results do not depend on the number of threads. */
#ifndef GP_ANALYZE_ANALYZE_H
#define GP_ANALYZE_ANALYZE_H

#include "base/status.h"

/* neighbours.c */
gp_status gp_an_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                           const gp_neighbours_options *options, uint32_t *ids, float *distances, gp_error *err);

/* hnne.c, hdbscan.c */
gp_status gp_an_hierarchy(const float *rows, size_t n, size_t d, const gp_neighbours_options *options,
                          gp_hierarchy *out, gp_error *err);
void gp_an_hierarchy_clear(gp_hierarchy *hierarchy);
gp_status gp_an_hierarchy_project(const gp_hierarchy *hierarchy, const float *rows, size_t d, size_t dims,
                                  const gp_project_options *options, float *out, gp_error *err);
gp_status gp_an_hdbscan(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_hdbscan_tree *out,
                        gp_error *err);
void gp_an_hdbscan_clear(gp_hdbscan_tree *tree);

/* pca.c, umap.c */
gp_status gp_an_pca(const float *rows, size_t n, size_t d, size_t dims, const gp_pca_options *options, float *out,
                    gp_error *err);
gp_status gp_an_umap(const float *rows, size_t n, size_t d, const gp_umap_options *options, float *out, gp_error *err);
gp_status gp_an_umap_place(const float *rows, const float *map, size_t n, size_t d, const float *fresh, size_t m,
                           const gp_umap_options *options, float *out, gp_error *err);

/* The search for slices is implemented in features.c, slices.c and significance.c. */
/* Minimum number of groups of rows (prompts) for a useful search. 3 of 12 groups can be chosen in 220 ways, so a
 * cluster of 3 groups has p of at least 1 in 220.  With fewer groups hardly any cluster can be significant. */
enum { GP_AN_FEW_GROUPS = 12 };
gp_status gp_an_slices(const gp_feature *features, size_t count, const double *metric, size_t n,
                       const gp_hierarchy *tree, const gp_slices_options *options, gp_slices *out, gp_error *err);
/* One of several searches whose slices are reported together.  The first search is over rows.  Each other search is
 * over items.  An item is a group of rows: for example, rows are images, and an item is a prompt with its images.  The
 * metric of an item is the mean of its rows.  One permutation test covers all searches, so options->alpha holds for all
 * slices together. options->group has a group for each row of the first search. */
typedef struct gp_slices_search {
    const gp_feature *features;
    size_t count;
    const double *metric; /* [n] */
    size_t n;
    const gp_hierarchy *tree;
    /* [rows of the first search] item to which each row belongs; UINT32_MAX: none.  In the first search, `item` is
     * NULL. */
    const uint32_t *item;
    /* weight of this search: alpha is divided among the searches in proportion to their weights */
    double share;
} gp_slices_search;
/* The caller frees each element of out [count] with gp_an_slices_clear.  After an error `out` owns nothing. */
gp_status gp_an_slices_together(const gp_slices_search *searches, size_t count, const gp_slices_options *options,
                                gp_slices *out, gp_error *err);
void gp_an_slices_clear(gp_slices *slices);

/* The functions below are implemented in reasons.c, decision_tree.c and duplicates.c. */
gp_status gp_an_reasons(const gp_reasons_input *input, const bool *inside, const gp_reasons_options *options,
                        gp_reasons *out, gp_error *err);
void gp_an_reasons_clear(gp_reasons *reasons);
gp_status gp_an_duplicates(const float *rows, size_t n, size_t d, const double *priority, const uint64_t *pixels,
                           const uint64_t *phashes, const gp_duplicates_options *options, gp_duplicates *out,
                           gp_error *err);
void gp_an_duplicates_clear(gp_duplicates *duplicates);

#endif
