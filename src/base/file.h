/* SPDX-License-Identifier: MIT
 * Whole files, parts of files, atomic replacement, paths.  Nothing here follows a size that a file claims about itself.
 */
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
/* For tests: files cannot be opened for reading, with this errno, until it is 0 again.  Process-wide. */
void gp_file_fail_with(int number);

/* Open a regular file for gp_file_read_at; *size: its bytes now.  Owns: *fd, close. */
gp_status gp_file_open(const char *path, int *fd, uint64_t *size, gp_error *err);
/* Read exactly `size` bytes at `offset`; IO if the file ends before.  Threads: any. */
gp_status gp_file_read_at(int fd, const char *path, uint64_t offset, void *out, size_t size, gp_error *err);

/* Replace `path` by the bytes at once: temporary name beside it, fsync, rename, fsync of the folder. */
gp_status gp_file_replace(const char *path, const void *bytes, size_t size, gp_error *err);

/* A file being written under a temporary name beside `path`; commit renames it into place, abort removes it.  What a
 * killed process left under such a name in that folder is removed first. */
typedef struct gp_atomic gp_atomic;
gp_status gp_atomic_open(const char *path, gp_atomic **out, gp_error *err);
gp_status gp_atomic_write(gp_atomic *file, const void *bytes, size_t size, gp_error *err);
/* Write over bytes that were written already. */
gp_status gp_atomic_write_at(gp_atomic *file, uint64_t offset, const void *bytes, size_t size, gp_error *err);
/* After the last write: the time at which the file will seem to be modified, where the disk keeps such times. */
gp_status gp_atomic_set_time(gp_atomic *file, struct timespec modified, gp_error *err);
gp_status gp_atomic_commit(gp_atomic *file, gp_error *err); /* frees in both outcomes */
/* The same, but replaces nothing: STOPPED, without a message, if the name is taken. */
gp_status gp_atomic_commit_new(gp_atomic *file, gp_error *err);
void gp_atomic_abort(gp_atomic *file); /* NULL allowed */
/* Remove what killed processes left under temporary names in a folder; what is being written stays. */
void gp_atomic_sweep(const char *folder);

/* mkdir -p. */
gp_status gp_folder_make(const char *path, gp_error *err);

/* Join with exactly one '/'; owned (gp_mem_free), NULL when out of memory. An absolute `b` gives b. */
char *gp_path_join(const char *a, const char *b);
char *gp_path_folder(const char *path);          /* "." if none; owned */
const char *gp_path_base(const char *path);      /* borrowed */
const char *gp_path_extension(const char *path); /* ".png" or "" of the base name; borrowed */
/* Absolute path without symlinks resolved ("." and ".." and doubled "/" removed lexically); owned. */
char *gp_path_absolute(const char *path);

#endif
