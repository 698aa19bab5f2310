/* SPDX-License-Identifier: MIT
 * What `add` passes over or sets apart, counted by kind and told in one line a kind. */
#ifndef GP_STAGE_PASSED_H
#define GP_STAGE_PASSED_H

#include "base/thread.h"
#include "ingest/walk.h"

#include <pthread.h>

enum { GP_PASSED_ROWS = 40, GP_PASSED_SHOWN = 3 };
typedef struct gp_passed_row {
    gp_passed_kind kind;
    const char *word; /* of formats */
    uint64_t count;
    char *shown[GP_PASSED_SHOWN]; /* owned: the first of them in order of path */
} gp_passed_row;
typedef struct gp_passed {
    pthread_mutex_t lock;
    gp_passed_row rows[GP_PASSED_ROWS];
    size_t count;
    uint64_t others; /* files of no interest: they tell a folder without images from an empty one */
} gp_passed;

void gp_passed_init(gp_passed *passed);
void gp_passed_clear(gp_passed *passed);
/* Threads: any. */
void gp_passed_add(gp_passed *passed, const gp_walk_passed *one);
/* Was there nothing at all, not even what was passed over? */
bool gp_passed_nothing(const gp_passed *passed);
/* One note a kind; note NULL: none. */
void gp_passed_tell(const gp_passed *passed, gp_note_fn note, void *user);

/* Known images of which no file is there, as one line: where most of them were.  Told if there are more than before. */
typedef struct gp_gone {
    char folder[512]; /* that misses most */
    uint64_t images, picks, folders;
} gp_gone;
gp_status gp_gone_read(gp_catalog *cat, gp_gone *out, gp_error *err);

/* A note of printf style. */
void gp_note_say(gp_note_fn note, void *user, const char *code, uint64_t count, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
