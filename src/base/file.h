/* SPDX-License-Identifier: MIT
 * Reads whole files and parts of files, replaces files atomically, handles paths.  No size that a file states about
 * itself is trusted. */
#ifndef GP_BASE_FILE_H
#define GP_BASE_FILE_H

#include "base/status.h"

#include <time.h>

typedef struct gp_bytes {
    uint8_t *data; /* owned: gp_bytes_clear; a zero byte follows, which `size` does not count */
    size_t size;
} gp_bytes;
/* Reads a whole regular file of at most `limit` bytes.  Errors: LIMIT (larger), IO (also for a folder or a device).
 * Opening a FIFO does not block. */
gp_status gp_file_read(const char *path, uint64_t limit, gp_bytes *out, gp_error *err);
void gp_bytes_clear(gp_bytes *bytes);
/* For tests: makes every open for reading fail with errno `number`; 0 restores normal opens.  Process-wide. */
void gp_file_fail_with(int number);

/* Opens a regular file for gp_file_read_at; *size: its current size in bytes.  The caller closes *fd. */
gp_status gp_file_open(const char *path, int *fd, uint64_t *size, gp_error *err);
/* Reads exactly `size` bytes at `offset`; fails with IO if the file ends earlier.  Any thread may call it. */
gp_status gp_file_read_at(int fd, const char *path, uint64_t offset, void *out, size_t size, gp_error *err);

/* Writes all bytes at the offset `at`, or at the file's current position if `at` is negative.  Returns false after an
 * error, with errno set. */
bool gp_fd_write(int fd, int64_t at, const void *bytes, size_t size);

/* Replaces `path` atomically with the bytes: writes a temporary file in the same folder, syncs it, renames it to
 * `path`, and syncs the folder. */
gp_status gp_file_replace(const char *path, const void *bytes, size_t size, gp_error *err);

/* A file that is written under a temporary name beside `path`. gp_atomic_file_commit renames it to `path`,
 * gp_atomic_file_abort deletes it. gp_atomic_file_open first deletes temporary files that killed processes left in that
 * folder. */
typedef struct gp_atomic_file gp_atomic_file;
gp_status gp_atomic_file_open(const char *path, gp_atomic_file **out, gp_error *err);
gp_status gp_atomic_file_write(gp_atomic_file *file, const void *bytes, size_t size, gp_error *err);
/* Overwrites bytes that were written earlier. */
gp_status gp_atomic_file_write_at(gp_atomic_file *file, uint64_t offset, const void *bytes, size_t size, gp_error *err);
/* The open temporary file, for system calls.  Borrowed until the commit. */
int gp_atomic_file_fd(gp_atomic_file *file);
/* Sets the file's modification time where the file system supports that.  Call after the last write. */
gp_status gp_atomic_file_set_time(gp_atomic_file *file, struct timespec modified, gp_error *err);
/* Gives the file the group and the extended attributes (such as the tags of a file manager) of the open file `from`,
 * where the file system permits that. */
void gp_atomic_file_copy_attributes(gp_atomic_file *file, int from);
/* Writes everything to the disk, so that the commit only renames.  Call after the last write. */
gp_status gp_atomic_file_sync(gp_atomic_file *file, gp_error *err);
gp_status gp_atomic_file_commit(gp_atomic_file *file, gp_error *err); /* frees in both outcomes */
/* Like gp_atomic_file_commit, but never replaces a file: returns STOPPED without a message if `path` exists. */
gp_status gp_atomic_file_commit_new(gp_atomic_file *file, gp_error *err);
void gp_atomic_file_abort(gp_atomic_file *file); /* NULL allowed */
/* Deletes temporary files that killed processes left in a folder.  Keeps temporary files that a process is still
 * writing. */
void gp_atomic_file_cleanup(const char *folder);

/* Copies a regular file in parts; replaces `to` atomically.  NOT_FOUND if `from` does not exist. */
gp_status gp_file_copy(const char *from, const char *to, gp_error *err);

/* Renames a file on one file system, but never replaces another file.  Returns 0 or an errno, such as EEXIST and
 * EXDEV. */
int gp_file_rename_new(const char *from, const char *to);

/* Creates the folder and all its parents, like mkdir -p. */
gp_status gp_folder_make(const char *path, gp_error *err);
/* Syncs the folder of `path`, so that a new name lasts through a power cut where the file system supports that. */
gp_status gp_folder_sync_of(const char *path, gp_error *err);

/* Joins two paths with exactly one '/'.  Owned (gp_mem_free), NULL when out of memory.  If `b` is absolute, returns
 * b. */
char *gp_path_join(const char *a, const char *b);
char *gp_path_folder(const char *path);          /* folder of a path, "." if the path has no folder; owned */
const char *gp_path_base(const char *path);      /* base name of a path; borrowed */
const char *gp_path_extension(const char *path); /* extension of the base name, ".png" or ""; borrowed */
/* Returns the absolute path, owned.  Removes ".", ".." and doubled "/" without reading the disk; does not resolve
 * links. */
char *gp_path_absolute(const char *path);

#endif
