/* SPDX-License-Identifier: MIT
 * Which files: folders walked in byte order of path, image names only, hidden folders and goldpan's own skipped,
 * symlinked folders not followed (no loops), each path once.  Memory: one folder's names at a time per depth. */
#ifndef GP_INGEST_WALK_H
#define GP_INGEST_WALK_H

#include "base/status.h"

typedef struct gp_found {
    const char *path; /* absolute, borrowed until the callback returns */
    uint64_t size;
    int64_t mtime_ns;
} gp_found;
typedef struct gp_walk_problem {
    const char *path, *message;
    int number; /* errno; 0: none */
} gp_walk_problem;

/* What is passed over, and why. */
typedef enum gp_passed_kind {
    GP_PASSED_FORMAT,      /* an image of another format, or a video: `word` says which */
    GP_PASSED_LINK,        /* a link to a folder that the walk does not reach otherwise */
    GP_PASSED_BROKEN_LINK, /* a link to nothing, which may have been a folder or an image */
    GP_PASSED_HIDDEN,      /* a hidden folder, or a hidden file named as an image */
    GP_PASSED_SPECIAL,     /* a pipe, socket or device named as an image */
    GP_PASSED_OWN,         /* what goldpan itself exported, or drew */
    GP_PASSED_OTHER,       /* any other file: nobody would miss it */
    GP_PASSED_KINDS
} gp_passed_kind;
typedef struct gp_walk_passed {
    const char *path; /* borrowed until the callback returns */
    gp_passed_kind kind;
    const char *word; /* of FORMAT: "GIF", "video" ..., a constant; else NULL */
} gp_walk_passed;

typedef struct gp_walk_calls {
    bool (*visit)(void *user, const gp_found *found);            /* false ends early (status GP_ERR_STOPPED) */
    void (*problem)(void *user, const gp_walk_problem *problem); /* may be NULL */
    void (*passed)(void *user, const gp_walk_passed *passed);    /* may be NULL; in no order within a folder */
    void *user;
} gp_walk_calls;
/* A root that is a file is visited whatever its name; one that is absent is NOT_FOUND.  A folder that cannot be read
 * goes to `problem` and the walk goes on.  An export or a site of goldpan's is passed over, unless it is itself a root.
 */
gp_status gp_walk_all(const char *const *roots, size_t root_count, const gp_walk_calls *calls, gp_error *err);
/* The same without `passed`. */
gp_status gp_walk(const char *const *roots, size_t root_count, bool (*visit)(void *user, const gp_found *found),
                  void (*problem)(void *user, const gp_walk_problem *problem), void *user, gp_error *err);

/* ---- walk_kinds.c */
/* Does the name end as those of the formats that goldpan reads do? */
bool gp_walk_is_image(const char *name);
/* The format that a name's ending stands for, of those that are seen and not read: "GIF", "video" ...; NULL: none. */
const char *gp_walk_format(const char *name);

/* The names in a folder's GP_MARK_EXPORT, sorted; none if there is no such file, or it is damaged.  Errors: MEMORY. */
typedef struct gp_own_names {
    char *text;   /* owned, gp_own_names_clear */
    char **names; /* [count] into text */
    size_t count;
} gp_own_names;
gp_status gp_own_names_read(const char *folder, gp_own_names *out, gp_error *err);
void gp_own_names_clear(gp_own_names *names);
bool gp_own_names_have(const gp_own_names *names, const char *name);

#endif
