/* SPDX-License-Identifier: MIT
 * Which row of the table each image has.  All images below the roots are listed before the first of them is read:
 * whether a row is of one image depends on the others. */
#ifndef GP_STAGE_ROWS_H
#define GP_STAGE_ROWS_H

#include "ingest/match.h"

typedef struct gp_rows_of {
    char **paths; /* [n] sorted, owned */
    size_t n, room;
    size_t *rows;  /* [n] SIZE_MAX: none */
    uint8_t *seen; /* [rows of the table] 1: an image has it */
    gp_match_counts counts;
    bool failed; /* memory was short in the walk */
    gp_watch *watch;
} gp_rows_of;

/* Walk the roots and match.  Memory: the paths, and what gp_match_rows says. */
gp_status gp_rows_of_roots(gp_rows_of *of, const gp_table *table, size_t image_column, const char *const *roots,
                           size_t root_count, gp_watch *watch, gp_error *err);
size_t gp_rows_find(const gp_rows_of *of, const char *path);
/* Tell which rows belong to no image although they name one.  `note` may be NULL. */
void gp_rows_notes(const gp_rows_of *of, const gp_table *table, size_t image_column, gp_note_fn note, void *user);
void gp_rows_clear(gp_rows_of *of);

#endif
