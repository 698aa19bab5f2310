/* SPDX-License-Identifier: MIT
 * Reads all images with their prompts and results in a few passes, for the explorer and the static site. The types are
 * internal, like those of catalog.h. Strings are borrowed until the callback returns. */
#ifndef GP_CATALOG_READ_ALL_H
#define GP_CATALOG_READ_ALL_H

#include "base/hash.h"
#include "base/status.h"

/* Between these calls all reads see the same state of the catalog. */
gp_status gp_cat_read_begin(gp_catalog *cat, gp_error *err);
void gp_cat_read_end(gp_catalog *cat);

typedef struct gp_cat_summary {
    char *scorer; /* key; NULL: nothing is scored. All texts are owned: gp_cat_summary_clear */
    char *name, *scale, *model;
    char *note; /* note of the analysis, such as data that did not fit; NULL: none */
    bool higher_better;
    int64_t number, encoder, analysis; /* ids; 0: none */
    uint64_t images, failures;
} gp_cat_summary;
/* scorer: a key, or NULL for the scorer used last. */
gp_status gp_cat_summary_read(gp_catalog *cat, const char *scorer, gp_cat_summary *out, gp_error *err);
void gp_cat_summary_clear(gp_cat_summary *facts);

/* Absent numbers are NaN, absent texts NULL, absent indices -1. */
typedef struct gp_cat_full_row {
    int64_t image, prompt;   /* prompt 0: the image has no prompt */
    gp_hash hash, file_hash; /* file_hash: hash of the file now at `path` */
    uint64_t bytes;
    int64_t added; /* Unix time in seconds */
    uint32_t width, height, orientation;
    const char *path, *format, *negative, *source, *settings, *apart, *evidence;
    double score, z_prompt, z_category, percentile, corrected, x, y, likeness;
    int64_t category; /* position of the category in the analysis */
    int64_t group;    /* id of the near-duplicate group */
    bool picked, keeper;
    int flag, stars;
    bool measured; /* `quality` is valid */
    gp_quality quality;
} gp_cat_full_row;
/* Visits the images on disk, by id. */
gp_status gp_cat_full_rows(gp_catalog *cat, const gp_cat_summary *facts,
                           bool (*visit)(void *user, const gp_cat_full_row *row), void *user, gp_error *err);
/* A scorer that has scores. Texts are borrowed until the callback returns. */
typedef struct gp_cat_scorer_name {
    const char *id, *name, *model, *precision; /* "" for model and precision: the scorer has no encoder */
    const char *scale;
    bool higher_better;
    int64_t encoder; /* 0: none */
} gp_cat_scorer_name;
/* Visits the scorers that have scores, the one used last first, until `visit` returns false. */
gp_status gp_cat_scorers_scored(gp_catalog *cat, bool (*visit)(void *user, const gp_cat_scorer_name *scorer),
                                void *user, gp_error *err);
/* Visits the scores of one scorer (a key) for the present prompts of the candidates, in no order. */
gp_status gp_cat_score_column(gp_catalog *cat, const char *scorer,
                              void (*visit)(void *user, int64_t image, double score), void *user, gp_error *err);
/* Visits the candidates on disk that have a prompt and an embedding by the encoder, by prompt and image. */
gp_status gp_cat_candidates_visit(gp_catalog *cat, int64_t encoder,
                                  void (*visit)(void *user, int64_t image, int64_t prompt), void *user, gp_error *err);
/* Replaces all scores of a scorer (a key) by scores [n] of these images and prompts. NaN: the image gets no score. */
gp_status gp_cat_scores_replace(gp_catalog *cat, const char *scorer, const int64_t *images, const int64_t *prompts,
                                const double *scores, size_t n, gp_error *err);
/* Visits all prompts, by id. */
gp_status gp_cat_prompts_visit(gp_catalog *cat, bool (*visit)(void *user, int64_t id, const char *text), void *user,
                               gp_error *err);

/* All details of one image. */
typedef struct gp_cat_detail {
    const char *prompt, *raw, *negative, *source, *settings, *reason, *failure, *evidence;
    const char *const *paths; /* [path_count], existing files first */
    size_t path_count;
    /* the image is a candidate and has an embedding by the encoder, so a search can use it as an example */
    bool embedded;
    const char *generator; /* address of the generator that made the image (GP_CAT_WEB_ADDRESS); NULL: unknown */
} gp_cat_detail;
gp_status gp_cat_detail_read(gp_catalog *cat, const gp_cat_summary *facts, int64_t image,
                             void (*visit)(void *user, const gp_cat_detail *detail), void *user, gp_error *err);

#endif
