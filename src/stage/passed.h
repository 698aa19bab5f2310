/* SPDX-License-Identifier: MIT
 * Counts the files that `add` skips, and sends one note for each kind of skipped file. */
#ifndef GP_STAGE_PASSED_H
#define GP_STAGE_PASSED_H

#include "base/thread.h"
#include "ingest/walk.h"

#include <pthread.h>

enum { GP_PASSED_ROWS = 40, GP_PASSED_SHOWN = 3 };
typedef struct gp_passed_row {
    gp_passed_kind kind;
    const char *word; /* name of the format, for kind FORMAT */
    uint64_t count;
    char *shown[GP_PASSED_SHOWN]; /* owned: the paths that sort first */
} gp_passed_row;
typedef struct gp_passed {
    pthread_mutex_t lock;
    gp_passed_row rows[GP_PASSED_ROWS];
    size_t count;
    /* Number of files that are not images and that no note reports.  If it is above 0, a folder without images is not
     * reported as empty. */
    uint64_t others;
} gp_passed;

void gp_passed_init(gp_passed *passed);
void gp_passed_clear(gp_passed *passed);
/* Counts one skipped file.  Threads: any. */
void gp_passed_add(gp_passed *passed, const gp_walk_passed *one);
/* Returns whether neither skipped files nor other files were counted. */
bool gp_passed_nothing(const gp_passed *passed);
/* Sends one note for each kind; does nothing if `note` is NULL. */
void gp_passed_tell(const gp_passed *passed, gp_note_fn note, void *user);

/* Known images whose files are all missing. The note about them names the folder with most of them. */
typedef struct gp_gone {
    char folder[512]; /* the folder with the most missing images */
    uint64_t images, picks, folders;
} gp_gone;
gp_status gp_gone_read(gp_catalog *cat, gp_gone *out, gp_error *err);

#endif
