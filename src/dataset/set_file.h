/* SPDX-License-Identifier: MIT
 * The tables and the files of data sets in an export's folder.  Each file is written under a temporary name and then
 * renamed.
 *
 * The file .goldpan-sets in the folder records the name, the size and the hash of every file that goldpan wrote there.
 * A file is replaced only if it still has the recorded content; any other file of that name is a USAGE error.  A file
 * is recorded before it is renamed, so that an export after a power cut replaces it. */
#ifndef GP_DATASET_SET_FILE_H
#define GP_DATASET_SET_FILE_H

#include "base/hash.h"
#include "base/str.h"

typedef struct gp_set_files gp_set_files;
/* What the caller does with folders and files.  Each function may be NULL. */
typedef struct gp_set_events {
    /* Makes a folder and its parents. */
    gp_status (*folder)(void *user, const char *path, gp_error *err);
    /* A file is complete and is about to appear at `path`. */
    gp_status (*ready)(void *user, const char *path, const gp_hash *hash, gp_error *err);
    /* A file is at `path`. */
    void (*written)(void *user, const char *path, uint64_t bytes);
    void *user;
} gp_set_events;
/* `folder` exists and is borrowed until the close. */
gp_status gp_set_files_open(const char *folder, const gp_set_events *events, gp_set_files **out, gp_error *err);
/* Fails with USAGE if a file of this name exists that goldpan did not write, or whose content has changed.  Creates the
 * folders of the name. */
gp_status gp_set_files_check(gp_set_files *files, const char *name, gp_error *err);
/* Records a complete file, `fd`, before it is renamed to its final name.  Fails with USAGE if the file of this name has
 * changed since gp_set_files_check. */
gp_status gp_set_files_record(gp_set_files *files, const char *name, int fd, gp_error *err);
/* Passes a finished file to the event `written`. */
gp_status gp_set_files_say(const gp_set_files *files, const char *name, gp_error *err);
/* Returns the path of a file.  Owned; NULL: out of memory. */
char *gp_set_files_path(const gp_set_files *files, const char *name);
/* Ends a complete export: deletes earlier files of goldpan whose names match one of the patterns [count] (as for file
 * names of a shell) and that this export did not write again, such as surplus shards.  Frees `files`, also after an
 * error. */
gp_status gp_set_files_end(gp_set_files *files, const char *const *patterns, size_t count, gp_error *err);
void gp_set_files_close(gp_set_files *files); /* after an error; NULL allowed */
/* Removes the files that no longer exist from the folder's record.  Deletes the record if no file is left. */
gp_status gp_set_files_tidy(const char *folder, gp_error *err);

/* One file, written from its beginning to its end. */
typedef struct gp_set_file gp_set_file;
gp_status gp_set_file_open(gp_set_files *files, const char *name, gp_set_file **out, gp_error *err);
gp_status gp_set_file_write(gp_set_file *file, const void *bytes, size_t size, gp_error *err);
/* Writes the text and resets it. */
gp_status gp_set_file_flush(gp_set_file *file, gp_str *text, gp_error *err);
uint64_t gp_set_file_bytes(const gp_set_file *file);            /* bytes written so far */
gp_status gp_set_file_commit(gp_set_file *file, gp_error *err); /* frees in both outcomes */
void gp_set_file_abort(gp_set_file *file);                      /* NULL allowed */

#endif
