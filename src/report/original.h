/* SPDX-License-Identifier: MIT
 * The one way to an image's own bytes, for all that gives them out: exports, sites, sheets, tours, the explorer.
 * A catalog may come from a stranger and name any path.  So a file counts only if it is regular, begins as an image
 * does, and its whole content has the hash on record: what a stranger does not have, he cannot name. */
#ifndef GP_REPORT_ORIGINAL_H
#define GP_REPORT_ORIGINAL_H

#include "base/file.h"
#include "base/hash.h"

/* Open `path` and check it.  Links are followed; what was checked is the open file, whatever the path leads to later.
 * Owns: *file, close.  NOT_FOUND: it is not there, or not with the content on record; IO; FORMAT: no image; MEMORY. The
 * message says why in few words, without the path. */
gp_status gp_original_open(const char *path, const gp_hash *hash, int *file, gp_error *err);
/* Open without looking at the content, for those who know the file already. */
gp_status gp_original_open_unchecked(const char *path, int *file, gp_error *err);
/* Check an open file. */
gp_status gp_original_check(int file, const gp_hash *hash, gp_error *err);
/* The whole file; exactly these bytes were checked.  Owns: *out, gp_bytes_clear. */
gp_status gp_original_read(const char *path, const gp_hash *hash, gp_bytes *out, gp_error *err);

#endif
