/* SPDX-License-Identifier: MIT
 * Categories of images: from a column, from a level of the hierarchy, from merged clusters, or from labels of the user.
 */
#ifndef GP_PICK_CATEGORY_H
#define GP_PICK_CATEGORY_H

#include "base/status.h"

typedef struct gp_categories {
    size_t n, count;
    int32_t *category; /* [n] -1: none */
    char **names;      /* [count]; NULL: the category has no title yet */
    char *source;      /* like "column Category", "hierarchy: 12 clusters", "labels" */
    char *note;        /* one line for the user about a problem with the categories; or NULL */
    bool merged;       /* the categories were made by gp_categories_from_clusters */
    double silhouette; /* if merged: mean silhouette (Rousseeuw 1987), -1..1; the higher, the better separated */
} gp_categories;
void gp_categories_clear(gp_categories *categories);

/* Makes one category for each distinct word. words [n]; NULL or "": no category.  Categories are sorted by descending
 * size, equal sizes by name. */
gp_status gp_categories_from_words(const char *const *words, size_t n, const char *source, gp_categories *out,
                                   gp_error *err);
/* Like gp_categories_from_words, for a column of a table.  The source names the column.  A note says if the column has
 * no values or too many. */
gp_status gp_categories_from_column(const char *const *words, size_t n, const char *column, gp_categories *out,
                                    gp_error *err);
/* Makes categories from the clusters of one level of the hierarchy: the coarsest level with least..most clusters.  If
 * no level has least..most clusters:
 *
 *   all levels are coarser   uses the finest level
 *   a level is finer         uses the coarsest of the finer levels, and merges its clusters until `most` are left.
 *                            Each step merges the two clusters with the nearest centroids (euclidean; ties: smaller
 *                            labels).  If that level has more than 4,096 clusters, uses the next coarser level
 *                            without merging
 *   no level at all          makes no categories
 *
 * In these three cases *out has a note.  Categories are sorted by descending size, equal sizes by their first row.
 * labels [levels, n] from coarse to fine, sizes [levels]: number of clusters; vectors [n, d].  Cost of merging c
 * clusters: c * d numbers of memory and about c * c * d products.  Errors: MEMORY. */
gp_status gp_categories_from_levels(const uint32_t *labels, const uint32_t *sizes, size_t levels, size_t n,
                                    const float *vectors, size_t d, size_t least, size_t most, gp_categories *out,
                                    gp_error *err);
/* Makes the default categories from the finest level of the hierarchy that has at most 1,024 clusters.  The rows are
 * centred and scaled to length 1.  Then each step merges the two clusters whose union increases the within-cluster sum
 * of squares least (Ward 1963).  Of all results with least..most clusters, a result without a category of more than
 * 35 % of the rows is preferred.  Of these, a result without a category of less than 8 rows is preferred.  Of the
 * remaining results, the function takes the result with the best mean silhouette (Rousseeuw 1987).  If every result has
 * a category of more than 35 %, the function takes the result whose largest category is smallest, and *out has a note.
 * Categories are sorted by descending size, equal sizes by their first row.  labels [levels, n] from coarse to fine,
 * sizes [levels]; vectors [n, d].  Cost for c clusters: c * c * 12 bytes and c * c * d products. */
gp_status gp_categories_from_clusters(const uint32_t *labels, const uint32_t *sizes, size_t levels, size_t n,
                                      const float *vectors, size_t d, size_t least, size_t most, gp_categories *out,
                                      gp_error *err);
/* Facts about the categories that gp_categories_by_merging makes. */
typedef struct gp_category_cut {
    size_t count;
    double silhouette, largest; /* largest: share of all rows in the largest category, 0..1 */
} gp_category_cut;
enum { GP_CATEGORY_MIN = 8 };  /* preferred minimum of rows in a category */
#define GP_CATEGORY_SHARE 0.35 /* preferred maximum share of all rows in a category */
/* Merges the clusters for gp_categories_from_clusters. labels [n]: cluster of each row, below `clusters`. merged [n]:
 * category of each row. */
gp_status gp_categories_by_merging(const uint32_t *labels, size_t clusters, size_t n, const float *vectors, size_t d,
                                   size_t least, size_t most, uint32_t *merged, gp_category_cut *out, gp_error *err);
/* Zero-shot classification: each row gets the label with the largest cosine (ties: the earlier label; a row of zeros
 * gets no category).  Categories are all labels in the given order, even without rows.  vectors [n, d], labels [count,
 * d] normalised. */
gp_status gp_categories_from_labels(const float *vectors, size_t n, size_t d, const float *labels,
                                    const char *const *names, size_t count, gp_categories *out, gp_error *err);

#endif
