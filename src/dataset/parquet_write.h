/* SPDX-License-Identifier: MIT
 * Writes Parquet: flat columns, lists of texts and of float32 numbers, and images as Hugging Face stores them, a
 * struct {bytes, path}.  Encoding PLAIN, compression Snappy except for images and vectors, which would not shrink.
 * Memory: one row group, which ends after 32 MiB of values or 65,536 rows; a single row may be larger. */
#ifndef GP_DATASET_PARQUET_WRITE_H
#define GP_DATASET_PARQUET_WRITE_H

#include "dataset/set_column.h"
#include "dataset/set_file.h"

typedef struct gp_parquet_writer gp_parquet_writer;
/* Begins a file.  `file` and `columns` [count] are borrowed until the end. */
gp_status gp_parquet_writer_open(gp_set_file *file, const gp_set_column *columns, size_t count, gp_parquet_writer **out,
                                 gp_error *err);
/* Appends a row: values [count].  Texts that are not UTF-8 get U+FFFD for each invalid byte. */
gp_status gp_parquet_writer_row(gp_parquet_writer *w, const gp_set_value *values, gp_error *err);
/* Writes the last row group and the footer; frees `w`, also after an error.  hugging_face: the footer describes the
 * columns for the library `datasets`, so that it decodes the images. */
gp_status gp_parquet_writer_end(gp_parquet_writer *w, bool hugging_face, gp_error *err);
void gp_parquet_writer_abort(gp_parquet_writer *w); /* NULL allowed */

#endif
