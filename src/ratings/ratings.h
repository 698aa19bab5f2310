/* SPDX-License-Identifier: MIT
 * Exchanges marks with other programs by XMP (docs/formats.md, "Ratings"). ratings_read.c takes ratings from files into the
 * catalog. ratings_write.c writes the marks of the catalog to files. Neither overwrites a value of the other side unasked. */
#ifndef GP_RATINGS_RATINGS_H
#define GP_RATINGS_RATINGS_H

#include "base/status.h"

/* Implement gp_ratings_read and gp_ratings_write. All fields of the options must be set. */
gp_status gp_ratings_take(gp_catalog *cat, const gp_ratings_options *options, gp_ratings_report *report, gp_error *err);
gp_status gp_ratings_give(gp_catalog *cat, const gp_ratings_options *options, gp_ratings_report *report, gp_error *err);

#endif
