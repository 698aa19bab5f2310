/* SPDX-License-Identifier: MIT
 * The files of the data sets in an export's folder.  Each file is written under a temporary name and then renamed.
 *
 * The file .goldpan-sets in the folder records the name and size of every file that goldpan wrote there.  A file is
 * replaced only if it still has the recorded size; any other file of that name is a USAGE error.  A file is recorded
 * before it is renamed, so that an export after a power cut replaces it. */
#ifndef GP_DATASET_SET_FILE_H
#define GP_DATASET_SET_FILE_H

#include "base/str.h"

typedef struct gp_set_files gp_set_files;
/* Receives each finished file: its path, and its size in bytes. */
typedef void (*gp_set_file_fn)(void *user, const char *path, uint64_t bytes);
/* `folder` exists and is borrowed until the close.  file: may be NULL. */
gp_status gp_set_files_open(const char *folder, gp_set_file_fn file, void *user, gp_set_files **out, gp_error *err);
/* Fails with USAGE if a file of this name exists that goldpan did not write.  Creates the folders of the name. */
gp_status gp_set_files_check(const gp_set_files *files, const char *name, gp_error *err);
/* Records a file.  Must be called before the file is renamed to its final name. */
gp_status gp_set_files_record(gp_set_files *files, const char *name, uint64_t bytes, gp_error *err);
/* Passes a finished file to the callback `file` of gp_set_files_open. */
gp_status gp_set_files_say(const gp_set_files *files, const char *name, uint64_t bytes, gp_error *err);
/* Returns the path of a file.  Owned; NULL: out of memory. */
char *gp_set_files_path(const gp_set_files *files, const char *name);
/* Ends a complete export: deletes earlier files of goldpan whose names match one of the patterns [count] (as for file
 * names of a shell) and that this export did not write again, such as surplus shards.  Frees `files`, also after an
 * error. */
gp_status gp_set_files_end(gp_set_files *files, const char *const *patterns, size_t count, gp_error *err);
void gp_set_files_close(gp_set_files *files); /* after an error; NULL allowed */

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
