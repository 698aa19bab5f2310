/* SPDX-License-Identifier: MIT
 * Analysis of plain arrays, without a catalog or a model.  Include <goldpan.h>, which explains the
 * conventions.
 *
 * Rows are embeddings [n, d] and need not have length 1.  Every function is seeded and gives the
 * same result for any number of threads.  Missing numbers are NaN.  A clear function accepts
 * a result that was already cleared or is all zero. */
#ifndef GOLDPAN_ARRAYS_H
#define GOLDPAN_ARRAYS_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum gp_metric {
    GP_METRIC_COSINE,   /* 1 - cosine */
    GP_METRIC_EUCLIDEAN /* length of the difference */
} gp_metric;

/* ------------------------------------------------------------------ k-NN */

typedef struct gp_neighbours_options {
    size_t size;
    gp_metric metric;
    int threads;   /* 0: all processors */
    double recall; /* without queries: share of the true neighbours to find; 1: exact.  Below 1 the
                    * search is approximate and faster, from 20,000 rows on */
    gp_progress_fn progress;
    void *user;
} gp_neighbours_options;

/* Find the k nearest rows of every query, nearest first.  Distances are ranked in double; equal
 * distances are ranked by id.  With queries NULL, the rows are the queries (m = n), and no row is
 * its own neighbour.  With recall below 1, a row is compared only with the rows of its nearest IVF
 * lists.  The number of these lists is chosen so that the search finds the share `recall` of the
 * neighbours of 500 sample rows.
 * Shape: rows [n, d], queries [m, d] -> ids [m, k], distances [m, k], allocated by the caller.
 * 1 <= k <= n, or n - 1 without queries.
 * Cost: n * m * d multiplications, half of that without queries; memory 4 * n * d bytes and
 * 32 (k + 16) bytes a row.
 * Errors: USAGE (k), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_neighbours(const float *rows, size_t n, size_t d, const float *queries,
                                       size_t m, size_t k, const gp_neighbours_options *options,
                                       uint32_t *ids, float *distances, gp_error *err);

/* ------------------------------------------------------------------ hierarchy */

/* Nested partitions, from fine (level 0) to coarse. */
typedef struct gp_hierarchy {
    size_t size;
    size_t n;
    size_t levels;
    uint32_t *sizes;  /* [levels] number of clusters, decreasing */
    uint32_t *labels; /* [levels, n] cluster of each row, numbered by smallest member */
    uint32_t *
        *parents; /* [levels - 1] parents[t] [sizes[t]]: the enclosing cluster of level t + 1 */
} gp_hierarchy;

/* Build the first-neighbour hierarchy of the rows: h-NNE (Sarfraz et al., CVPR 2022), FINCH
 * (Sarfraz et al., CVPR 2019).  Levels with fewer than 3 clusters are omitted.
 * Shape: rows [n, d].
 * Owns: *out is owned, gp_hierarchy_clear.
 * Errors: NOT_FOUND (too few rows: no level is left), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_hierarchy_build(const float *rows, size_t n, size_t d,
                                            const gp_neighbours_options *options, gp_hierarchy *out,
                                            gp_error *err);

/* Release a hierarchy.
 * Threads: any. */
GP_API void gp_hierarchy_clear(gp_hierarchy *hierarchy);

typedef struct gp_project_options {
    size_t size;
    double radius; /* radius of a cluster, as a share of the distance from its anchor to the nearest
                    * other anchor */
    int threads;   /* 0: all processors */
    gp_progress_fn progress; /* at least every 0.2 s, "project" in rows */
    void *user;
} gp_project_options;

/* Project rows as h-NNE version 1 does: a PCA of the standardised columns gives the anchors of the
 * coarsest clusters; then the children of each cluster are placed in a circle around its anchor.
 * Shape: rows [n, d] -> out [n, dims], dense, allocated by the caller; dims 2.
 * Cost: n * d * d / 2 multiplications, and the square of the number of clusters of each level;
 * memory 8 * d * d bytes and 50 bytes a row.
 * Errors: USAGE (dims, radius), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_hierarchy_project(const gp_hierarchy *hierarchy, const float *rows,
                                              size_t d, size_t dims,
                                              const gp_project_options *options, float *out,
                                              gp_error *err);

/* ------------------------------------------------------------------ HDBSCAN* */

typedef struct gp_hdbscan_options {
    size_t size;
    gp_metric metric;
    uint32_t min_cluster_size; /* at least 2 */
    uint32_t
        min_samples;   /* rank of the neighbour that gives the core distance; 0: min_cluster_size */
    bool leaf;         /* select the leaves of the tree; false: select clusters by excess of mass */
    bool allow_single; /* the root may be the only cluster */
    double epsilon;    /* clusters nearer than this are merged; 0: none */
    int threads;       /* 0: all processors */
    gp_progress_fn progress;
    void *user;
} gp_hdbscan_options;

/* An edge of the condensed tree: at density lambda = 1 / distance, `child` leaves `parent`.
 * Children below n are rows (size 1), others are clusters.  The root is n.  This struct never
 * grows. */
typedef struct gp_hdbscan_edge {
    uint32_t parent;
    uint32_t child;
    uint32_t size;
    double lambda;
} gp_hdbscan_edge;

typedef struct gp_hdbscan_tree {
    size_t size;
    size_t n;
    size_t edges;
    size_t clusters;
    gp_hdbscan_edge *edge; /* [edges] the whole condensed tree, parents first */
    uint32_t *selected;    /* [clusters] node of the tree for each label */
    double *stability;     /* [clusters] */
    int32_t *labels;       /* [n] 0 .. clusters - 1, in order of node; -1 noise */
    double *strength;      /* [n] 0..1: membership ("probabilities") */
    double *outlier;       /* [n] 0..1: GLOSH outlier score */
} gp_hdbscan_tree;

/* Cluster rows by HDBSCAN* (Campello, Moulavi, Sander 2013; McInnes and Healy 2017), exactly.
 * Edges of equal length are processed in the order in which Prim's algorithm finds them from row 0.
 * Shape: rows [n, d], n >= 2.
 * Cost: that of gp_neighbours, and at most n * n / 2 * d multiplications more; memory 4 * n * d
 * bytes and 40 * max(min_samples, 32) bytes a row.
 * Owns: *out is owned, gp_hdbscan_clear.
 * Errors: USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_hdbscan(const float *rows, size_t n, size_t d,
                                    const gp_hdbscan_options *options, gp_hdbscan_tree *out,
                                    gp_error *err);

/* Release a tree.
 * Threads: any. */
GP_API void gp_hdbscan_clear(gp_hdbscan_tree *tree);

/* ------------------------------------------------------------------ projections */

typedef struct gp_umap_options {
    size_t size;
    gp_metric metric;
    uint32_t neighbours; /* number of neighbours, including the row itself, as in umap-learn */
    uint32_t dims;
    uint32_t negative_samples;
    uint32_t epochs; /* 0: 500 up to 10,000 rows, else 200 */
    int threads;     /* 0: all processors */
    bool pca_init;   /* start from a PCA; false: from a spectral layout, or a PCA if that fails */
    double min_dist;
    double spread;
    double set_op_mix_ratio; /* 1: fuzzy union, 0: intersection */
    double recall;           /* recall of the neighbours, as in gp_neighbours_options */
    uint64_t seed;
    gp_progress_fn progress;
    void *user;
} gp_umap_options;

/* Compute a UMAP layout (McInnes, Healy, Melville 2018).
 * Shape: rows [n, d] -> out [n, dims], allocated by the caller.
 * Errors: USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_umap(const float *rows, size_t n, size_t d,
                                 const gp_umap_options *options, float *out, gp_error *err);

/* Place new rows on an existing layout.  The points of this layout do not move.
 * Shape: rows [n, d] with map [n, dims]; fresh [m, d] -> out [m, dims], allocated by the caller.
 * Errors: USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_umap_transform(const float *rows, const float *map, size_t n, size_t d,
                                           const float *fresh, size_t m,
                                           const gp_umap_options *options, float *out,
                                           gp_error *err);

typedef struct gp_pca_options {
    size_t size;
    int threads;             /* 0: all processors */
    gp_progress_fn progress; /* at least every 0.2 s, "pca" in rows */
    void *user;
} gp_pca_options;

/* Project rows on their principal components.  The largest loading of each component is positive.
 * Shape: rows [n, d] -> out [n, dims], dense, allocated by the caller; 1 <= dims <= d.
 * Cost: n * d * d / 2 multiplications; memory 8 * d * d bytes and 8 * dims bytes a row.
 * Errors: USAGE (dims), FORMAT (a number is not finite), STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_pca(const float *rows, size_t n, size_t d, size_t dims,
                                const gp_pca_options *options, float *out, gp_error *err);

/* ------------------------------------------------------------------ difficulty of prompts */

enum {
    GP_DIFFICULTY_MIN = 12 /* minimum number of prompts; with fewer, all scores stay
                            * unchanged */
};

typedef struct gp_difficulty {
    size_t size;
    size_t prompts;   /* prompts with an embedding and a scored image */
    double penalty;   /* penalty of the regression; NaN: nothing was corrected */
    double explained; /* share of the variance of prompt means that is predicted; NaN: unknown */
} gp_difficulty;

typedef struct gp_difficulty_options {
    size_t size;
    int threads;             /* 0: all processors */
    gp_progress_fn progress; /* at least every 0.2 s, "difficulty" in prompts */
    void *user;
} gp_difficulty_options;

/* Correct scores for the difficulty of their prompts.  A ridge regression (Hoerl and Kennard 1970)
 * predicts the mean score of a prompt's images from the prompt's embedding, scaled to length 1,
 * minus the mean embedding.  The regression is fitted without that prompt.  Then:
 *     corrected = score - prediction for its prompt + mean of the scores that are corrected
 * so the result is on the scale of the score.  One fit is enough: the error without a prompt is
 * e / (1 - h), with its residual e and leverage h (Allen 1974, PRESS).  Of 16 penalties (the mean
 * square of the rows times 10^-2, 10^-1.5, ... 10^5.5) the one with the smallest sum of squares of
 * these errors is used.  Each prompt counts once, whatever its number of images.
 * An image without a prompt, or whose prompt has no embedding, keeps its score.  A score that is
 * not finite gives NaN and is left out.  With fewer than GP_DIFFICULTY_MIN prompts, or with equal
 * embeddings, all images keep their scores.
 * Shape: score [n], prompt [n] (-1: no prompt), embeddings [prompts, d] (a row of zeros, or one
 * that is not finite: no embedding) -> corrected [n], allocated by the caller.  facts: may be NULL.
 * Cost: with m = min(prompts, d), 2 * prompts * d * m multiplications; memory 8 * m * m bytes and
 * 180 bytes a prompt.  100,000 prompts of 768 numbers take a minute on two processors.
 * Errors: USAGE (a prompt that is not below `prompts`), LIMIT, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_difficulty_correct(const double *score, const int32_t *prompt, size_t n,
                                               const float *embeddings, size_t prompts, size_t d,
                                               const gp_difficulty_options *options,
                                               double *corrected, gp_difficulty *facts,
                                               gp_error *err);

/* ------------------------------------------------------------------ slices */

typedef enum gp_feature_kind {
    GP_FEATURE_EMBEDDING,
    GP_FEATURE_CATEGORY,
    GP_FEATURE_ORDINAL,
    GP_FEATURE_NUMBER
} gp_feature_kind;

/* One column of the data: an input of gp_slices_find, or of gp_reasons_find.  All elements of an
 * array have the same `size`. */
typedef struct gp_feature {
    size_t size;
    const char *name;
    gp_feature_kind kind;
    bool unscaled;            /* NUMBER: do not scale ("disable_scaling") */
    const float *vectors;     /* EMBEDDING: [n, d] */
    size_t d;                 /* EMBEDDING: numbers of a row */
    const char *const *words; /* CATEGORY, ORDINAL: [n]; NULL: missing */
    const char *const *order; /* ORDINAL: [order_count], low to high */
    size_t order_count;
    const double *numbers; /* NUMBER: [n]; NaN: missing */
    double weight;         /* EMBEDDING: weight of this embedding; 0 means 1 */
} gp_feature;

typedef enum gp_slice_criterion {
    GP_SLICE_LIFT,
    GP_SLICE_SUPPORT,
    GP_SLICE_LIFT_SUPPORT /* lift times support */
} gp_slice_criterion;

typedef enum gp_slice_mode {
    GP_SLICE_HIGH, /* clusters with a high mean; sliceguard's metric_mode "min" */
    GP_SLICE_LOW   /* clusters with a low mean; sliceguard's metric_mode "max" */
} gp_slice_mode;

typedef enum gp_slice_profile {
    GP_SLICE_GOLDPAN, /* only significant slices (see alpha); nested slices are merged */
    GP_SLICE_FINAL,   /* sliceguard 0.0.35 */
    GP_SLICE_ARTICLE  /* sliceguard 0.0.8 */
} gp_slice_profile;

typedef struct gp_slices_options {
    size_t size;
    gp_slice_profile profile;
    gp_slice_mode mode;
    gp_slice_criterion criterion; /* how the n_slices best slices are selected */
    gp_metric metric;             /* metric of the hierarchy, if `reduce` is false */
    uint32_t min_support;         /* smallest number of rows of a slice; 0: not given */
    uint32_t n_slices;            /* 0: not given */
    uint32_t resamples;           /* rounds of the bootstrap and of the permutation test */
    int threads;                  /* 0: all processors */
    bool has_min_lift;
    bool parent_reference; /* lift is relative to the enclosing cluster; false: to all rows */
    bool remove_outliers;
    bool reduce;     /* reduce embeddings by UMAP first, as sliceguard does */
    double min_lift; /* smallest lift of a slice */
    double alpha;    /* GOLDPAN: slices have an adjusted p below this */
    uint64_t seed;
    /* Profile GOLDPAN: [n] number of each row's group, such as its prompt.  Rows of a group are not
     * independent: the permutation test shuffles whole groups, and the bootstrap of the intervals
     * draws whole groups.  A row with a negative number is a group of its own.  NULL: all rows are
     * independent. */
    const int32_t *group;
    gp_progress_fn progress;
    void *user;
} gp_slices_options;

typedef struct gp_slice {
    uint32_t level; /* 0 is the coarsest here, as in sliceguard */
    uint32_t cluster;
    uint32_t support;     /* number of rows */
    int32_t parent;       /* index of the enclosing slice; -1: none */
    const uint32_t *rows; /* [support] ascending */
    double value;         /* mean of the metric over the rows */
    double lift;          /* difference from the reference, positive in the direction of the mode */
    double low;           /* lower end of the 95 % bootstrap interval of lift */
    double high;          /* upper end; both are NaN in sliceguard's profiles and for one group */
    double effect;        /* lift in standard deviations (Hedges' g) */
    double p;             /* p-value of this cluster alone */
    double p_corrected;   /* p-value adjusted for all tested clusters (family-wise) */
    uint64_t reserved[4]; /* for later versions; 0 */
} gp_slice;

/* A cluster that was tested, for the table of lift by support.  This struct never grows. */
typedef struct gp_slice_cluster {
    uint32_t level;
    uint32_t cluster;
    uint32_t support;
    int32_t parent; /* the cluster one level coarser; -1 on level 0 */
    double value;
    double lift;
} gp_slice_cluster;

typedef struct gp_slices {
    size_t size;
    size_t n;
    size_t count;
    size_t cluster_count;
    size_t levels;
    size_t groups;              /* independent groups among the rows with a metric */
    gp_slice *slices;           /* [count] */
    gp_slice_cluster *clusters; /* [cluster_count] coarse to fine */
    uint32_t *labels;           /* [levels, n], level 0 the coarsest */
    uint32_t *row_block;        /* memory of the slices' rows */
    bool fallback;              /* no hierarchy was possible: clusters by HDBSCAN* */
    uint32_t min_support_used;  /* threshold as applied; 0: none */
    double min_lift_used;       /* threshold as applied; NaN or 0: none */
    double overall;             /* mean over all rows */
} gp_slices;

/* Find clusters of rows with a high (or low) mean of a metric, as sliceguard's find_issues does.
 * Rows whose metric is NaN are left out of every mean.
 * Shape: features [count], each over n rows; metric [n].
 * tree: a hierarchy of the same rows to use instead of building one; or NULL.
 * Owns: *out is owned, gp_slices_clear.
 * Errors: USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_slices_find(const gp_feature *features, size_t count,
                                        const double *metric, size_t n, const gp_hierarchy *tree,
                                        const gp_slices_options *options, gp_slices *out,
                                        gp_error *err);

/* Release slices.
 * Threads: any. */
GP_API void gp_slices_clear(gp_slices *slices);

/* ------------------------------------------------------------------ reasons */

/* A property that distinguishes the rows of a group from all other rows. */
typedef struct gp_reason {
    char kind[16];   /* "word", "phrase", "category", "setting", "number", "probe", "rule" */
    char *text;      /* such as "oil painting", "Category = Arts", "steps 30..50" */
    double strength; /* words: z of log-odds with a prior; rules: importance */
    double inside;   /* share of rows with the property, or mean of the number, inside the group */
    double outside;  /* the same share or mean, outside the group */
} gp_reason;

typedef struct gp_reasons {
    size_t size;
    size_t count;
    gp_reason *reason; /* [count] sorted by kind (words and phrases, categories, settings, probes,
                        * rules), then by strength, strongest first */
    char *title;       /* a few words */
} gp_reasons;

typedef struct gp_reasons_input {
    size_t size;
    size_t n;
    const char *const *texts;   /* [n] prompts, NULL entries allowed; or NULL */
    const gp_feature *features; /* [feature_count] categories and numbers to explain by */
    size_t feature_count;
    const float *vectors; /* [n, d] for the probes; or NULL */
    size_t d;
    const float *probes;            /* [probe_count, d] embedded words; or NULL */
    const char *const *probe_names; /* [probe_count] */
    size_t probe_count;
} gp_reasons_input;

typedef struct gp_reasons_options {
    size_t size;
    size_t max_each;         /* largest number of reasons of each kind */
    int threads;             /* 0: all processors; more than 4 are of no use */
    gp_progress_fn progress; /* at least every 0.2 s, "reasons" in rows */
    void *user;
} gp_reasons_options;

/* Find what distinguishes some rows from all other rows: words by log-odds with an informative
 * prior (Monroe, Colaresi and Quinn 2008), rules by a decision tree (CART, Breiman et al. 1984) as
 * sliceguard uses it.
 * Shape: inside [n].
 * Owns: *out is owned, gp_reasons_clear.
 * Errors: USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_reasons_find(const gp_reasons_input *input, const bool *inside,
                                         const gp_reasons_options *options, gp_reasons *out,
                                         gp_error *err);

/* Release reasons.
 * Threads: any. */
GP_API void gp_reasons_clear(gp_reasons *reasons);

/* ------------------------------------------------------------------ near-duplicates */

typedef struct gp_duplicates_options {
    size_t size;
    double min_cosine; /* minimum cosine to the representative of the group */
    uint32_t max_bits; /* perceptual hashes may differ in at most this many of 64 bits; needs
                        * `phashes` */
    int threads;       /* 0: all processors */
    gp_progress_fn progress;
    void *user;
} gp_duplicates_options;

typedef struct gp_duplicates {
    size_t size;
    size_t n;
    size_t groups;
    int32_t *group;           /* [n] -1: in no group */
    uint32_t *representative; /* [groups] row of the representative.  The cosine of each member to
                               * the representative is at least min_cosine; two members may have a
                               * smaller cosine */
    uint32_t *keeper;         /* [groups] row to keep */
    float *likeness;          /* [n] cosine to the representative */
} gp_duplicates;

/* Find groups of near-duplicates.  The best row without a group becomes a representative, and its
 * near-duplicates without a group join it.  This repeats until no row is left.
 * Shape: rows [n, d]; priority [n], higher first, NaN last; pixels [n] breaks ties; phashes [n],
 * perceptual hashes, or NULL.
 * Owns: *out is owned, gp_duplicates_clear.
 * Errors: USAGE, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_duplicates_find(const float *rows, size_t n, size_t d,
                                            const double *priority, const uint64_t *pixels,
                                            const uint64_t *phashes,
                                            const gp_duplicates_options *options,
                                            gp_duplicates *out, gp_error *err);

/* Release groups.
 * Threads: any. */
GP_API void gp_duplicates_clear(gp_duplicates *duplicates);

#ifdef __cplusplus
}
#endif
#endif
