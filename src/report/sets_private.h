/* SPDX-License-Identifier: MIT
 * Private to the data sets of an export: sets.c reads rows and passes them on, sets_open.c opens and commits files,
 * sets_parquet.c makes the columns of the Parquet files. */
#ifndef GP_REPORT_SETS_PRIVATE_H
#define GP_REPORT_SETS_PRIVATE_H

#include "catalog/row_extra.h"
#include "dataset/html_report.h"
#include "dataset/npy_set.h"
#include "dataset/parquet_write.h"
#include "dataset/text_sets.h"
#include "dataset/web_set.h"
#include "report/sets.h"

/* What comes before the columns of the record. */
typedef enum gp_set_lead {
    GP_LEAD_NONE,
    GP_LEAD_IMAGE, /* image: the bytes of the file */
    GP_LEAD_CLIP   /* image_path, caption: clip-retrieval's names */
} gp_set_lead;

enum { GP_SET_COLUMNS_MAX = GP_RECORD_COLUMNS + 4 };

/* A Parquet file that is being written; its columns must not move. */
typedef struct gp_parquet_set {
    gp_set_lead lead;
    bool vectors;
    gp_set_column columns[GP_SET_COLUMNS_MAX];
    size_t count;
    gp_set_file *file;
    gp_parquet_writer *writer; /* NULL: not open */
} gp_parquet_set;

struct gp_export_sets {
    gp_catalog *cat;
    const gp_export_options *options;
    gp_cat_summary facts;
    gp_cat_extra extra;
    char *folder; /* absolute; owned */
    uint64_t planned, row, shard_bytes;
    uint64_t *starts; /* [shards] number of the first row of each shard of hf-parquet */
    size_t shards, shards_capacity, shard;
    uint64_t planned_bytes; /* of the last shard */
    uint64_t text_vectors;  /* rows of clip-retrieval whose prompt has an embedding */
    gp_set_files *files;    /* borrowed */
    gp_parquet_set table, images, clip;
    gp_text_writer *json, *samples, *tasks, *ids;
    gp_npy_set *vectors, *clip_images, *clip_texts;
    gp_web_writer *web;
    gp_html_writer *html;
};

/* Values of a row beside the record. */
typedef struct gp_set_image {
    const void *bytes; /* NULL: not read */
    size_t size;
} gp_set_image;

bool gp_sets_want(const gp_export_sets *s, gp_export_format format);
gp_status gp_sets_open(gp_export_sets *s, gp_error *err);
gp_status gp_sets_commit(gp_export_sets *s, gp_error *err);
void gp_sets_abort(gp_export_sets *s);

gp_status gp_parquet_set_open(gp_export_sets *s, gp_parquet_set *set, const char *name, gp_set_lead lead, bool vectors,
                              gp_error *err);
gp_status gp_parquet_set_row(gp_export_sets *s, gp_parquet_set *set, const gp_set_record *record, gp_set_image image,
                             gp_error *err);
gp_status gp_parquet_set_commit(gp_parquet_set *set, gp_error *err);
void gp_parquet_set_abort(gp_parquet_set *set);
/* Opens the next shard of hf-parquet. */
gp_status gp_sets_next_shard(gp_export_sets *s, gp_error *err);

#endif
