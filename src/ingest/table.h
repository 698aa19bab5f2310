/* SPDX-License-Identifier: MIT
 * Prompt tables: CSV, TSV (quotes literal unless the file quotes by RFC 4180: see table_csv.c), JSON (records or
 * pandas' column orient), JSONL, Parquet.  Read whole (limit 1 GiB); rows point into it. */
#ifndef GP_INGEST_TABLE_H
#define GP_INGEST_TABLE_H

#include "base/status.h"
#include "base/str.h"

typedef struct gp_table gp_table;
/* Kind by extension, then by content.  Errors: NOT_FOUND, FORMAT (names file, line and what is wrong), LIMIT. */
gp_status gp_table_open(const char *path, gp_table **out, gp_error *err);
/* The same from memory: kind "csv", "tsv", "json", "jsonl", or NULL (by content).  bytes are copied. */
gp_status gp_table_parse(const char *name, const void *bytes, size_t size, const char *kind, gp_table **out,
                         gp_error *err);
void gp_table_close(gp_table *table);
const char *gp_table_name(const gp_table *table); /* base name of the file */
size_t gp_table_rows(const gp_table *table);
size_t gp_table_columns(const gp_table *table);
const char *gp_table_column(const gp_table *table, size_t column);
/* Cell as text (numbers as written, nested JSON compact); NULL for an absent or null cell.  Borrowed. */
const char *gp_table_cell(const gp_table *table, size_t row, size_t column);
/* "column":"cell",... of a row: members of an object, but for two columns (SIZE_MAX: none) and empty cells. */
void gp_table_put_extras(const gp_table *table, size_t row, size_t but, size_t and_but, gp_str *out);
/* Column by exact name, else by name ignoring case; SIZE_MAX if none. */
size_t gp_table_find(const gp_table *table, const char *name);
/* The image and the prompt column: the wanted names (NULL: looked for among the usual ones: file_name, image, path,
 * file, filename, image_path, ... / prompt, Prompt, text, caption, ...).  USAGE names the columns there are.
 * Also indexes the rows by the image column, for gp_table_row_of. */
gp_status gp_table_roles(gp_table *table, const char *image_column, const char *prompt_column, size_t *image,
                         size_t *prompt, gp_error *err);
/* The prompt column alone, likewise. */
gp_status gp_table_prompt_column(const gp_table *table, const char *wanted, size_t *prompt, gp_error *err);
/* Row whose image cell names `path` (absolute): exact path, path relative to the table's folder or to `root`, else the
 * base name if it is unique in the table.  SIZE_MAX if none.  `image_column`: as gp_table_roles gave it.  Threads: any.
 */
size_t gp_table_row_of(const gp_table *table, size_t image_column, const char *path, const char *root);

#endif
