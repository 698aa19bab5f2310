/* SPDX-License-Identifier: MIT
 * Writes the tables of an export. */
#ifndef GP_TABLE_TABLE_WRITE_H
#define GP_TABLE_TABLE_WRITE_H

#include "base/status.h"

/* The tables of an export: picks.csv, picks.jsonl, metadata.csv.  Each is written to a temporary file and renamed at
 * the end.  The caller checks that the files may be replaced. */
typedef struct gp_table_writer gp_table_writer;
/* `columns` [count]: sorted names of settings, borrowed until close.  Each becomes a column settings.NAME of
 * picks.csv. */
gp_status gp_table_writer_open(const gp_export_options *options, char *const *columns, size_t count,
                               gp_table_writer **out, gp_error *err);
/* `file`: the name in the folder, or NULL. */
gp_status gp_table_writer_row(gp_table_writer *tables, const gp_row *row, const char *file, gp_error *err);
/* Renames the tables to their final names.  Calls `ready` for each before: its name, and the complete open file.  Frees
 * the writer, also after an error. */
gp_status gp_table_writer_commit(gp_table_writer *tables,
                                 gp_status (*ready)(void *user, const char *name, int fd, gp_error *err), void *user,
                                 gp_error *err);
void gp_table_writer_abort(gp_table_writer *tables); /* NULL allowed */

#endif
