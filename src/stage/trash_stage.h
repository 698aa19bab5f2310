/* SPDX-License-Identifier: MIT
 * Moves the files of rejected images to the desktop's trash, and back. The catalog keeps everything that it knows of an
 * image in the trash: its row, marks, scores and prompt. Its paths are recorded as missing, like those of a file that
 * somebody moved away. The trash alone says where the files are, so they can also be restored after a restart. */
#ifndef GP_STAGE_TRASH_STAGE_H
#define GP_STAGE_TRASH_STAGE_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_trash_counts {
    uint64_t images; /* images whose files were all moved */
    uint64_t files;  /* files that were moved */
    uint64_t failed; /* images of which at least one file was not moved */
    char why[400];   /* the last failure, or "" */
} gp_trash_counts;

typedef struct gp_trash_watch {
    bool (*go_on)(void *user); /* called before each image; false: stop */
    void *user;
} gp_trash_watch;

/* Moves all files of these images to the trash, except files whose content no longer has the recorded hash. Other
 * files, such as a text file with the prompt beside the image, stay. Errors: USAGE (an image is not rejected),
 * NOT_FOUND (no such image): then nothing was moved. CATALOG, MEMORY, STOPPED: the files moved so far are recorded as
 * missing. */
gp_status gp_stage_trash(gp_catalog *cat, const gp_hash *images, size_t count, const gp_trash_watch *watch,
                         gp_trash_counts *counts, gp_error *err);

/* Moves the files of these images from the trash back to their paths. A file that is at such a path now is never
 * replaced: the image then counts as failed. Errors: NOT_FOUND (no such image), CATALOG, MEMORY, STOPPED. */
gp_status gp_stage_trash_restore(gp_catalog *cat, const gp_hash *images, size_t count, const gp_trash_watch *watch,
                                 gp_trash_counts *counts, gp_error *err);

#endif
