/* SPDX-License-Identifier: MIT
 * Private to the report module: places one file in the export folder (export_file.c, export_folders.c,
 * export_move.c), and checks the space on the disk (space.c). */
#ifndef GP_REPORT_EXPORT_H
#define GP_REPORT_EXPORT_H

#include "base/hash.h"
#include "base/str.h"
#include "report/export_journal.h"

/* The files in an export's folder, and how images are placed there.  `folder` exists.  `folder` and `journal` are
 * borrowed until close; journal NULL: nothing is recorded. */
typedef struct gp_export_files gp_export_files;
gp_status gp_export_files_open(const char *folder, gp_export_mode mode, gp_export_journal *journal,
                               gp_export_files **out, gp_error *err);
/* Deletes those folders that this export made and that are empty.  NULL allowed. */
void gp_export_files_close(gp_export_files *places);
/* Waits until the names of moved files are on the disk; NULL allowed. */
void gp_export_files_sync(const gp_export_files *places);
/* Returns the maximum bytes of a name in the folder. */
size_t gp_export_files_longest(const gp_export_files *places);
/* Places the image `source` at `wanted`, a path within the folder, if its content has this hash.  If another file has
 * that name, or one that differs only in upper and lower case, the new name gets -2, -3 ... before the extension.  A
 * file with the same content stays as it is (*placed false); a file is moved to a free name even if one has the same
 * content.  Owns: *name, the path within the folder, gp_mem_free.  Errors: those of original.h, UNSUPPORTED (this kind
 * of link). */
gp_status gp_export_files_put(gp_export_files *places, const char *source, const char *wanted, const gp_hash *hash,
                              char **name, bool *placed, gp_error *err);

/* ------------------------------------------------------------------ names and folders (export_folders.c) */

/* The names that are taken, in lower case: on disks of Windows and macOS "A.png" and "a.png" are the same name. */
typedef struct gp_taken_names {
    uint64_t *slots; /* [slot_count] hashes of paths within the folder; 0: free slot */
    size_t slot_count, used;
} gp_taken_names;
bool gp_taken_names_have(const gp_taken_names *names, const char *path);
gp_status gp_taken_names_add(gp_taken_names *names, const char *path, gp_error *err);
void gp_taken_names_clear(gp_taken_names *names);

/* The folders below an export's folder. */
typedef struct gp_export_folders {
    const char *top; /* borrowed */
    gp_export_journal *journal;
    gp_taken_names *names; /* gets the names in each folder that is used; borrowed */
    size_t longest;
    struct gp_export_subfolder *list; /* [count] */
    size_t count, room;
    size_t *index; /* [2 room] hash table: numbers of folders in `list`, from 1; 0: free */
} gp_export_folders;
/* Reads the names in the top. */
gp_status gp_export_folders_top(gp_export_folders *folders, gp_error *err);
/* Finds or makes the folder `wanted`, one or more names divided by '/'.  A folder whose name differs only in upper and
 * lower case is used.  A symbolic link is never followed. If a link has this name, the name counts as taken, and the
 * new folder gets -2, -3 ...  *actual: the path within the top, borrowed until the folders are cleared. */
gp_status gp_export_folders_enter(gp_export_folders *folders, const char *wanted, const char **actual, gp_error *err);
/* Waits until the names in the folders are on the disk. */
void gp_export_folders_sync(const gp_export_folders *folders);
/* Deletes the folders that were made and are empty, and clears. */
void gp_export_folders_clear(gp_export_folders *folders);
/* Returns "x-2.png" for "x.png" and number 2.  If the name becomes too long, removes whole characters at the end of
 * "x".  folder: the name has no extension.  Owned; NULL when out of memory. */
char *gp_export_numbered(const char *base, unsigned number, size_t longest, bool folder);

/* ------------------------------------------------------------------ moving (export_move.c) */

/* Moves the file at `from` to `to`.  `file` is the same file, opened; its content has this hash.  Never replaces a
 * file.  On another file system: copies, syncs, reads the copy again, then deletes the original.  `journal` (may be
 * NULL) gets the line before `to` appears.  A kill leaves the original, or the whole new file, or both.  Errors:
 * STOPPED without a message (`to` exists), NOT_FOUND (`from` was replaced), FORMAT (`from` is a link), IO, MEMORY: the
 * file is then where it was. */
gp_status gp_export_move(const char *from, int file, const gp_hash *hash, const char *to, gp_export_journal *journal,
                         gp_error *err);
/* Opens a regular file, not through a link, and computes the hash of its content.  The caller closes *file. */
gp_status gp_export_open_hashed(const char *path, int *file, gp_hash *hash, gp_error *err);
/* Returns true if the file at `path` exists, is not a link, and has this content. */
bool gp_export_has_hash(const char *path, const gp_hash *hash);

/* ------------------------------------------------------------------ the end (export_end.c) */

/* Files that were moved. */
typedef struct gp_export_moves {
    struct gp_export_moved *list; /* [count] */
    size_t count, room;
} gp_export_moves;
/* hash: of the content, if the catalog has this content at `from`; else NULL. */
gp_status gp_export_moves_add(gp_export_moves *moves, const char *from, const char *to, const gp_hash *hash,
                              gp_error *err);
/* Records all moves in the catalog, in one transaction. */
gp_status gp_export_moves_record(const gp_export_moves *moves, gp_catalog *cat, gp_error *err);
void gp_export_moves_clear(gp_export_moves *moves);

/* Adds the paths, one on each line, to the lists of exported files (base/own.h) of their folders, or removes them.
 * `paths` are within `top`, or absolute.  Clears `paths`. */
gp_status gp_export_list_names(const char *top, gp_str *paths, bool remove, gp_error *err);

/* Locks the folder of an export or an undo: two at once would not see each other's names.  *lock: the open folder, which
 * the caller closes; -1 if it cannot be opened.  USAGE: it is locked. */
gp_status gp_export_lock(const char *folder, int *lock, gp_error *err);

/* Returns true if the journals of this catalog can be written. */
bool gp_export_can_record(const gp_catalog *cat);

/* ------------------------------------------------------------------ space (space.c) */

/* Fails with IO if the disk of `folder`, which need not exist, has no space for copies of `bytes` bytes in all.  Files
 * in the folder may be copies of an earlier export, so the check subtracts their sizes from `bytes`.  Does nothing if
 * the system does not tell the free space. */
gp_status gp_export_check_space(const char *folder, uint64_t bytes, gp_error *err);
/* Finds the device of `folder`, or of its nearest parent that exists; 0: not known. */
gp_status gp_export_device(const char *folder, uint64_t *device, gp_error *err);

#endif
