/* SPDX-License-Identifier: MIT
 * Private to the report module: the data sets of an export (gp_export_options.formats), written by module dataset.
 * Both passes over the rows call this code: the first plans, the second writes. */
#ifndef GP_REPORT_SETS_H
#define GP_REPORT_SETS_H

#include "dataset/set_file.h"

typedef struct gp_export_sets gp_export_sets;
/* Checks the options.  *out is NULL if no data set is wanted.  `options` are borrowed until the free. */
gp_status gp_export_sets_new(gp_catalog *cat, const gp_export_options *options, gp_export_sets **out, gp_error *err);
void gp_export_sets_free(gp_export_sets *sets); /* deletes unfinished files; NULL allowed */
/* First pass: adds the row to the plan, and to *bytes about the space that its data sets need. */
gp_status gp_export_sets_plan(gp_export_sets *sets, const gp_row *row, uint64_t *bytes, gp_error *err);
/* Second pass.  begin: the folder exists.  `files` are borrowed until the commit or the free. */
gp_status gp_export_sets_begin(gp_export_sets *sets, gp_set_files *files, gp_error *err);
/* Writes a row.  file: its name in the folder, or NULL.  *unread: true if the image is needed, but cannot be output;
 * `why` says why.  Formats that contain the image then leave it out. */
gp_status gp_export_sets_row(gp_export_sets *sets, const gp_row *row, const char *file, bool *unread, gp_error *why,
                             gp_error *err);
/* Renames the files to their final names. */
gp_status gp_export_sets_commit(gp_export_sets *sets, gp_error *err);
/* Finds the patterns of those files of an earlier export that are surplus if this export did not write them again.
 * Returns their number. */
enum { GP_SURPLUS_MAX = 3 };
size_t gp_export_sets_surplus(const gp_export_sets *sets, const char *patterns[GP_SURPLUS_MAX]);

#endif
