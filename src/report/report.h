/* SPDX-License-Identifier: MIT
 * What leaves the catalog: files, tables, the contact sheet.  Never overwrites a file it did not write; every file
 * appears at once or not at all. */
#ifndef GP_REPORT_REPORT_H
#define GP_REPORT_REPORT_H

#include "base/status.h"

gp_status gp_report_export(gp_catalog *cat, const gp_export_options *options, gp_report *report, gp_error *err);
/* Cost: one row of thumbnails decoded at a time; a sheet is at most 65,000 pixels a side and 256 megapixels. */
gp_status gp_report_sheet(gp_catalog *cat, const gp_sheet_options *options, gp_report *report, gp_error *err);

/* Cost: the embeddings' matrix, two canvases, one picture at a time. */
gp_status gp_report_tour(gp_catalog *cat, const gp_tour_options *options, gp_report *report, gp_error *err);

#endif
