/* SPDX-License-Identifier: MIT
 * See safe_name.h. */
#include "unpack/safe_name.h"

#include <string.h>

enum { MOST_STEM = 200, MOST_EXTENSION = 16, MOST_FOLDERS = 8 };

static bool is_safe(uint32_t cp)
{
    return cp >= 32 && !(cp >= 127 && cp < 160) && cp != 0xFFFD && !(cp < 127 && strchr("\\:*?\"<>|/", (int)cp));
}

/* Returns the number of bytes of the component's stem: all without a short extension. */
static size_t stem_of(const char *name, size_t size)
{
    size_t dot = size;
    while (dot && name[dot - 1] != '.') dot--;
    return dot > 1 && size - dot < MOST_EXTENSION ? dot - 1 : size;
}

static void put_part(gp_str *out, const char *name, size_t size, size_t most)
{
    size_t start = out->size;
    for (size_t i = 0; i < size;) {
        uint32_t cp;
        size_t n = gp_utf8_next(name + i, size - i, &cp);
        if (out->size - start + n > most) break;
        if (is_safe(cp))
            gp_str_add(out, name + i, n);
        else
            gp_str_putc(out, '_');
        i += n;
    }
}

static void put_component(gp_str *out, const char *name, size_t size)
{
    size_t stem = stem_of(name, size), start = out->size;
    put_part(out, name, stem, MOST_STEM);
    put_part(out, name + stem, size - stem, MOST_EXTENSION + 1);
    if (out->data && out->size > start && out->data[start] == '.') out->data[start] = '_';
}

void gp_safe_path(gp_str *out, const char *path)
{
    size_t folders = 0, components = 0;
    for (const char *at = path; *at; at += strspn(at, "/")) {
        size_t n = strcspn(at, "/");
        bool counts = n && !(n == 1 && at[0] == '.') && !(n == 2 && at[0] == '.' && at[1] == '.');
        components += counts;
        at += n;
    }
    for (const char *at = path; *at; at += strspn(at, "/")) {
        size_t n = strcspn(at, "/");
        bool counts = n && !(n == 1 && at[0] == '.') && !(n == 2 && at[0] == '.' && at[1] == '.');
        /* of many folders the outer ones are dropped */
        if (counts && --components <= MOST_FOLDERS) {
            if (folders++) gp_str_putc(out, '/');
            put_component(out, at, n);
        }
        at += n;
    }
}
