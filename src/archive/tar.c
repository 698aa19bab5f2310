/* SPDX-License-Identifier: MIT
 * See tar.h.  A header is a block of 512 bytes: name, mode, owner, size (octal, or binary for GNU), checksum, type.  Two
 * zero blocks end the archive; many writers omit them. */
#include "archive/tar.h"

#include "base/mem.h"

#include <string.h>

enum { BLOCK = 512, MOST_NAME = 4096, MOST_EXTENDED = 1 << 20 };
enum { NAME = 0, NAME_SIZE = 100, SIZE = 124, SUM = 148, TYPE = 156, MAGIC = 257, PREFIX = 345, PREFIX_SIZE = 155 };

/* Reads an octal number that may have blanks around it; false: not a number. */
static bool octal(const uint8_t *p, size_t size, uint64_t *out)
{
    size_t i = 0;
    *out = 0;
    while (i < size && p[i] == ' ') i++;
    size_t first = i;
    for (; i < size && p[i] >= '0' && p[i] <= '7'; i++) *out = *out << 3 | (uint64_t)(p[i] - '0');
    return i > first && (i == size || p[i] == ' ' || p[i] == 0);
}

/* Reads the size field: octal, or binary with the highest bit set (GNU, for sizes from 8 GiB on). */
static bool size_of(const uint8_t *block, uint64_t *out)
{
    const uint8_t *p = block + SIZE;
    if (!(p[0] & 0x80)) return octal(p, 12, out);
    *out = 0;
    for (size_t i = 4; i < 12; i++) *out = *out << 8 | p[i];
    return p[0] == 0x80 && !p[1] && !p[2] && !p[3] && *out < (uint64_t)1 << 62;
}

/* Checks the sum of all bytes, in which the checksum itself counts as blanks. Old writers summed signed bytes. */
static bool sum_is_right(const uint8_t *block)
{
    uint64_t want;
    int64_t plain = 0, with_sign = 0;
    if (!octal(block + SUM, 8, &want)) return false;
    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t byte = i >= SUM && i < SUM + 8 ? ' ' : block[i];
        plain += byte, with_sign += (int8_t)byte;
    }
    return (int64_t)want == plain || (int64_t)want == with_sign;
}

bool gp_tar_begins(const void *bytes, size_t size)
{
    uint64_t ignored;
    const uint8_t *block = bytes;
    return size >= BLOCK && block[0] && sum_is_right(block) && size_of(block, &ignored);
}

void gp_tar_open(gp_tar *tar, gp_stream *stream, const char *label)
{
    *tar = (gp_tar){.stream = stream, .label = label, .name = GP_STR_INIT, .long_name = GP_STR_INIT};
}

void gp_tar_close(gp_tar *tar)
{
    gp_str_clear(&tar->name);
    gp_str_clear(&tar->long_name);
}

static gp_status wrong(const gp_tar *tar, const char *what, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is a damaged tar archive: %s", tar->label, what);
}

static gp_status read_exactly(gp_tar *tar, void *out, size_t size, gp_error *err)
{
    size_t got;
    GP_TRY(gp_stream_read(tar->stream, out, size, &got, err));
    return got == size ? GP_OK : wrong(tar, "it is cut off", err);
}

gp_status gp_tar_read(gp_tar *tar, void *out, size_t size, gp_error *err)
{
    if (size > tar->left) return wrong(tar, "a member is shorter than expected", err);
    GP_TRY(read_exactly(tar, out, size, err));
    tar->left -= size;
    return GP_OK;
}

/* Reads over the rest of the current member and its padding. */
static gp_status skip_rest(gp_tar *tar, gp_error *err)
{
    uint8_t room[8 * BLOCK];
    tar->left += tar->padding, tar->padding = 0;
    while (tar->left) {
        size_t n = tar->left < sizeof room ? (size_t)tar->left : sizeof room;
        GP_TRY(gp_tar_read(tar, room, n, err));
    }
    return GP_OK;
}

/* Finds "path=NAME" among the records "LENGTH KEY=VALUE\n" of a pax header. */
static void take_pax(gp_tar *tar, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = 0, digits = at;
        while (digits < size && text[digits] >= '0' && text[digits] <= '9' && length < size)
            length = length * 10 + (size_t)(text[digits++] - '0');
        if (digits == size || text[digits] != ' ' || length > size - at || length < digits - at + 3) return;
        const char *key = text + digits + 1, *end = text + at + length - 1;
        if (end - key > 5 && memcmp(key, "path=", 5) == 0) {
            gp_str_reset(&tar->long_name);
            gp_str_add(&tar->long_name, key + 5, (size_t)(end - key - 5));
        }
        at += length;
    }
}

/* Reads a member that describes the next one: a long name of GNU, or a pax header. */
static gp_status read_extended(gp_tar *tar, char type, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    char room[BLOCK];
    gp_status st = GP_OK;
    if (tar->left > MOST_EXTENDED) return wrong(tar, "the header of a member is larger than 1 MiB", err);
    while (tar->left && st == GP_OK) {
        size_t n = tar->left < sizeof room ? (size_t)tar->left : sizeof room;
        st = gp_tar_read(tar, room, n, err);
        if (st == GP_OK) gp_str_add(&text, room, n);
    }
    if (st == GP_OK && text.failed) st = gp_fail_memory_path(err, "'%s'", tar->label);
    if (st == GP_OK && text.data && type == 'L') {
        gp_str_reset(&tar->long_name);
        gp_str_puts(&tar->long_name, text.data);
    } else if (st == GP_OK && text.data && type == 'x') {
        take_pax(tar, text.data, text.size);
    }
    gp_str_clear(&text);
    return st;
}

static void add_field(gp_str *s, const uint8_t *field, size_t size)
{
    const uint8_t *nul = memchr(field, 0, size);
    gp_str_add(s, field, nul ? (size_t)(nul - field) : size);
}

static gp_status take_name(gp_tar *tar, const uint8_t *block, gp_error *err)
{
    gp_str_reset(&tar->name);
    gp_str_puts(&tar->name, "");
    if (tar->long_name.size) {
        gp_str_puts(&tar->name, tar->long_name.data);
    } else {
        bool ustar = memcmp(block + MAGIC, "ustar\0", 6) == 0;
        if (ustar && block[PREFIX]) {
            add_field(&tar->name, block + PREFIX, PREFIX_SIZE);
            gp_str_putc(&tar->name, '/');
        }
        add_field(&tar->name, block + NAME, NAME_SIZE);
    }
    gp_str_reset(&tar->long_name);
    if (tar->name.failed || tar->long_name.failed) return gp_fail_memory_path(err, "'%s'", tar->label);
    return tar->name.size > MOST_NAME ? wrong(tar, "the name of a member is too long", err) : GP_OK;
}

static gp_status read_header(gp_tar *tar, uint8_t *block, bool *more, gp_error *err)
{
    size_t got;
    GP_TRY(skip_rest(tar, err));
    GP_TRY(gp_stream_read(tar->stream, block, BLOCK, &got, err));
    *more = got && (got < BLOCK || block[0] || memcmp(block, block + 1, BLOCK - 1) != 0);
    if (!*more) return GP_OK;
    if (got < BLOCK) return wrong(tar, "it is cut off", err);
    if (!sum_is_right(block) || !size_of(block, &tar->left))
        return wrong(tar, "the header of a member has a wrong checksum", err);
    char type = (char)block[TYPE];
    if (type >= '1' && type <= '6') tar->left = 0; /* links, devices and folders have no bytes */
    tar->padding = (unsigned)((BLOCK - tar->left % BLOCK) % BLOCK);
    return GP_OK;
}

gp_status gp_tar_next(gp_tar *tar, bool *more, gp_error *err)
{
    uint8_t block[BLOCK];
    for (;;) {
        GP_TRY(read_header(tar, block, more, err));
        if (!*more) return GP_OK;
        char type = (char)block[TYPE];
        if (type == 'L' || type == 'K' || type == 'x' || type == 'g') {
            GP_TRY(read_extended(tar, type, err));
            continue;
        }
        GP_TRY(take_name(tar, block, err));
        tar->member = (gp_tar_member){tar->name.data, tar->left, type == '0' || type == 0 || type == '7'};
        return GP_OK;
    }
}
