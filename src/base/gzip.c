/* SPDX-License-Identifier: MIT
 * Expands gzip with zlib, part by part. */
#include "base/gzip.h"

#include <limits.h>
#include <zlib.h>

enum { GZIP_ONLY = 16 + MAX_WBITS, GZIP_OR_ZLIB = 32 + MAX_WBITS };

static gp_status expand(const void *bytes, size_t size, int format, size_t limit, gp_str *out, gp_error *err)
{
    unsigned char piece[16384];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};
    gp_status st = GP_OK;
    int code = Z_OK;
    size_t total = 0;
    if (size > UINT_MAX)
        return gp_fail(err, GP_ERR_LIMIT, "%zu bytes of gzip data are more than goldpan can unpack (4 GiB)", size);
    if (inflateInit2(&z, format) != Z_OK) return gp_fail_memory(err, "unpacking");
    while (st == GP_OK && code != Z_STREAM_END) {
        z.next_out = piece, z.avail_out = sizeof piece;
        code = inflate(&z, Z_NO_FLUSH);
        size_t got = sizeof piece - z.avail_out;
        total += got;
        if (code == Z_MEM_ERROR)
            st = gp_fail_memory(err, "unpacking");
        else if ((code != Z_OK && code != Z_STREAM_END) || (code == Z_OK && !got && !z.avail_in))
            st = gp_fail(err, GP_ERR_FORMAT, "the gzip data is damaged");
        else if (total > limit)
            st = gp_fail(err, GP_ERR_LIMIT, "the gzip data unpacks to more than %zu bytes", limit);
        else
            gp_str_add(out, piece, got);
    }
    inflateEnd(&z);
    if (st == GP_OK && out->failed) st = gp_fail_memory(err, "unpacking");
    return st;
}

gp_status gp_gzip_expand(const void *bytes, size_t size, size_t limit, gp_str *out, gp_error *err)
{
    return expand(bytes, size, GZIP_ONLY, limit, out, err);
}

gp_status gp_gzip_or_zlib_expand(const void *bytes, size_t size, size_t limit, gp_str *out, gp_error *err)
{
    return expand(bytes, size, GZIP_OR_ZLIB, limit, out, err);
}
