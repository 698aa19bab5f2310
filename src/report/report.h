/* SPDX-License-Identifier: MIT
 * Output of the catalog: files, tables, the contact sheet.  goldpan never overwrites a file that it did not write.
 * Every file appears complete or not at all. */
#ifndef GP_REPORT_REPORT_H
#define GP_REPORT_REPORT_H

#include "base/status.h"

gp_status gp_report_export(gp_catalog *cat, const gp_export_options *options, gp_report *report, gp_error *err);
/* Writes the contact sheet.  Memory: one row of decoded thumbnails at a time.  A sheet has at most 65,000 pixels a
 * side and 256 megapixels. */
gp_status gp_report_sheet(gp_catalog *cat, const gp_sheet_options *options, gp_report *report, gp_error *err);

/* Writes the tour.  Memory: the matrix of the embeddings, two canvases, one image at a time. */
gp_status gp_report_tour(gp_catalog *cat, const gp_tour_options *options, gp_report *report, gp_error *err);

#endif
