/* SPDX-License-Identifier: MIT
 * NumPy arrays and tables from files.  Include <goldpan.h>, which explains the conventions. */
#ifndef GOLDPAN_TABLES_H
#define GOLDPAN_TABLES_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Read a NumPy file, format 1.0 to 3.0: f2, f4, f8 or integers, C order, little endian, with one
 * dimension (d = 1) or two.
 * Owns: *rows [n, d] is owned, gp_free.
 * Errors: IO, NOT_FOUND, FORMAT, UNSUPPORTED, LIMIT.
 * Threads: any. */
GP_API GP_MUST gp_status gp_npy_read(const char *path, float **rows, size_t *n, size_t *d,
                                     gp_error *err);

/* A table in memory. */
typedef struct gp_columns gp_columns;

/* Read a whole table: CSV, TSV, JSON, JSONL or Parquet.  Notes report what was left out.
 * progress, note: may be NULL.
 * Owns: *out is owned, gp_columns_close.
 * Errors: IO, NOT_FOUND, FORMAT, UNSUPPORTED, LIMIT, STOPPED.
 * Threads: any. */
GP_API GP_MUST gp_status gp_columns_open(const char *path, gp_progress_fn progress, void *user,
                                         gp_note_fn note, void *note_user, gp_columns **out,
                                         gp_error *err);

/* Close a table.  NULL is allowed.
 * Threads: one; no other call may use the table. */
GP_API void gp_columns_close(gp_columns *table);

/* Number of rows, and number of columns.
 * Threads: any. */
GP_API size_t gp_columns_rows(const gp_columns *table);
GP_API size_t gp_columns_count(const gp_columns *table);

/* Returns the name of a column, borrowed until gp_columns_close.
 * Threads: any. */
GP_API const char *gp_columns_name(const gp_columns *table, size_t column);

/* Returns the index of the column of this name; SIZE_MAX if there is none.
 * Threads: any. */
GP_API size_t gp_columns_find(const gp_columns *table, const char *name);

/* Returns the text of a cell, borrowed until gp_columns_close; NULL if it is empty.
 * Threads: any. */
GP_API const char *gp_columns_cell(const gp_columns *table, size_t row, size_t column);

/* Read a column as numbers.  A missing cell gives NaN.
 * Shape: out [rows], allocated by the caller.
 * Errors: USAGE (the message names the first cell that is not a number).
 * Threads: any. */
GP_API GP_MUST gp_status gp_columns_numbers(const gp_columns *table, size_t column, double *out,
                                            gp_error *err);

/* Read a column of vectors: lists, or texts such as "[0.1, 0.2]".
 * Owns: *out [rows, d] is owned, gp_free.
 * Errors: USAGE (the message names the first cell that is not a vector of that length).
 * Threads: any. */
GP_API GP_MUST gp_status gp_columns_vectors(const gp_columns *table, size_t column, float **out,
                                            size_t *d, gp_error *err);

#ifdef __cplusplus
}
#endif
#endif
