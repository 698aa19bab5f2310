/* SPDX-License-Identifier: MIT
 * Finds which row of a table belongs to which image.
 *
 * Names are compared in passes, each less strict than the one before: as written (Unicode forms count as equal), with
 * %XX decoded, ignoring case, ignoring extensions. In each pass a row fits one of these:
 *   1. the image at the row's path, which is absolute or relative to the table's folder;
 *   2. the image at that path below a root;
 *   3. the image whose path shares the longest end with the row's path, in whole components, if there is only one.
 * If the path of case 1 exists but is not an image of the list, the row gets no image. If several rows fit an image,
 * the best fit wins. If the fits are equal, the first row wins if the rows contain the same path; otherwise the image
 * gets no row. A later pass does not change an image that has a row. */
#ifndef GP_INGEST_MATCH_H
#define GP_INGEST_MATCH_H

#include "table/table.h"

typedef struct gp_match_counts {
    uint64_t ambiguous; /* rows that fit several images, or that fit an image as well as another row does */
    uint64_t elsewhere; /* rows whose path exists but is not an image of the list */
    uint64_t repeated;  /* rows that name an image which already has another row */
    size_t first_ambiguous, first_elsewhere, first_repeated; /* row numbers; SIZE_MAX: none */
} gp_match_counts;

/* Finds the row of each image by the paths in the table. paths [n]: absolute paths of the images. rows [n]: receives
 * each image's row, or SIZE_MAX. roots: as given by the user. Time: O(n log n + rows log n). Memory: 1 byte per row;
 * per image 40 bytes and twice the length of its path. */
gp_status gp_match_rows(const gp_table *table, size_t image_column, const char *const *paths, size_t n,
                        const char *const *roots, size_t root_count, gp_watch *watch, size_t *rows,
                        gp_match_counts *counts, gp_error *err);

#endif
