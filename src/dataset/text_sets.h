/* SPDX-License-Identifier: MIT
 * Data sets that are JSON text: an array of records, the import forms of FiftyOne and Label Studio, and the records of
 * the rows of a matrix of embeddings. */
#ifndef GP_DATASET_TEXT_SETS_H
#define GP_DATASET_TEXT_SETS_H

#include "dataset/record.h"
#include "dataset/set_file.h"

typedef enum gp_text_set {
    GP_TEXT_RECORDS,      /* a JSON array of records */
    GP_TEXT_LINES,        /* a record on each line */
    GP_TEXT_FIFTYONE,     /* samples.json of FiftyOne's LegacyFiftyOneDataset */
    GP_TEXT_LABEL_STUDIO, /* an array of tasks */
} gp_text_set;

typedef struct gp_text_writer gp_text_writer;
/* folder: the absolute path of the folder of the export; borrowed until the end. */
gp_status gp_text_writer_open(gp_set_files *files, const char *name, gp_text_set set, const char *folder,
                              gp_text_writer **out, gp_error *err);
gp_status gp_text_writer_row(gp_text_writer *w, const gp_set_record *record, gp_error *err);
gp_status gp_text_writer_commit(gp_text_writer *w, gp_error *err); /* frees in both outcomes */
void gp_text_writer_abort(gp_text_writer *w);                      /* NULL allowed */

/* Appends "/data/local-files/?d=...", by which Label Studio serves a local file: the path relative to its document
 * root, percent-encoded. */
void gp_label_studio_put_address(gp_str *out, const char *path);

#endif
