/* SPDX-License-Identifier: MIT
 * What `find` leaves in the catalog: one analysis a scorer, replaced whole in one transaction; the map of an encoder
 * stays and only grows.  Private forms, like catalog.h. */
#ifndef GP_CATALOG_ANALYSIS_H
#define GP_CATALOG_ANALYSIS_H

#include "base/hash.h"
#include "base/status.h"

/* ------------------------------------------------------------------ what an analysis reads */

/* Images that are on disk and have an embedding by the scorer's encoder, in order of content hash, so that the order
 * of adding does not matter. */
typedef struct gp_cat_matrix {
    size_t n;
    uint32_t dims;
    int64_t encoder;
    int64_t *images;  /* [n] */
    int64_t *prompts; /* [n] 0: none */
    gp_hash *hashes;  /* [n] */
    double *scores;   /* [n] by the scorer for the current prompt; NaN: none; negated where lower is better */
    uint64_t *pixels; /* [n] width * height */
    uint64_t *bytes;  /* [n] */
    char **paths;     /* [n] the first that is not missing */
    char **texts;     /* [n] prompt as the tower reads it, NULL without */
    char **settings;  /* [n] JSON object or NULL */
    float *vectors;   /* [n, dims], 64-byte aligned; NULL if the vectors were not read */
} gp_cat_matrix;
/* Columns that cost much memory and are read only on request.  A column that is not read stays NULL in every row. */
enum { GP_MATRIX_TEXTS = 1, GP_MATRIX_SETTINGS = 2, GP_MATRIX_VECTORS = 4, GP_MATRIX_ALL = 7 };
/* scorer: its key.  columns: GP_MATRIX_... bits.  Owns: *out, gp_cat_matrix_clear. */
gp_status gp_cat_matrix_columns(gp_catalog *cat, const char *scorer, unsigned columns, gp_cat_matrix *out,
                                gp_error *err);
/* Reads all columns. */
gp_status gp_cat_matrix_read(gp_catalog *cat, const char *scorer, gp_cat_matrix *out, gp_error *err);
void gp_cat_matrix_clear(gp_cat_matrix *matrix);
/* Text embeddings of the distinct prompts among `prompts` [n]: *ids [count] ascending, *vectors [count, dims].
 * Prompts without an embedding are left out.  Owns: both, gp_mem_free. */
gp_status gp_cat_prompt_vectors(gp_catalog *cat, int64_t encoder, const int64_t *prompts, size_t n, int64_t **ids,
                                float **vectors, size_t *count, gp_error *err);

/* ------------------------------------------------------------------ what it writes */

/* All arrays borrowed for the call; rows i stand for images[i]. */
typedef struct gp_cat_level {
    uint32_t count;          /* clusters */
    const uint32_t *cluster; /* [n] */
    const uint32_t *parent;  /* [count] cluster one level coarser; NULL on level 0 (the coarsest) */
} gp_cat_level;
typedef struct gp_cat_category {
    const char *name;   /* what the user sees */
    const char *source; /* "column Category", "hierarchy level 1", "labels" */
    uint32_t support;
    double mean, sd; /* of the score; NaN without */
    double weight;   /* shrinkage applied to its mean, 0..1 */
} gp_cat_category;
typedef struct gp_cat_slice {
    const char *space; /* "images" or "prompts" */
    int32_t category;  /* within this category, or -1: over all */
    uint32_t level, cluster, support;
    const uint32_t *rows; /* [support] */
    double value, lift, low, high, effect, p, p_corrected;
    int32_t parent; /* index of the slice that holds it, -1 */
    const char *title, *reasons_json;
} gp_cat_slice;
typedef struct gp_cat_group {
    uint32_t representative, keeper; /* rows */
    const char *reason;              /* why the keeper */
} gp_cat_group;
typedef struct gp_cat_analysis {
    const char *scorer, *settings_json;
    size_t n;
    const int64_t *images; /* [n] */
    const gp_cat_level *levels;
    size_t level_count; /* coarse to fine */
    const gp_cat_category *categories;
    size_t category_count;
    const int32_t *category; /* [n] -1: none */
    const gp_cat_slice *slices;
    size_t slice_count;
    const gp_cat_group *groups;
    size_t group_count;
    const int32_t *group;                                         /* [n] -1: alone */
    const float *likeness;                                        /* [n] cosine to the group's representative */
    const double *z_prompt, *z_category, *percentile, *corrected; /* [n] NaN: none; percentile 0..100 within category */
} gp_cat_analysis;
/* Replace the analysis of this scorer.  One transaction. */
gp_status gp_cat_analysis_put(gp_catalog *cat, const gp_cat_analysis *analysis, gp_error *err);

/* ------------------------------------------------------------------ the map: 2-D places of images by encoder */
/* place [n, 2], known [n]: which of the images have a place; settings_json owned (gp_mem_free), NULL: no map yet. */
gp_status gp_cat_map_read(gp_catalog *cat, int64_t encoder, const int64_t *images, size_t n, float *place, bool *known,
                          char **settings_json, gp_error *err);
/* replace: forget the places there are. */
gp_status gp_cat_map_put(gp_catalog *cat, int64_t encoder, const char *settings_json, const int64_t *images,
                         const float *place, size_t n, bool replace, gp_error *err);

/* ------------------------------------------------------------------ reading back, for people and for pick */
typedef struct gp_cat_image_stats {
    int64_t image;
    int32_t category, group; /* -1 none */
    bool keeper;
    double z_prompt, z_category, percentile, corrected;
} gp_cat_image_stats;
/* All of an analysis, by image id.  NOT_FOUND: nothing analysed by this scorer ("... run 'goldpan slices'").
 * Owns: *out, gp_mem_free. */
gp_status gp_cat_image_stats_all(gp_catalog *cat, const char *scorer, gp_cat_image_stats **out, size_t *count,
                                 gp_error *err);
/* The public forms of goldpan.h: everything borrowed until visit returns, which returns false to end early.  NOT_FOUND
 * as above. */
gp_status gp_cat_slices_visit(gp_catalog *cat, const char *scorer,
                              bool (*visit)(void *user, const gp_analysis_slice *slice), void *user, gp_error *err);
gp_status gp_cat_category_quality(gp_catalog *cat, const char *scorer, gp_category_quality *out, gp_error *err);
gp_status gp_cat_categories_visit(gp_catalog *cat, const char *scorer,
                                  bool (*visit)(void *user, const gp_analysis_category *category), void *user,
                                  gp_error *err);
gp_status gp_cat_groups_visit(gp_catalog *cat, const char *scorer,
                              bool (*visit)(void *user, const gp_analysis_group *group), void *user, gp_error *err);

#endif
