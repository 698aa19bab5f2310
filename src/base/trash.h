/* SPDX-License-Identifier: MIT
 * The desktop's trash, by the FreeDesktop.org Trash specification 1.0. A file goes to the trash of its own file system:
 * to the home trash ($XDG_DATA_HOME/Trash) if both are on one file system. Otherwise it goes to $topdir/.Trash/$uid if
 * $topdir/.Trash is a folder with the sticky bit and no link, else to $topdir/.Trash-$uid. $topdir is the mount point.
 * No file is ever copied to another file system, and no file is ever replaced. */
#ifndef GP_BASE_TRASH_H
#define GP_BASE_TRASH_H

#include "base/status.h"

/* Moves the file at `path` (absolute) to the trash. `file` is the same file, opened and checked by the caller. If
 * another file is at `path` by now, that file is not moved. Errors: NOT_FOUND (the path no longer names `file`),
 * UNSUPPORTED (the path is a symbolic link), IO (no trash can be written). After an error the file is where it was. */
gp_status gp_trash_put(const char *path, int file, gp_error *err);

/* The files in the trash, read once for each trash folder. */
typedef struct gp_trash_index gp_trash_index;
gp_status gp_trash_index_new(gp_trash_index **out, gp_error *err);
void gp_trash_index_free(gp_trash_index *index); /* NULL allowed */

/* Moves a file from the trash back to `path` (absolute), its path when it was moved to the trash. If the trash has
 * several files of this path, restores the file that was moved last among those that `is_it` accepts. Creates the
 * folder of `path` if it is missing. Errors: NOT_FOUND (no such file in the trash), IO (a file is at `path` now, or the
 * file cannot be moved). */
gp_status gp_trash_restore(gp_trash_index *index, const char *path, bool (*is_it)(void *user, int file), void *user,
                           gp_error *err);

#endif
