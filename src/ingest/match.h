/* SPDX-License-Identifier: MIT
 * Which row of a table belongs to which image.
 *
 * Names are compared in passes, each weaker than the one before: as written (Unicode forms count as equal), with %20
 * and the like decoded, without regard to case, without ending.  In each pass a row belongs to
 *   1. the image whose path is the row's: absolute, or relative to the table's folder;
 *   2. the image at that path below a root;
 *   3. the image whose path has the longest end in common with the row's, in whole names, if it is the only one.
 * A row whose own path (1.) exists, but is no image of the list, belongs to none.  An image takes the row with the
 * strongest claim; of equal claims the first row, if they write the same path, else none.  A later pass never takes an
 * image that has a row. */
#ifndef GP_INGEST_MATCH_H
#define GP_INGEST_MATCH_H

#include "ingest/table.h"

typedef struct gp_match_counts {
    uint64_t ambiguous; /* rows that could be of several images, or share an image with a row that is as near */
    uint64_t elsewhere; /* rows whose path exists outside the list */
    size_t first_ambiguous, first_elsewhere; /* rows, SIZE_MAX: none */
} gp_match_counts;

/* paths [n]: absolute paths of images; rows [n] gets the row of each, SIZE_MAX for none.  roots: as given by the user.
 * Time: n log n and rows log n.  Memory: one byte a row; an image 40 bytes and its path twice. */
gp_status gp_match_rows(const gp_table *table, size_t image_column, const char *const *paths, size_t n,
                        const char *const *roots, size_t root_count, gp_watch *watch, size_t *rows,
                        gp_match_counts *counts, gp_error *err);

#endif
