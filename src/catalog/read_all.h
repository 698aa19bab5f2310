/* SPDX-License-Identifier: MIT
 * Everything about all images in a few passes, for those who show all of it: the explorer and the static site.
 * Private forms, like catalog.h; strings borrowed until the callback returns. */
#ifndef GP_CATALOG_READ_ALL_H
#define GP_CATALOG_READ_ALL_H

#include "base/hash.h"
#include "base/status.h"

/* Several reads that see one state of the catalog. */
gp_status gp_cat_read_begin(gp_catalog *cat, gp_error *err);
void gp_cat_read_end(gp_catalog *cat);

typedef struct gp_cat_summary {
    char *scorer; /* its key; NULL: nothing is scored.  Owned, with the other texts: gp_cat_summary_clear */
    char *name, *scale, *model;
    char *note; /* of the analysis: what did not fit; NULL where there is none */
    bool higher_better;
    int64_t number, encoder, analysis; /* 0: none */
    uint64_t images, failures;
} gp_cat_summary;
/* scorer: a key, or NULL for the one used last. */
gp_status gp_cat_summary_read(gp_catalog *cat, const char *scorer, gp_cat_summary *out, gp_error *err);
void gp_cat_summary_clear(gp_cat_summary *facts);

/* Absent numbers are NaN, absent texts NULL, absent places -1. */
typedef struct gp_cat_full_row {
    int64_t image, prompt;   /* prompt 0: the image has no prompt */
    gp_hash hash, file_hash; /* file_hash: hash of the file now at `path` */
    uint64_t bytes;
    int64_t added; /* seconds since 1970 */
    uint32_t width, height, orientation;
    const char *path, *format, *negative, *source, *settings, *apart, *evidence;
    double score, z_prompt, z_category, percentile, corrected, x, y, likeness;
    int64_t category; /* its place */
    int64_t group;    /* id of the group of near copies */
    bool picked, keeper;
    int flag, stars;
    bool measured; /* `quality` is known */
    gp_quality quality;
} gp_cat_full_row;
/* Images that are on the disk, by id. */
gp_status gp_cat_full_rows(gp_catalog *cat, const gp_cat_summary *facts,
                           bool (*visit)(void *user, const gp_cat_full_row *row), void *user, gp_error *err);
/* All prompts, by id. */
gp_status gp_cat_prompts_visit(gp_catalog *cat, bool (*visit)(void *user, int64_t id, const char *text), void *user,
                               gp_error *err);

/* One image in full. */
typedef struct gp_cat_detail {
    const char *prompt, *raw, *negative, *source, *settings, *reason, *failure, *evidence;
    const char *const *paths; /* [path_count], those on the disk first */
    size_t path_count;
    bool embedded; /* a candidate with an embedding by the encoder: a search can use the image */
} gp_cat_detail;
gp_status gp_cat_detail_read(gp_catalog *cat, const gp_cat_summary *facts, int64_t image,
                             void (*visit)(void *user, const gp_cat_detail *detail), void *user, gp_error *err);

#endif
