/* SPDX-License-Identifier: MIT
 * Private to trash.c and trash_restore.c: trash folders and the texts of their .trashinfo files. */
#ifndef GP_BASE_TRASH_PRIVATE_H
#define GP_BASE_TRASH_PRIVATE_H

#include "base/str.h"

#include <sys/types.h>

/* An open trash folder. */
typedef struct gp_trash_folder {
    int files, info; /* its two folders; -1: not open */
    char *top;       /* owned: $topdir, from which the paths of its .trashinfo files start; NULL: they are absolute */
} gp_trash_folder;
void gp_trash_folder_close(gp_trash_folder *folder);

/* Returns the folder of the home trash, owned; NULL: there is no home, or memory ran out. */
char *gp_trash_home(void);
/* Opens the trash folder at `path`, and creates it if `make` is true. own: the folder must belong to this user and must
 * not be a link. Returns 0 or an errno. */
int gp_trash_folder_open(const char *path, bool own, bool make, gp_trash_folder *out);
/* Returns the mount point of `path`, an existing folder without links. Owned; NULL if memory ran out. */
char *gp_trash_topdir(const char *path);
/* Writes the paths of the two trash folders of the file system that is mounted at `top`. *shared is "" if
 * $topdir/.Trash cannot be used. */
void gp_trash_names(const char *top, gp_str *shared, gp_str *own);

/* Returns the path with all links of its folder resolved, as .trashinfo files record it; if the folder does not exist,
 * the path itself. Owned; NULL if memory ran out. */
char *gp_trash_original(const char *path);
/* Renames a file, but never replaces another file. Returns 0 or an errno. */
int gp_trash_rename(int from, const char *old_name, int to, const char *new_name);

/* Appends a path in percent-encoding, as in a URL. */
void gp_trash_encode(gp_str *s, const char *path);
/* Decodes a percent-encoded path in place. Returns false if the text is not valid, or contains a NUL byte. */
bool gp_trash_decode(char *text);

#endif
