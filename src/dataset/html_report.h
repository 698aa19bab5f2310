/* SPDX-License-Identifier: MIT
 * A report in one HTML file: thumbnails as data addresses, by prompt or by category.  The page needs no other file and
 * no network, and forbids requests by its content security policy.  The report shows at most GP_HTML_PICTURES images,
 * the first of the export; the page says how many it leaves out. */
#ifndef GP_DATASET_HTML_REPORT_H
#define GP_DATASET_HTML_REPORT_H

#include "dataset/record.h"
#include "dataset/set_file.h"

enum { GP_HTML_PICTURES = 1000, GP_HTML_SIDE = 256 /* pixels of a thumbnail */ };

typedef struct gp_html_writer gp_html_writer;
/* total: number of images of the export. */
gp_status gp_html_writer_open(gp_set_files *files, const char *name, const char *title, uint64_t total,
                              gp_html_writer **out, gp_error *err);
/* True: the next image is shown, so its thumbnail is needed. */
bool gp_html_writer_wants(const gp_html_writer *w);
/* Appends an image.  jpeg [size]: its thumbnail; NULL: the image could not be read. */
gp_status gp_html_writer_row(gp_html_writer *w, const gp_set_record *record, const void *jpeg, size_t size,
                             gp_error *err);
gp_status gp_html_writer_commit(gp_html_writer *w, gp_error *err); /* frees in both outcomes */
void gp_html_writer_abort(gp_html_writer *w);                      /* NULL allowed */

#endif
