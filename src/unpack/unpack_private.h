/* SPDX-License-Identifier: MIT
 * Private to unpack: the state of a call, and the writing of a file. */
#ifndef GP_UNPACK_UNPACK_PRIVATE_H
#define GP_UNPACK_UNPACK_PRIVATE_H

#include "base/clock.h"
#include "base/str.h"

/* Kinds of content that is not unpacked, each reported by one note. */
typedef enum gp_unpack_skip {
    GP_UNPACK_OTHERS,    /* members that are neither images nor texts */
    GP_UNPACK_LARGE,     /* members that are too large */
    GP_UNPACK_NO_IMAGE,  /* rows without an image */
    GP_UNPACK_FORMATS,   /* images of formats that goldpan does not read */
    GP_UNPACK_CONFLICTS, /* files that exist with another content; they count as failed */
    GP_UNPACK_SKIPS
} gp_unpack_skip;

typedef struct gp_unpacker {
    const gp_unpack_options *options;
    gp_report *report;
    gp_progress_meter ticker;
    gp_watch watch;
    gp_str folder; /* where the files of the current set are put */
    gp_str path;   /* scratch */
    uint64_t skips[GP_UNPACK_SKIPS];
    char *first[GP_UNPACK_SKIPS]; /* owned: the first of each kind */
} gp_unpacker;

/* Counts something that is not unpacked.  Threads: the calling one. */
gp_status gp_unpack_skip_one(gp_unpacker *u, gp_unpack_skip kind, const char *what, gp_error *err);
/* Writes a file, unless it exists. `name`: relative to u->folder, and safe. image: the file counts as an image. */
gp_status gp_unpack_put(gp_unpacker *u, const char *name, const void *bytes, size_t size, bool image, gp_error *err);
/* Returns "png" and so on for an image that goldpan reads, else NULL; then it counts the image. */
gp_status gp_unpack_extension(gp_unpacker *u, const char *name, const void *bytes, size_t size, const char **out,
                              gp_error *err);

/* Unpack one file into u->folder. */
gp_status gp_unpack_tar(gp_unpacker *u, const char *path, gp_error *err);
gp_status gp_unpack_parquet(gp_unpacker *u, const char *path, gp_error *err);

#endif
