/* SPDX-License-Identifier: MIT
 * Finds the table row of each image. All images below the roots are listed before any is read, because whether a row
 * fits an image depends on the other images. */
#ifndef GP_STAGE_ROWS_H
#define GP_STAGE_ROWS_H

#include "ingest/match.h"

typedef struct gp_rows_of {
    char **paths; /* [n] sorted, owned */
    size_t n;
    /* [listed_n] owned; files that are named in their root's list of exported files; used only during the walk */
    char **listed;
    size_t listed_n;
    size_t *rows;  /* [n] row of each path, or SIZE_MAX */
    uint8_t *seen; /* [rows of the table] 1: the row belongs to an image */
    gp_match_counts counts;
    bool failed; /* memory ran out during the walk */
    gp_watch *watch;
} gp_rows_of;

/* Lists the images below the roots and matches them to rows. Memory: the paths, and the memory that gp_match_rows
 * needs. */
gp_status gp_rows_of_roots(gp_rows_of *of, const gp_table *table, size_t image_column, const char *const *roots,
                           size_t root_count, gp_watch *watch, gp_error *err);
size_t gp_rows_find(const gp_rows_of *of, const char *path);
/* Sends notes about rows that name an image but are skipped. `note` may be NULL. */
void gp_rows_notes(const gp_rows_of *of, const gp_table *table, size_t image_column, gp_note_fn note, void *user);
void gp_rows_clear(gp_rows_of *of);

#endif
