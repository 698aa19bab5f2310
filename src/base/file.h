/* SPDX-License-Identifier: MIT
 * Whole files, parts of files, atomic replacement, paths.  No size that a file states about itself is
 * trusted. */
#ifndef GP_BASE_FILE_H
#define GP_BASE_FILE_H

#include "base/status.h"

#include <time.h>

typedef struct gp_bytes {
    uint8_t *data; /* owned, gp_bytes_clear; one zero byte follows, not counted */
    size_t size;
} gp_bytes;
/* Read a whole regular file, at most `limit` bytes (LIMIT beyond; a folder or a device is an IO error; FIFOs never
 * block). */
gp_status gp_file_read(const char *path, uint64_t limit, gp_bytes *out, gp_error *err);
void gp_bytes_clear(gp_bytes *bytes);
/* For tests: makes every open for reading fail with errno `number`; 0 ends that.  Process-wide. */
void gp_file_fail_with(int number);

/* Opens a regular file for gp_file_read_at; *size is its present size in bytes.  Owns: *fd, close. */
gp_status gp_file_open(const char *path, int *fd, uint64_t *size, gp_error *err);
/* Reads exactly `size` bytes at `offset`; fails with IO if the file ends earlier.  Threads: any. */
gp_status gp_file_read_at(int fd, const char *path, uint64_t offset, void *out, size_t size, gp_error *err);

/* Writes all bytes at the offset `at`, or at the position of the file if `at` is negative.  false: errno says why. */
bool gp_fd_write(int fd, int64_t at, const void *bytes, size_t size);

/* Replace `path` by the bytes at once: temporary name beside it, fsync, rename, fsync of the folder. */
gp_status gp_file_replace(const char *path, const void *bytes, size_t size, gp_error *err);

/* A file being written under a temporary name beside `path`; commit renames it into place, abort removes it.
 * Temporary files that killed processes left in that folder are removed first. */
typedef struct gp_atomic_file gp_atomic_file;
gp_status gp_atomic_file_open(const char *path, gp_atomic_file **out, gp_error *err);
gp_status gp_atomic_file_write(gp_atomic_file *file, const void *bytes, size_t size, gp_error *err);
/* Overwrites bytes that were written earlier. */
gp_status gp_atomic_file_write_at(gp_atomic_file *file, uint64_t offset, const void *bytes, size_t size, gp_error *err);
/* Sets the file's modification time where the file system supports that.  Call after the last write. */
gp_status gp_atomic_file_set_time(gp_atomic_file *file, struct timespec modified, gp_error *err);
gp_status gp_atomic_file_commit(gp_atomic_file *file, gp_error *err); /* frees in both outcomes */
/* Like gp_atomic_file_commit, but never replaces a file: returns STOPPED without a message if `path` exists. */
gp_status gp_atomic_file_commit_new(gp_atomic_file *file, gp_error *err);
void gp_atomic_file_abort(gp_atomic_file *file); /* NULL allowed */
/* Remove what killed processes left under temporary names in a folder; what is being written stays. */
void gp_atomic_file_file_cleanup(const char *folder);

/* Copies a regular file in pieces; replaces `to` at once.  NOT_FOUND if `from` does not exist. */
gp_status gp_file_copy(const char *from, const char *to, gp_error *err);

/* mkdir -p. */
gp_status gp_folder_make(const char *path, gp_error *err);
/* Syncs the folder of `path`, so that a new name lasts through a power cut where the file system supports that. */
gp_status gp_folder_sync_of(const char *path, gp_error *err);

/* Join with exactly one '/'; owned (gp_mem_free), NULL when out of memory. An absolute `b` gives b. */
char *gp_path_join(const char *a, const char *b);
char *gp_path_folder(const char *path);          /* "." if none; owned */
const char *gp_path_base(const char *path);      /* borrowed */
const char *gp_path_extension(const char *path); /* ".png" or "" of the base name; borrowed */
/* Absolute path without symlinks resolved ("." and ".." and doubled "/" removed lexically); owned. */
char *gp_path_absolute(const char *path);

#endif
