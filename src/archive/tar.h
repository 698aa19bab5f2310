/* SPDX-License-Identifier: MIT
 * Reads tar archives (POSIX ustar and pax, GNU long names), member by member, from a stream that may be compressed.
 * Memory: the name of one member. */
#ifndef GP_ARCHIVE_TAR_H
#define GP_ARCHIVE_TAR_H

#include "archive/unpack.h"
#include "base/str.h"

typedef struct gp_tar_member {
    const char *name; /* as written in the archive, borrowed until the next member */
    uint64_t size;
    bool file; /* a regular file; folders, links and devices are not */
} gp_tar_member;

typedef struct gp_tar {
    gp_stream *stream; /* borrowed */
    const char *label; /* borrowed; names the archive in messages */
    uint64_t left;     /* bytes of the current member that have not been read */
    unsigned padding;  /* zero bytes after them */
    gp_str name, long_name;
    gp_tar_member member;
} gp_tar;

/* Returns true if the bytes begin with the header of a tar archive (its checksum is right). */
bool gp_tar_begins(const void *bytes, size_t size);

void gp_tar_open(gp_tar *tar, gp_stream *stream, const char *label);
/* Finds the next member, after skipping what was not read of the current one.  *more: false at the end.  Errors: FORMAT
 * (damaged or cut off), and those of gp_stream_read. */
gp_status gp_tar_next(gp_tar *tar, bool *more, gp_error *err);
/* Reads exactly `size` bytes of the current member. Fails if fewer bytes of the member are left. */
gp_status gp_tar_read(gp_tar *tar, void *out, size_t size, gp_error *err);
void gp_tar_close(gp_tar *tar);

#endif
