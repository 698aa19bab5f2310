/* SPDX-License-Identifier: MIT
 * Reads and writes UTF-8, and converts other encodings to UTF-8.  Follows table 3-7 of the Unicode standard: no
 * overlong forms, no surrogates, nothing above U+10FFFF. */
#include "base/str.h"

#include <assert.h>
#include <string.h>

enum { REPLACEMENT = 0xFFFD };

size_t gp_utf8_next(const char *s, size_t size, uint32_t *cp)
{
    const uint8_t *p = (const uint8_t *)s;
    assert(size > 0);
    uint32_t c = p[0];
    *cp = c;
    if (c < 0x80) return 1;
    *cp = REPLACEMENT;
    size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c < 0xC2 || c > 0xF4 || more >= size) return 1;
    /* the second byte's range depends on the first */
    uint8_t low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    uint8_t high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high) return 1;
    c = (c & (0x3Fu >> more)) << 6 | (p[1] & 0x3Fu);
    for (size_t i = 2; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80) return 1;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *cp = c;
    return more + 1;
}

bool gp_utf8_valid(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint32_t cp;
        size_t n = gp_utf8_next(bytes + i, size - i, &cp);
        if (n == 1 && cp == REPLACEMENT) return false;
        i += n;
    }
    return true;
}

size_t gp_utf8_encode(char *bytes, uint32_t cp)
{
    if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) cp = REPLACEMENT;
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, cp >>= 6) bytes[i] = (char)(0x80 | (cp & 0x3F));
    bytes[0] = (char)(lead[n] | cp);
    return n;
}

void gp_utf8_put(gp_str *s, uint32_t cp)
{
    char bytes[4];
    gp_str_add(s, bytes, gp_utf8_encode(bytes, cp));
}

void gp_str_add_latin1(gp_str *s, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) gp_utf8_put(s, p[i]);
}

void gp_str_add_utf16(gp_str *s, const void *bytes, size_t size, bool big_endian)
{
    const uint8_t *p = bytes;
    uint32_t high = 0; /* the first half of a surrogate pair; 0: none */
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint32_t unit = big_endian ? (uint32_t)p[i] << 8 | p[i + 1] : (uint32_t)p[i + 1] << 8 | p[i];
        if (high && unit >= 0xDC00 && unit <= 0xDFFF) {
            gp_utf8_put(s, 0x10000 + ((high & 0x3FF) << 10 | (unit & 0x3FF)));
            high = 0;
            continue;
        }
        if (high) gp_utf8_put(s, REPLACEMENT);
        high = unit >= 0xD800 && unit <= 0xDBFF ? unit : 0;
        if (!high) gp_utf8_put(s, unit); /* gp_utf8_put makes a lone second half U+FFFD */
    }
    if (high || size % 2) gp_utf8_put(s, REPLACEMENT);
}
