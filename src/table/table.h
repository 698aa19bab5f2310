/* SPDX-License-Identifier: MIT
 * Prompt tables: CSV, TSV (quotes literal unless the file quotes by RFC 4180: see table_csv.c), JSON (all forms of
 * pandas), JSONL, Parquet.  Text in any encoding of encoding.h; limit 1 GiB.
 * Each form may be compressed with gzip or zstd (archive/unpack.h); the limit also holds for the unpacked bytes.
 *
 * Rows and columns that cannot be read are left out and counted; gp_table_notes reports them.
 *
 * Maximum memory, while reading and afterwards: for CSV, TSV, JSON and JSONL 4 times the file's bytes; for Parquet,
 * which is compressed, the file, 1 GiB of cells, and one page with its dictionary. */
#ifndef GP_TABLE_TABLE_H
#define GP_TABLE_TABLE_H

#include "base/clock.h"
#include "base/status.h"
#include "base/str.h"

typedef struct gp_table gp_table;
/* Reads a table. The kind is found by the extension, else by the content. `watch` may be NULL. Errors: NOT_FOUND,
 * FORMAT (names the file, the line and what is wrong), LIMIT, STOPPED. */
gp_status gp_table_read(const char *path, gp_watch *watch, gp_table **out, gp_error *err);
gp_status gp_table_open(const char *path, gp_table **out, gp_error *err);
/* Parses a table in memory.  `kind`: "csv", "tsv", "json", "jsonl", or NULL (found by the content).  Copies the
 * bytes. */
gp_status gp_table_parse(const char *name, const void *bytes, size_t size, const char *kind, gp_table **out,
                         gp_error *err);
void gp_table_close(gp_table *table);
const char *gp_table_name(const gp_table *table);   /* base name of the file */
const char *gp_table_folder(const gp_table *table); /* absolute path of the file's folder */
size_t gp_table_rows(const gp_table *table);
size_t gp_table_columns(const gp_table *table);
const char *gp_table_column(const gp_table *table, size_t column);
/* Returns a cell as text (numbers as written, nested JSON compact); NULL: an absent or null cell.  Borrowed. */
const char *gp_table_cell(const gp_table *table, size_t row, size_t column);
/* Appends the cells "column":"cell",... of a row as members of a JSON object; numbers of known settings (seed,
 * steps ...) as numbers.  Leaves out empty cells and the columns `but` and `and_but` (SIZE_MAX: no column). */
void gp_table_put_extras(const gp_table *table, size_t row, size_t but, size_t and_but, gp_str *out);
/* Returns the text of a cell.  For an object with a path or a text (JSON) returns that; for a list of texts (JSON, or as
 * Python prints it) the first text, both stored in `room`.  Returns NULL for an absent cell and for a list without text.
 * If memory runs out, sets room->failed. */
const char *gp_table_text(const gp_table *table, size_t row, size_t column, gp_str *room);
/* Returns true for a missing value as pandas prints it: "nan", "NaN", "None", "<NA>". */
bool gp_table_is_nan(const char *cell);
/* Finds a column by its exact name, otherwise without regard to case; SIZE_MAX: not found. */
size_t gp_table_find(const gp_table *table, const char *name);
/* Finds the image and the prompt column by the given names.  NULL: finds a column with a usual name (file_name,
 * image, path, file, filename, image_path, ... / prompt, Prompt, text, caption, ...).  If no column has a usual
 * image name, the row names (the index of pandas) name the images.  A USAGE error lists the columns of the table. */
gp_status gp_table_roles(const gp_table *table, const char *image_column, const char *prompt_column, size_t *image,
                         size_t *prompt, gp_error *err);
/* Finds only the prompt column, as gp_table_roles does. */
gp_status gp_table_prompt_column(const gp_table *table, const char *wanted, size_t *prompt, gp_error *err);
/* Returns the column of negative prompts, found by its name, or SIZE_MAX. */
size_t gp_table_negative_column(const gp_table *table);
/* Reports what was left out, one note for each kind. `note` may be NULL. */
void gp_table_notes(const gp_table *table, gp_note_fn note, void *user);

#endif
