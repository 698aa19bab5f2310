/* SPDX-License-Identifier: MIT
 * Finds single properties of an XMP packet. Each call reads the packet once. */
#include "metadata/xmp.h"

#include <string.h>

typedef struct span {
    const char *at, *end;
} span;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Appends the character of the entity "&name;" at p. Returns the position after the entity, or NULL if there is no
 * entity at p. */
static const char *put_entity(gp_str *out, const char *p, const char *end)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    size_t left = (size_t)(end - p);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        size_t size = strlen(named[i].name);
        if (left < size || memcmp(p, named[i].name, size) != 0) continue;
        gp_str_putc(out, named[i].c);
        return p + size;
    }
    if (left < 4 || p[1] != '#') return NULL;
    bool hex = p[2] == 'x';
    uint32_t cp = 0;
    const char *digit = p + 2 + hex;
    for (; digit < end && *digit != ';'; digit++) {
        int value = gp_hex_digit(*digit);
        if (value < 0 || (!hex && value > 9) || cp > 0x10ffff) return NULL;
        cp = cp * (hex ? 16 : 10) + (uint32_t)value;
    }
    if (digit == end || digit == p + 2 + hex || cp == 0 || cp > 0x10ffff) return NULL;
    gp_utf8_put(out, cp);
    return digit + 1;
}

static void put_decoded(gp_str *out, span text)
{
    while (text.at < text.end) {
        const char *entity = memchr(text.at, '&', (size_t)(text.end - text.at));
        if (!entity) entity = text.end;
        gp_str_add(out, text.at, (size_t)(entity - text.at));
        text.at = entity;
        if (entity == text.end) return;
        const char *after = put_entity(out, entity, text.end);
        if (!after) gp_str_putc(out, '&');
        text.at = after ? after : entity + 1;
    }
}

/* Finds the value of the attribute whose name ends at p. */
static bool attribute(const char *p, const char *end, span *value)
{
    while (p < end && is_space(*p)) p++;
    if (p == end || *p != '=') return false;
    for (p++; p < end && is_space(*p);) p++;
    if (p == end || (*p != '"' && *p != '\'')) return false;
    const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));
    if (!close) return false;
    *value = (span){p + 1, close};
    return true;
}

/* Returns the '>' that ends the tag whose name ends at p, or NULL if another tag begins first. The search ends at that
 * tag, so that many tags without an end do not make each search read the rest of the packet. */
static const char *tag_end(const char *p, const char *end)
{
    const char *next = memchr(p, '<', (size_t)(end - p));
    return memchr(p, '>', (size_t)((next ? next : end) - p));
}

/* Finds the first text inside the element whose name ends at p. The text may be inside elements of a list. */
static bool element(const char *p, const char *end, const char *property, span *value)
{
    size_t size = strlen(property);
    const char *tag = tag_end(p, end);
    while (tag && tag[-1] != '/') {
        const char *text = tag + 1, *open = memchr(text, '<', (size_t)(end - text));
        if (!open) return false;
        bool blank = true;
        for (const char *c = text; c < open && blank; c++) blank = is_space(*c);
        *value = (span){text, open};
        bool closing = end - open >= 2 && open[1] == '/';
        if (!blank || closing) return !blank; /* an empty element has no value */
        if ((size_t)(end - open) > size && memcmp(open + 1, property, size) == 0) return false;
        tag = tag_end(open + 1, end);
    }
    return false;
}

bool gp_xmp_get(const char *xml, size_t size, const char *property, gp_str *out)
{
    const char *end = xml + size;
    size_t name = strlen(property);
    for (const char *p = xml; (p = memmem(p, (size_t)(end - p), property, name)) != NULL; p += name) {
        span value;
        if (p == xml) continue;
        bool found = p[-1] == '<'      ? element(p + name, end, property, &value)
                     : is_space(p[-1]) ? attribute(p + name, end, &value)
                                       : false;
        if (!found) continue;
        put_decoded(out, value);
        return true;
    }
    return false;
}
