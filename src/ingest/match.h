/* SPDX-License-Identifier: MIT
 * Finds which row of a table belongs to which image.
 *
 * Names are compared in passes, each weaker than the one before: as written (Unicode forms count as equal), with %XX
 * decoded, without regard to case, without extension. In each pass a row fits
 *   1. the image at the row's path: absolute, or relative to the table's folder;
 *   2. the image at that path below a root;
 *   3. the image whose path shares the longest end with the row's path, in whole names, if only one image does.
 * A row is given to no image if its own path (1.) exists, but is not an image of the list. If several rows fit an
 * image, the strongest fit wins. Of equally strong rows the first wins if they contain the same path; otherwise the
 * image gets no row. A later pass does not change an image that has a row. */
#ifndef GP_INGEST_MATCH_H
#define GP_INGEST_MATCH_H

#include "table/table.h"

typedef struct gp_match_counts {
    uint64_t ambiguous; /* rows that fit several images, or that fit an image as well as another row does */
    uint64_t elsewhere; /* rows whose path exists outside the list */
    uint64_t repeated;  /* rows that name an image which has another row */
    size_t first_ambiguous, first_elsewhere, first_repeated; /* row numbers, or SIZE_MAX */
} gp_match_counts;

/* paths [n]: absolute paths of the images. rows [n]: receives the row of each image, or SIZE_MAX. roots: as the user
 * gave them. Time: n log n + rows log n. Memory: one byte per row; per image 40 bytes and twice its path. */
gp_status gp_match_rows(const gp_table *table, size_t image_column, const char *const *paths, size_t n,
                        const char *const *roots, size_t root_count, gp_watch *watch, size_t *rows,
                        gp_match_counts *counts, gp_error *err);

#endif
