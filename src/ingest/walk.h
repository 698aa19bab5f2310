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
} gp_walk_problem;
/* visit returns false to end early (status GP_ERR_STOPPED).  A root that is a file is visited whatever its name.
 * A folder that cannot be read goes to `problem` (may be NULL) and the walk goes on; a root that is absent is
 * NOT_FOUND. */
gp_status gp_walk(const char *const *roots, size_t root_count, bool (*visit)(void *user, const gp_found *found),
                  void (*problem)(void *user, const gp_walk_problem *problem), void *user, gp_error *err);

#endif
