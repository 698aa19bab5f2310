/* SPDX-License-Identifier: MIT
 * Output of the catalog: files, tables, the contact sheet.  goldpan never overwrites a file that it did not write.
 * Every file appears complete or not at all. */
#ifndef GP_REPORT_REPORT_H
#define GP_REPORT_REPORT_H

#include "base/status.h"

gp_status gp_report_export(gp_catalog *cat, const gp_export_options *options, gp_report *report, gp_error *err);
/* Implement gp_exports and gp_undo. */
gp_status gp_report_exports(gp_catalog *cat, bool (*visit)(void *user, const gp_export_entry *entry), void *user,
                            gp_error *err);
gp_status gp_report_undo(gp_catalog *cat, const gp_undo_options *options, gp_undo_report *report, gp_error *err);
/* Completes the records of killed exports: the catalog gets the new paths of moved files, and folders get their lists
 * of copies.  Does nothing if the catalog cannot be written. */
gp_status gp_report_exports_recover(gp_catalog *cat, gp_error *err);
/* Writes the contact sheet.  Memory: one row of decoded thumbnails at a time.  A sheet has at most 65,000 pixels a
 * side and 256 megapixels. */
gp_status gp_report_sheet(gp_catalog *cat, const gp_sheet_options *options, gp_report *report, gp_error *err);

/* Writes the tour.  Memory: the matrix of the embeddings, two canvases, one image at a time. */
gp_status gp_report_tour(gp_catalog *cat, const gp_tour_options *options, gp_report *report, gp_error *err);

#endif
