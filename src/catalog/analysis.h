/* SPDX-License-Identifier: MIT
 * Stores and reads the results of analyses. There is one analysis per scorer; a new one replaces all of it in one
 * transaction. The map of an encoder is stored separately: it stays, and new images are added to it. The types are
 * internal, like those of catalog.h. */
#ifndef GP_CATALOG_ANALYSIS_H
#define GP_CATALOG_ANALYSIS_H

#include "base/hash.h"
#include "base/status.h"

/* ------------------------------------------------------------------ input of an analysis */

/* All images that are on disk and have an embedding by the scorer's encoder. They are sorted by content hash, so that
 * the result does not depend on the order in which they were added. */
typedef struct gp_cat_matrix {
    size_t n;
    uint32_t dims;
    int64_t encoder;
    int64_t *images;  /* [n] */
    int64_t *prompts; /* [n]; 0: no prompt */
    gp_hash *hashes;  /* [n] */
    double *scores;   /* [n] score for the current prompt; NaN: none; negated if lower is better */
    uint64_t *pixels; /* [n] width * height */
    uint64_t *bytes;  /* [n] */
    char **paths;     /* [n] first path that is not missing */
    char **texts;     /* [n] the prompt as the text tower reads it; NULL: none */
    char **settings;  /* [n] JSON object or NULL */
    float *vectors;   /* [n, dims], 64-byte aligned; NULL if the vectors were not requested */
} gp_cat_matrix;
/* Columns that need much memory and are read only on request. If a column was not requested, it is NULL for every
 * row. */
enum { GP_MATRIX_TEXTS = 1, GP_MATRIX_SETTINGS = 2, GP_MATRIX_VECTORS = 4, GP_MATRIX_ALL = 7 };
/* Reads the matrix with the requested columns. scorer: the scorer's key. columns: GP_MATRIX_... bits. The caller owns
 * *out: gp_cat_matrix_clear. */
gp_status gp_cat_matrix_columns(gp_catalog *cat, const char *scorer, unsigned columns, gp_cat_matrix *out,
                                gp_error *err);
/* Reads all columns. */
gp_status gp_cat_matrix_read(gp_catalog *cat, const char *scorer, gp_cat_matrix *out, gp_error *err);
void gp_cat_matrix_clear(gp_cat_matrix *matrix);
/* Reads the text embeddings of the distinct prompts among `prompts` [n]: *ids [count] ascending, *vectors [count,
 * dims]. Prompts without an embedding are left out. The caller owns both: gp_mem_free. */
gp_status gp_cat_prompt_vectors(gp_catalog *cat, int64_t encoder, const int64_t *prompts, size_t n, int64_t **ids,
                                float **vectors, size_t *count, gp_error *err);

/* ------------------------------------------------------------------ output of an analysis */

/* All arrays are borrowed for the duration of the call. Row i belongs to images[i]. */
typedef struct gp_cat_level {
    uint32_t count;          /* number of clusters */
    const uint32_t *cluster; /* [n] */
    const uint32_t *parent;  /* [count] cluster of the next coarser level; NULL on level 0, the coarsest */
} gp_cat_level;
typedef struct gp_cat_category {
    const char *name;   /* as shown to the user */
    const char *source; /* "column Category", "hierarchy level 1", "labels" */
    uint32_t support;
    double mean, sd; /* mean and standard deviation of the scores; NaN: no scores */
    double weight;   /* weight of the category's own mean in its shrunken mean, 0..1 */
} gp_cat_category;
typedef struct gp_cat_slice {
    const char *space; /* "images" or "prompts" */
    int32_t category;  /* the slice lies within this category; -1: it was searched in all images */
    uint32_t level, cluster, support;
    const uint32_t *rows; /* [support] */
    double value, lift, low, high, effect, p, p_corrected;
    int32_t parent; /* index of the slice that contains this slice; -1: none */
    const char *title, *reasons_json;
} gp_cat_slice;
typedef struct gp_cat_group {
    uint32_t representative, keeper; /* row indices */
    const char *reason;              /* why this image is the image of the group to keep */
} gp_cat_group;
typedef struct gp_cat_analysis {
    const char *scorer, *settings_json;
    size_t n;
    const int64_t *images; /* [n] */
    const gp_cat_level *levels;
    size_t level_count; /* levels are ordered from coarse to fine */
    const gp_cat_category *categories;
    size_t category_count;
    const int32_t *category; /* [n]; -1: none */
    const gp_cat_slice *slices;
    size_t slice_count;
    const gp_cat_group *groups;
    size_t group_count;
    const int32_t *group;  /* [n]; -1: in no group */
    const float *likeness; /* [n] cosine similarity to the group's representative */
    /* [n] statistics of each image; NaN: none; percentile: 0..100 within the category */
    const double *z_prompt, *z_category, *percentile, *corrected;
} gp_cat_analysis;
/* Replaces the analysis of this scorer in one transaction. */
gp_status gp_cat_analysis_put(gp_catalog *cat, const gp_cat_analysis *analysis, gp_error *err);

/* ------------------------------------------------------------------ the map: 2-D positions of images, per encoder */
/* Reads positions: place [n, 2]; known [n]: whether the image has a position. The caller owns *settings_json
 * (gp_mem_free); it is NULL if there is no map yet. */
gp_status gp_cat_map_read(gp_catalog *cat, int64_t encoder, const int64_t *images, size_t n, float *place, bool *known,
                          char **settings_json, gp_error *err);
/* Stores positions. replace: delete all earlier positions first. */
gp_status gp_cat_map_put(gp_catalog *cat, int64_t encoder, const char *settings_json, const int64_t *images,
                         const float *place, size_t n, bool replace, gp_error *err);

/* ------------------------------------------------------------------ reading an analysis */
typedef struct gp_cat_image_stats {
    int64_t image;
    int32_t category, group; /* -1: none */
    bool keeper;
    double z_prompt, z_category, percentile, corrected;
} gp_cat_image_stats;
/* Reads the statistics of all images of an analysis, by image id. NOT_FOUND if there is no analysis by this scorer. The
 * caller owns *out: gp_mem_free. */
gp_status gp_cat_image_stats_all(gp_catalog *cat, const char *scorer, gp_cat_image_stats **out, size_t *count,
                                 gp_error *err);
/* These functions fill the public types of goldpan.h. Everything passed to `visit` is borrowed until `visit` returns.
 * `visit` returns false to stop. NOT_FOUND: there is no analysis by this scorer. */
gp_status gp_cat_slices_visit(gp_catalog *cat, const char *scorer,
                              bool (*visit)(void *user, const gp_analysis_slice *slice), void *user, gp_error *err);
gp_status gp_cat_category_quality(gp_catalog *cat, const char *scorer, gp_category_quality *out, gp_error *err);
gp_status gp_cat_categories_visit(gp_catalog *cat, const char *scorer,
                                  bool (*visit)(void *user, const gp_analysis_category *category), void *user,
                                  gp_error *err);
gp_status gp_cat_groups_visit(gp_catalog *cat, const char *scorer,
                              bool (*visit)(void *user, const gp_analysis_group *group), void *user, gp_error *err);

#endif
