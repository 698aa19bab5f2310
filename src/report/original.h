/* SPDX-License-Identifier: MIT
 * The only way to read an image's bytes for output: exports, sites, sheets, tours, the explorer.  A catalog may come
 * from another person and name any path.  So a file is output only if it is regular, begins like an image, and its
 * whole content has the hash on record.  An attacker cannot record the hash of a file whose content he does not
 * know. */
#ifndef GP_REPORT_ORIGINAL_H
#define GP_REPORT_ORIGINAL_H

#include "base/file.h"
#include "base/hash.h"

/* Opens `path`, following links, and checks the open file; the path may lead to another file later.  Owns: *file
 * (close).  Errors: NOT_FOUND (no file, or the hash of its content differs from `hash`), IO, FORMAT (not an image),
 * MEMORY.  The message is short and does not name the path. */
gp_status gp_original_open(const char *path, const gp_hash *hash, int *file, gp_error *err);
/* Opens without checking the content, for callers that have checked this file before. */
gp_status gp_original_open_unchecked(const char *path, int *file, gp_error *err);
/* Checks an open file as gp_original_open does. */
gp_status gp_original_check(int file, const gp_hash *hash, gp_error *err);
/* Reads the whole file and checks exactly the bytes that it returns.  Owns: *out, gp_bytes_clear. */
gp_status gp_original_read(const char *path, const gp_hash *hash, gp_bytes *out, gp_error *err);

#endif
