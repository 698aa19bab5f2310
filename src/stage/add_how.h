/* SPDX-License-Identifier: MIT
 * How `goldpan watch` calls the stage add: for the files that a watcher found, or for whole folders with files that
 * another program is still writing. */
#ifndef GP_STAGE_ADD_HOW_H
#define GP_STAGE_ADD_HOW_H

#include "ingest/walk.h"

typedef struct gp_add_how {
    /* The roots are image files that a watcher found, not folders that the user named. Files that no longer exist and
     * files that goldpan exported are skipped. The rest of the catalog is not searched for missing files, and only
     * notes about the files themselves are sent. */
    bool files;
    /* Returns whether to read this file; NULL: all. Runs on the walking thread. */
    bool (*wanted)(void *user, const gp_walk_entry *found);
    /* Called for a file whose end is missing, or whose beginning is not that of an image (`unreadable`), because
     * another program may still be writing it. Returns true to leave the file out, false to add it as it is (and to
     * record its error). NULL: all files are added as they are. Runs on the calling thread. */
    bool (*partial)(void *user, const gp_walk_entry *file, bool unreadable);
    /* Called for each file that was added or read again, with its image; may be NULL. Runs on the calling thread. */
    void (*added)(void *user, const char *path, int64_t image);
    /* Called for each file that could not be read; may be NULL. Runs on the calling thread. */
    void (*failed)(void *user, const char *path);
    void *user;
} gp_add_how;

gp_status gp_stage_add_how(gp_catalog *cat, const gp_add_options *options, const gp_add_how *how, gp_report *report,
                           gp_error *err);

#endif
