/* SPDX-License-Identifier: MIT
 * See unpack.h. */
#include "archive/unpack.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PIECE = 1 << 16, MOST_WINDOW_LOG = 27, MEMBER = 16 + MAX_WBITS };
/* Unpacked bytes for each packed byte, from 16 MiB on. gzip gives at most 1032. */
enum { FREE_BYTES = 1 << 24, MOST_RATIO = 2000 };
typedef enum packing { PLAIN, GZIP, ZSTANDARD } packing;

struct gp_stream {
    const char *label;
    int fd;               /* -1: the bytes are in memory */
    uint64_t at, size;    /* of the packed bytes: next one to take, and their number */
    const uint8_t *bytes; /* memory, or NULL */
    uint8_t *room;        /* owned; [PIECE] packed bytes of a file */
    const uint8_t *next;  /* packed bytes that are not used yet */
    size_t left;          /* number of bytes at `next` */
    packing packing;
    z_stream z;
    ZSTD_DStream *zstd;
    bool inside; /* in the middle of a gzip member or a zstd frame */
    bool ended;
};

static packing packing_of(const uint8_t *bytes, size_t size)
{
    if (size >= 3 && memcmp(bytes, "\x1F\x8B\x08", 3) == 0) return GZIP;
    if (size >= 4 && memcmp(bytes, "\x28\xB5\x2F\xFD", 4) == 0) return ZSTANDARD;
    return PLAIN;
}

const char *gp_stream_packing(const void *bytes, size_t size)
{
    static const char *const names[] = {NULL, "gzip", "zstd"};
    return names[packing_of(bytes, size)];
}

/* Makes sure that packed bytes are at `next`, unless the end is reached. */
static gp_status refill(gp_stream *s, gp_error *err)
{
    if (s->left || s->at == s->size) return GP_OK;
    uint64_t rest = s->size - s->at;
    size_t n = rest < PIECE ? (size_t)rest : PIECE;
    if (s->fd < 0) {
        s->next = s->bytes + s->at;
    } else {
        GP_TRY(gp_file_read_at(s->fd, s->label, s->at, s->room, n, err));
        s->next = s->room;
    }
    s->at += n, s->left = n;
    return GP_OK;
}

static gp_status begin(gp_stream *s, gp_error *err)
{
    GP_TRY(refill(s, err));
    s->packing = packing_of(s->next, s->left);
    if (s->packing == GZIP && inflateInit2(&s->z, MEMBER) != Z_OK) {
        s->packing = PLAIN;
        return gp_fail_memory_path(err, "'%s'", s->label);
    }
    if (s->packing != ZSTANDARD) return GP_OK;
    s->zstd = ZSTD_createDStream();
    if (!s->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, MOST_WINDOW_LOG)))
        return gp_fail_memory_path(err, "'%s'", s->label);
    return GP_OK;
}

static gp_stream *new_stream(const char *label)
{
    gp_stream *s = gp_mem_zero(1, sizeof *s);
    if (s) s->label = label, s->fd = -1;
    return s;
}

gp_status gp_stream_open(const char *path, gp_stream **out, gp_error *err)
{
    gp_stream *s = new_stream(path);
    gp_status st = GP_OK;
    if (!s) return gp_fail_memory_path(err, "'%s'", path);
    GP_TRY_GOTO(gp_file_open(path, &s->fd, &s->size, err));
    GP_TRY_GOTO(gp_alloc((void **)&s->room, PIECE, 1, "an archive", err));
    GP_TRY_GOTO(begin(s, err));
    *out = s;
    s = NULL;
out:
    gp_stream_close(s);
    return st;
}

gp_status gp_stream_open_bytes(const char *label, const void *bytes, size_t size, gp_stream **out, gp_error *err)
{
    gp_stream *s = new_stream(label);
    if (!s) return gp_fail_memory_path(err, "'%s'", label);
    s->bytes = bytes, s->size = size;
    gp_status st = begin(s, err);
    if (st == GP_OK)
        *out = s;
    else
        gp_stream_close(s);
    return st;
}

void gp_stream_close(gp_stream *s)
{
    if (!s) return;
    if (s->packing == GZIP) inflateEnd(&s->z);
    ZSTD_freeDStream(s->zstd);
    if (s->fd >= 0) close(s->fd);
    gp_mem_free(s->room);
    gp_mem_free(s);
}

static gp_status damaged(const gp_stream *s, gp_error *err)
{
    const char *kind = s->packing == GZIP ? "gzip" : "zstd";
    if (s->at == s->size && !s->left)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is cut off: its %s data does not end", s->label, kind);
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is damaged: its %s data cannot be unpacked after byte %llu", s->label,
                        kind, (unsigned long long)(s->at - s->left));
}

static gp_status read_plain(gp_stream *s, uint8_t *out, size_t size, size_t *got, gp_error *err)
{
    (void)err;
    *got = s->left < size ? s->left : size;
    memcpy(out, s->next, *got);
    s->next += *got, s->left -= *got;
    return GP_OK;
}

/* Reads some bytes of the current member.  After a member another one may follow; anything else ends the stream, as
 * for gunzip. */
static gp_status read_gzip(gp_stream *s, uint8_t *out, size_t size, size_t *got, gp_error *err)
{
    if (!s->inside && packing_of(s->next, s->left) != GZIP && s->next[0] != 0x1F) {
        s->ended = true;
        return GP_OK;
    }
    s->inside = true;
    s->z.next_in = (Bytef *)(uintptr_t)s->next, s->z.avail_in = (uInt)(s->left < UINT_MAX ? s->left : UINT_MAX);
    s->z.next_out = out, s->z.avail_out = (uInt)size;
    size_t given = s->z.avail_in;
    int code = inflate(&s->z, Z_NO_FLUSH);
    size_t used = given - s->z.avail_in;
    *got = size - s->z.avail_out;
    s->next += used, s->left -= used;
    if (code == Z_MEM_ERROR) return gp_fail_memory_path(err, "'%s'", s->label);
    if (code == Z_STREAM_END) {
        s->inside = false;
        inflateReset(&s->z);
        return GP_OK;
    }
    return code == Z_OK || (code == Z_BUF_ERROR && (used || *got)) ? GP_OK : damaged(s, err);
}

static gp_status read_zstd(gp_stream *s, uint8_t *out, size_t size, size_t *got, gp_error *err)
{
    ZSTD_inBuffer in = {s->next, s->left, 0};
    ZSTD_outBuffer to = {out, size, 0};
    size_t code = ZSTD_decompressStream(s->zstd, &to, &in);
    if (ZSTD_isError(code)) {
        if (strstr(ZSTD_getErrorName(code), "memory") || strstr(ZSTD_getErrorName(code), "Window"))
            return gp_fail_path(err, GP_ERR_LIMIT, "'%s' needs a window of more than 128 MiB to unpack", s->label);
        return damaged(s, err);
    }
    s->inside = code != 0;
    *got = to.pos;
    s->next += in.pos, s->left -= in.pos;
    return GP_OK;
}

static gp_status read_some(gp_stream *s, uint8_t *out, size_t size, size_t *got, gp_error *err)
{
    *got = 0;
    GP_TRY(refill(s, err));
    if (!s->left && !s->inside) s->ended = true;
    /* the decompressor may hold bytes that it has not given yet, so it is asked also after the last packed byte */
    if (s->ended) return GP_OK;
    size_t before = s->left;
    if (s->packing == PLAIN) return read_plain(s, out, size, got, err);
    GP_TRY(s->packing == GZIP ? read_gzip(s, out, size, got, err) : read_zstd(s, out, size, got, err));
    return *got || before != s->left || s->ended || !s->inside ? GP_OK : damaged(s, err);
}

gp_status gp_stream_read(gp_stream *s, void *out, size_t size, size_t *got, gp_error *err)
{
    *got = 0;
    while (*got < size && !s->ended) {
        size_t some, room = size - *got < PIECE ? size - *got : PIECE;
        GP_TRY(read_some(s, (uint8_t *)out + *got, room, &some, err));
        *got += some;
    }
    return GP_OK;
}

gp_status gp_stream_unpack(const char *label, const void *bytes, size_t size, size_t limit, gp_watch *watch,
                           gp_bytes *out, gp_error *err)
{
    gp_stream *s = NULL;
    uint8_t *block = NULL, *grown;
    size_t room = 0, used = 0, got = 0;
    GP_TRY(gp_stream_open_bytes(label, bytes, size, &s, err));
    gp_status st = GP_OK;
    do {
        if (used + PIECE + 1 > room) {
            room = room ? room + room / 2 : 4 * PIECE;
            if (!(grown = gp_mem_resize(block, room, 1))) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s'", label));
            block = grown;
        }
        GP_TRY_GOTO(gp_stream_read(s, block + used, PIECE, &got, err));
        used += got;
        if (used > FREE_BYTES && used / MOST_RATIO > size)
            GP_TRY_GOTO(
                gp_fail_path(err, GP_ERR_LIMIT, "'%s' unpacks to more than %d times its size", label, MOST_RATIO));
        if (used > limit)
            GP_TRY_GOTO(gp_fail_path(err, GP_ERR_LIMIT, "'%s' unpacks to more than %zu MiB", label, limit >> 20));
        GP_TRY_GOTO(gp_watch_work(watch, got, err));
    } while (got == PIECE);
    block[used] = 0;
    /* a smaller block is a courtesy: without memory for it the larger one stays */
    if ((grown = gp_mem_resize(block, used + 1, 1))) block = grown;
    *out = (gp_bytes){block, used};
    block = NULL;
out:
    gp_mem_free(block);
    gp_stream_close(s);
    return st;
}
