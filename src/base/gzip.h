/* SPDX-License-Identifier: MIT
 * One gzip member (RFC 1952) or zlib stream (RFC 1950) in memory. */
#ifndef GP_BASE_GZIP_H
#define GP_BASE_GZIP_H

#include "base/str.h"

/* Expands the compressed bytes and appends the result, at most `limit` bytes, to `out`.  Errors: FORMAT, LIMIT,
 * MEMORY. */
gp_status gp_gzip_expand(const void *bytes, size_t size, size_t limit, gp_str *out, gp_error *err);
/* As gp_gzip_expand, but also accepts a zlib stream. */
gp_status gp_gzip_or_zlib_expand(const void *bytes, size_t size, size_t limit, gp_str *out, gp_error *err);

#endif
