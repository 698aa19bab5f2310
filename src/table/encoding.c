/* SPDX-License-Identifier: MIT
 * Detects the encoding of a text file and converts its text to UTF-8. */
#include "table/encoding.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

enum { CHUNK = 1 << 20, REPLACEMENT = 0xFFFD };

/* Counts in a text that is read as UTF-8: multi-byte characters, invalid bytes and zero bytes. */
typedef struct census {
    size_t whole, broken; /* whole: valid multi-byte UTF-8 characters; broken: bytes outside any valid character */
    size_t zeros[2];      /* zero bytes at even and at odd offsets */
} census;

/* Returns how many bytes from `at` on, up to `end`, are ASCII and not zero.  Rounds this number down to a multiple of
 * 8. */
static size_t plain_bytes(const uint8_t *p, size_t at, size_t end)
{
    size_t start = at;
    for (; at + 8 <= end; at += 8) {
        uint64_t x;
        memcpy(&x, p + at, 8);
        /* subtracting 1 from a byte below 0x80 sets its top bit only if the byte is zero */
        if ((x | (x - 0x0101010101010101u)) & 0x8080808080808080u) break;
    }
    return at - start;
}

static gp_status take_census(const gp_bytes *text, census *out, gp_watch *watch, gp_error *err)
{
    size_t next = CHUNK;
    for (size_t i = 0; i < text->size;) {
        uint32_t cp;
        if (i >= next) {
            next = i + CHUNK;
            GP_TRY(gp_watch_work(watch, CHUNK, err));
        }
        i += plain_bytes(text->data, i, text->size < next ? text->size : next);
        if (i == text->size || i >= next) continue;
        size_t n = gp_utf8_next((const char *)text->data + i, text->size - i, &cp);
        out->whole += n > 1;
        out->broken += n == 1 && cp == REPLACEMENT;
        if (cp == 0) out->zeros[i & 1]++;
        i += n;
    }
    return GP_OK;
}

/* In UTF-16 the zero bytes are the upper halves of Latin letters, digits and line ends. */
static bool is_utf16(const census *c, size_t size, bool *big)
{
    size_t units = size / 2, most, least;
    *big = c->zeros[0] > c->zeros[1];
    most = c->zeros[!*big], least = c->zeros[*big];
    if (size % 2 || most == 0 || least > most / 4) return false;
    return most * 2 >= units || (c->broken > 0 && c->whole <= c->broken);
}

static gp_encoding find_encoding(const gp_bytes *text, const census *c)
{
    bool big;
    if (is_utf16(c, text->size, &big)) return big ? GP_ENCODING_UTF16_BIG : GP_ENCODING_UTF16_LITTLE;
    if (!c->broken) return GP_ENCODING_UTF8;
    return c->whole > c->broken ? GP_ENCODING_UTF8_DAMAGED : GP_ENCODING_1252;
}

/* ------------------------------------------------------------------ one character at a time */

/* Code page 1252 from 0x80 to 0x9F; 0: not assigned. */
static const uint16_t upper_1252[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                        0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                        0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                        0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

static uint32_t unit_at(const gp_bytes *text, size_t at, bool big)
{
    const uint8_t *p = text->data + at;
    return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

/* Returns the character at *at and moves *at behind it. */
static uint32_t next_character(const gp_bytes *text, gp_encoding encoding, size_t *at)
{
    uint32_t cp;
    if (encoding == GP_ENCODING_1252) {
        cp = text->data[(*at)++];
        if (cp < 0x80 || cp >= 0xA0) return cp;
        return upper_1252[cp - 0x80] ? upper_1252[cp - 0x80] : REPLACEMENT;
    }
    if (encoding == GP_ENCODING_UTF8 || encoding == GP_ENCODING_UTF8_DAMAGED) {
        *at += gp_utf8_next((const char *)text->data + *at, text->size - *at, &cp);
        return cp;
    }
    bool big = encoding == GP_ENCODING_UTF16_BIG;
    if (text->size - *at < 2) {
        *at = text->size;
        return REPLACEMENT;
    }
    cp = unit_at(text, *at, big);
    *at += 2;
    if (cp < 0xD800 || cp > 0xDFFF) return cp;
    uint32_t low = cp <= 0xDBFF && text->size - *at >= 2 ? unit_at(text, *at, big) : 0;
    if (low < 0xDC00 || low > 0xDFFF) return REPLACEMENT; /* half of a surrogate pair */
    *at += 2;
    return 0x10000 + ((cp & 0x3FF) << 10 | (low & 0x3FF));
}

static size_t put_character(uint8_t *to, uint32_t cp)
{
    if (cp < 0x80) {
        to[0] = (uint8_t)cp;
        return 1;
    }
    size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, cp >>= 6) to[i] = (uint8_t)(0x80 | (cp & 0x3F));
    to[0] = (uint8_t)(lead[n] | cp);
    return n;
}

/* Reads the text twice: first to find the size of the result, then to write it into a block of that size. */
static gp_status convert(const char *label, gp_bytes *text, gp_encoding encoding, gp_watch *watch, gp_error *err)
{
    size_t size = 0, to = 0, next = CHUNK;
    uint8_t room[4], *out = NULL;
    gp_status st = GP_OK;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t at = 0; at < text->size;) {
            if (at >= next || at == 0) {
                next = at + CHUNK;
                GP_TRY_GOTO(gp_watch_work(watch, CHUNK, err));
            }
            uint32_t cp = next_character(text, encoding, &at);
            if (pass == 0)
                size += put_character(room, cp);
            else
                to += put_character(out + to, cp);
        }
        if (pass == 1) break;
        out = gp_mem_new(size + 1, 1);
        if (!out) GP_TRY_GOTO(gp_fail_memory_path(err, "'%s' (%zu bytes)", label, size));
    }
    out[size] = 0;
    gp_bytes_clear(text);
    *text = (gp_bytes){out, size};
    out = NULL;
out:
    gp_mem_free(out);
    return st;
}

gp_status gp_text_decode(const char *label, gp_bytes *text, gp_encoding *encoding, gp_watch *watch, gp_error *err)
{
    census c = {0};
    size_t mark = 0;
    const uint8_t *p = text->data;
    gp_encoding found = GP_ENCODING_UTF8;
    if (text->size >= 2 && ((p[0] == 0xFF && p[1] == 0xFE) || (p[0] == 0xFE && p[1] == 0xFF))) {
        mark = 2;
        found = p[0] == 0xFE ? GP_ENCODING_UTF16_BIG : GP_ENCODING_UTF16_LITTLE;
    } else if (text->size >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) {
        mark = 3;
    }
    if (mark) {
        text->size -= mark;
        memmove(text->data, text->data + mark, text->size + 1); /* including the zero byte after the text */
    }
    if (mark != 2) GP_TRY(take_census(text, &c, watch, err));
    if (mark == 3)
        found = c.broken ? GP_ENCODING_UTF8_DAMAGED : GP_ENCODING_UTF8;
    else if (mark == 0)
        found = find_encoding(text, &c);
    if (encoding) *encoding = found;
    return found == GP_ENCODING_UTF8 ? GP_OK : convert(label, text, found, watch, err);
}
