/* SPDX-License-Identifier: MIT
 * Private to the report room: how one file gets into the export (place.c), and the tables beside it (tables_out.c). */
#ifndef GP_REPORT_EXPORT_H
#define GP_REPORT_EXPORT_H

#include "base/str.h"
#include "base/hash.h"

/* The files in an export's folder, and how images are placed there.  `folder` exists and is borrowed until close. */
typedef struct gp_places gp_places;
gp_status gp_places_open(const char *folder, gp_export_mode mode, gp_places **out, gp_error *err);
void gp_places_close(gp_places *places); /* NULL allowed */
/* Puts the image `source` into the folder under its base name, if its content has this hash.  If another file has that
 * name, even in another case, the new name gets -2, -3 ... before the extension.  A file with the same content stays as
 * it is (*placed false).  Owns: *name, the name within the folder, gp_mem_free.  Errors: those of original.h,
 * UNSUPPORTED (this kind of link). */
gp_status gp_places_put(gp_places *places, const char *source, const gp_hash *hash, char **name, bool *placed,
                        gp_error *err);

/* The tables of an export: picks.csv, picks.jsonl, metadata.csv, each written beside its place and renamed at the end.
 * A file of such a name that goldpan did not write is a USAGE error. */
typedef struct gp_tables_out gp_tables_out;
/* `columns`: names of settings, sorted, [count], borrowed until close: they become columns settings.NAME of picks.csv.
 */
gp_status gp_tables_out_open(const gp_export_options *options, char *const *columns, size_t count, gp_tables_out **out,
                             gp_error *err);
/* `file`: the name in the folder, or NULL. */
gp_status gp_tables_out_row(gp_tables_out *tables, const gp_row *row, const char *file, gp_error *err);
/* Puts the tables into place.  Frees in both outcomes. */
gp_status gp_tables_out_commit(gp_tables_out *tables, gp_error *err);
void gp_tables_out_abort(gp_tables_out *tables); /* NULL allowed */

#endif
