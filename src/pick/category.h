/* SPDX-License-Identifier: MIT
 * Categories: from a column, from a level of the hierarchy, from labels the user gives. */
#ifndef GP_PICK_CATEGORY_H
#define GP_PICK_CATEGORY_H

#include "base/status.h"

typedef struct gp_categories {
    size_t n, count;
    int32_t *category; /* [n] -1: none */
    char **names;      /* [count]; NULL where a title is still to be found */
    char *source;      /* "column Category", "hierarchy: 12 clusters", "labels" */
    char *note;        /* one line for the user when something did not fit; or NULL */
    bool merged;       /* from clusters that were merged; their silhouette, -1..1: how well they are apart */
    double silhouette;
} gp_categories;
void gp_categories_clear(gp_categories *categories);

/* words [n], NULL or "": none.  Categories in order of size, largest first, then name. */
gp_status gp_categories_from_words(const char *const *words, size_t n, const char *column, gp_categories *out,
                                   gp_error *err);
/* The first level from coarse to fine with least..most clusters (4..24).  None, but a finer one: its clusters are
 * merged down to `most`, the two of nearest centroids (euclidean; weighted by size; ties: smaller labels) first.  All
 * coarser: the finest.  No level at all: no category.  The remark says what was done; only memory can fail.  Categories
 * in order of size, then smallest member.  labels [levels, n] coarse first, sizes [levels]; vectors [n, d]. Cost: of c
 * clusters of the level merged, c d numbers and c * c * d products; levels of more than 4,096 are not. */
gp_status gp_categories_from_levels(const uint32_t *labels, const uint32_t *sizes, size_t levels, size_t n,
                                    const float *vectors, size_t d, size_t least, size_t most, gp_categories *out,
                                    gp_error *err);
/* goldpan's own choice: the fine clusters of the hierarchy, merged.  Takes the finest level of at most 1,024 clusters
 * and merges the two clusters whose union adds least to the sum of squares (Ward 1963), of rows that are centred on
 * their common mean and scaled to length 1.  Of the cuts with least..most clusters it takes the one of best silhouette
 * (Rousseeuw 1987), first among those without a category of more than 35 % of the rows or less than 8 rows.  The
 * remark says when every cut has a larger one.  Categories in order of size, then smallest member.  labels
 * [levels, n] coarse first, sizes [levels]; vectors [n, d].  Cost: of c clusters c * c * 12 bytes and c * c * d
 * products. */
gp_status gp_categories_from_clusters(const uint32_t *labels, const uint32_t *sizes, size_t levels, size_t n,
                                      const float *vectors, size_t d, size_t least, size_t most, gp_categories *out,
                                      gp_error *err);
/* The merge alone, for gp_categories_from_clusters.  labels [n] below `clusters` -> merged [n]. */
typedef struct gp_category_cut {
    size_t count;
    double silhouette, largest; /* largest: share of the rows, 0..1 */
} gp_category_cut;
enum { GP_CATEGORY_MIN = 8 }; /* rows */
#define GP_CATEGORY_SHARE 0.35
gp_status gp_categories_by_merging(const uint32_t *labels, size_t clusters, size_t n, const float *vectors, size_t d,
                                   size_t least, size_t most, uint32_t *merged, gp_category_cut *out, gp_error *err);
/* Zero-shot: the label whose embedding is nearest by cosine (ties: the earlier; a row of zeros: none).  Categories are
 * the labels in the order given, also those that no row is nearest to.   vectors [n, d], labels [count, d] normalised.
 */
gp_status gp_categories_from_labels(const float *vectors, size_t n, size_t d, const float *labels,
                                    const char *const *names, size_t count, gp_categories *out, gp_error *err);

#endif
