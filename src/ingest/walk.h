/* SPDX-License-Identifier: MIT
 * Walks folders and finds image files in byte order of their paths. It skips hidden folders, goldpan's own files and
 * symbolic links to folders (which could form cycles), and visits each path once. Memory: the names of one folder per
 * level. */
#ifndef GP_INGEST_WALK_H
#define GP_INGEST_WALK_H

#include "base/status.h"

typedef struct gp_walk_entry {
    const char *path; /* absolute, borrowed until the callback returns */
    uint64_t size;
    int64_t mtime_ns;
    bool listed; /* the file is in an export's list, and its folder is a root */
} gp_walk_entry;
typedef struct gp_walk_problem {
    const char *path, *message;
    int number; /* errno of the failed system call, or 0 */
} gp_walk_problem;

/* Why an entry is skipped. */
typedef enum gp_passed_kind {
    GP_PASSED_FORMAT,      /* an image in another format, or a video; `word` names it */
    GP_PASSED_UNBUILT,     /* an image in a format that goldpan was built without; `word` names it */
    GP_PASSED_LINK,        /* a link to a folder that the walk does not reach otherwise */
    GP_PASSED_INSIDE,      /* a link to a folder that the walk reaches otherwise */
    GP_PASSED_BROKEN_LINK, /* a link to a missing target, which may have been a folder or an image */
    GP_PASSED_HIDDEN,      /* a hidden folder, or a hidden file with the name of an image */
    GP_PASSED_SPECIAL,     /* a pipe, socket or device with the name of an image */
    GP_PASSED_SET,         /* a tar archive or a Parquet file, which may contain images (gp_name_is_set) */
    GP_PASSED_ARCHIVE,     /* an archive that goldpan does not unpack */
    GP_PASSED_OWN,         /* a file that goldpan exported or made */
    GP_PASSED_OTHER,       /* any other file; it is not reported to the user */
    GP_PASSED_KINDS
} gp_passed_kind;
typedef struct gp_walk_passed {
    const char *path; /* borrowed until the callback returns */
    gp_passed_kind kind;
    const char *word; /* for FORMAT and UNBUILT: "HEIC", "video" ..., a static string; else NULL */
} gp_walk_passed;

typedef struct gp_walk_calls {
    bool (*visit)(void *user, const gp_walk_entry *found);       /* returns false to stop (status GP_ERR_STOPPED) */
    void (*problem)(void *user, const gp_walk_problem *problem); /* may be NULL */
    void (*passed)(void *user, const gp_walk_passed *passed);    /* may be NULL; called in no particular order within a
                                                                    folder */
    void (*folder)(void *user, const char *path); /* may be NULL; called for each folder before the folder is read */
    bool inner;                                   /* the roots are folders that a walk found, not folders that the user
                                                     named: sites and exported files are skipped in the roots too */
    void *user;
} gp_walk_calls;
/* Walks all roots. A root that is a file is visited whatever its name. A missing root is an error (NOT_FOUND). A folder
 * that cannot be read is reported to `problem`, and the walk continues. An export or a site of goldpan is skipped
 * unless it is a root. In that case the files of the export come last and are marked as `listed`. */
gp_status gp_walk_all(const char *const *roots, size_t root_count, const gp_walk_calls *calls, gp_error *err);
/* Walks all roots without reporting skipped entries. */
gp_status gp_walk(const char *const *roots, size_t root_count, bool (*visit)(void *user, const gp_walk_entry *found),
                  void (*problem)(void *user, const gp_walk_problem *problem), void *user, gp_error *err);

#endif
