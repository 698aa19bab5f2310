/* SPDX-License-Identifier: MIT
 * Reads bytes that may be compressed with gzip (RFC 1952, all members) or Zstandard (all frames).  The compression is
 * found by the first bytes, never by a name.  Memory: two buffers of 64 KiB, and the window of the decompressor (at
 * most 128 MiB). */
#ifndef GP_ARCHIVE_UNPACK_H
#define GP_ARCHIVE_UNPACK_H

#include "base/clock.h"
#include "base/file.h"

typedef struct gp_stream gp_stream;

/* Returns "gzip" or "zstd" if the bytes begin a file of that kind, else NULL. */
const char *gp_stream_packing(const void *bytes, size_t size);

/* Opens a regular file; `path` is borrowed while the stream is open. */
gp_status gp_stream_open(const char *path, gp_stream **out, gp_error *err);
/* Opens bytes in memory, borrowed while the stream is open.  `label` names them in messages. */
gp_status gp_stream_open_bytes(const char *label, const void *bytes, size_t size, gp_stream **out, gp_error *err);
/* Reads up to `size` unpacked bytes.  *got is less than `size` only at the end.  Errors: FORMAT (damaged or cut off),
 * LIMIT (the window of the decompressor is larger than 128 MiB), IO, MEMORY. */
gp_status gp_stream_read(gp_stream *stream, void *out, size_t size, size_t *got, gp_error *err);
void gp_stream_close(gp_stream *stream); /* NULL allowed */

/* Unpacks everything into memory, at most `limit` bytes.  Errors: as gp_stream_read; LIMIT also for more bytes, and
 * for more than 2000 unpacked bytes for each packed byte (from 16 MiB on). */
gp_status gp_stream_unpack(const char *label, const void *bytes, size_t size, size_t limit, gp_watch *watch,
                           gp_bytes *out, gp_error *err);

#endif
