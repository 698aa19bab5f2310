/* SPDX-License-Identifier: MIT
 * The table of addresses and their handlers. Each address has one pattern: %n stands for a number without leading
 * zeros, %h for a hash, %s for a thumbnail size, and %e for an image's extension. */
#include "serve/routes.h"

#include "base/str.h"
#include "serve/server_private.h"

#include <string.h>

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

static const struct {
    const char *pattern;
    gp_route_kind kind;
    void (*handle)(struct gp_request *request);
    unsigned methods;
    uint64_t most;
    bool writes;
} table[] = {
    {"data/catalog.json", GP_ROUTE_MANIFEST, gp_serve_manifest, GP_METHOD_GET, 0, false},
    {"data/col/%n.bin", GP_ROUTE_COLUMN, gp_serve_column, GP_METHOD_GET, 0, false},
    {"data/words/%n.bin", GP_ROUTE_WORDS, gp_serve_column, GP_METHOD_GET, 0, false},
    {"data/slices.bin", GP_ROUTE_SLICES, gp_serve_slices, GP_METHOD_GET, 0, false},
    {"data/detail/%n.json", GP_ROUTE_DETAIL, gp_serve_detail, GP_METHOD_GET, 0, false},
    {"data/tags.json", GP_ROUTE_TAGS, gp_serve_tags, GP_METHOD_GET, 0, false},
    {"thumb/%s/%h.jpg", GP_ROUTE_THUMB, gp_serve_thumb, GP_METHOD_GET, 0, false},
    {"image/%h.%e", GP_ROUTE_IMAGE, gp_serve_image, GP_METHOD_GET, 0, false},
    {"events", GP_ROUTE_EVENTS, gp_serve_events, GP_METHOD_GET, 0, false},
    {"api/rate", GP_ROUTE_RATE, gp_serve_rate, GP_METHOD_POST, 8 * MIB, true},
    {"api/tag", GP_ROUTE_TAG, gp_serve_tag, GP_METHOD_POST, 16 * MIB, true},
    {"api/search", GP_ROUTE_SEARCH, gp_serve_search, GP_METHOD_POST, 64 * KIB, false},
    {"api/upload", GP_ROUTE_UPLOAD, gp_serve_upload, GP_METHOD_POST, 64 * MIB, false},
    {"api/saved", GP_ROUTE_SAVED, gp_serve_saved, GP_METHOD_GET | GP_METHOD_POST, MIB, true},
    {"api/export", GP_ROUTE_EXPORT, gp_serve_export, GP_METHOD_POST, 8 * MIB, true},
    {"api/open", GP_ROUTE_OPEN, gp_serve_open, GP_METHOD_POST, KIB, false},
    {"api/trash", GP_ROUTE_TRASH, gp_serve_trash, GP_METHOD_POST, 8 * MIB, true},
    {"api/restore", GP_ROUTE_RESTORE, gp_serve_trash, GP_METHOD_POST, 8 * MIB, true},
    {"api/generate", GP_ROUTE_GENERATE, gp_serve_generate, GP_METHOD_POST, 16 * KIB, true},
    {"api/generate/stop", GP_ROUTE_GENERATE_STOP, gp_serve_generate, GP_METHOD_POST, KIB, true},
};

/* Reads a number without leading zeros at *at, and moves *at past it. */
static bool take_number(const char **at, uint64_t most, uint64_t *out)
{
    const char *p = *at;
    uint64_t n = 0;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9')) return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = 10 * n + (uint64_t)(*p - '0');
        if (n > most) return false;
    }
    *out = n, *at = p;
    return true;
}

/* Reads 32 hex digits in lower case, as the catalog writes them. */
static bool take_hash(const char **at, gp_hash *out)
{
    char hex[33] = {0};
    size_t digits = strspn(*at, "0123456789abcdef");
    if (digits != 32) return false;
    memcpy(hex, *at, 32);
    *at += 32;
    return gp_hash_from_hex(hex, out);
}

static bool take_extension(const char **at, gp_route *out)
{
    static const char *const known[] = {"png", "jpg", "webp", "bmp", "gif", "avif"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(*at, known[i])) continue;
        memcpy(out->format, known[i], strlen(known[i]) + 1);
        *at += strlen(known[i]);
        return true;
    }
    return false;
}

/* Matches the address against one pattern and writes the values to out. */
static bool matches(const char *pattern, const char *address, gp_route *out)
{
    for (; *pattern; pattern++) {
        uint64_t n = 0;
        if (*pattern != '%') {
            if (*address++ != *pattern) return false;
            continue;
        }
        switch (*++pattern) {
        case 'n':
            if (!take_number(&address, UINT32_MAX, &n)) return false;
            out->number = (uint32_t)n;
            break;
        case 's':
            if (!take_number(&address, 512, &n) || (n != 256 && n != 512)) return false;
            out->number = (uint32_t)n;
            break;
        case 'h':
            if (!take_hash(&address, &out->hash)) return false;
            break;
        default:
            if (!take_extension(&address, out)) return false;
        }
    }
    return !*address;
}

/* Returns true if `name` may be a file of the page. Its parts are separated by single slashes. They consist of letters,
 * digits and "-_.", and begin with a letter or a digit. */
static bool is_page_name(const char *name)
{
    if (strlen(name) >= GP_ROUTE_NAME) return false;
    for (const char *p = name; *p; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        bool begins = p == name || p[-1] == '/';
        if (!letter && (begins || (*p != '-' && *p != '_' && *p != '.' && *p != '/'))) return false;
    }
    return true;
}

bool gp_route_find(const char *address, gp_route *out)
{
    char path[256];
    size_t length = strcspn(address, "?");
    *out = (gp_route){0};
    if (length >= sizeof path) return false;
    memcpy(path, address, length);
    path[length] = 0;
    if (address[length] == '?') {
        const char *query = address + length + 1;
        if (strncmp(query, "r=", 2) != 0) return false;
        query += 2;
        if (!take_number(&query, UINT64_MAX / 20, &out->revision) || *query) return false;
        out->has_revision = true;
    }
    const gp_route blank = *out;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        *out = blank;
        if (!matches(table[i].pattern, path, out)) continue;
        out->kind = table[i].kind, out->handle = table[i].handle, out->methods = table[i].methods;
        out->most = table[i].most, out->writes = table[i].writes;
        return true;
    }
    *out = blank;
    if (!is_page_name(path)) return false;
    out->kind = GP_ROUTE_PAGE, out->handle = gp_serve_page, out->methods = GP_METHOD_GET;
    memcpy(out->name, path, length + 1);
    return true;
}

gp_range gp_range_read(const char *header, uint64_t size, uint64_t *first, uint64_t *last)
{
    const uint64_t most = UINT64_MAX / 20;
    const char *at = header;
    uint64_t from = 0, to = 0;
    if (!header || strncmp(header, "bytes=", 6) != 0) return GP_RANGE_WHOLE;
    at += 6;
    if (*at == '-') { /* suffix range: the last N bytes */
        at++;
        if (!take_number(&at, most, &to) || *at) return GP_RANGE_WHOLE;
        if (to == 0 || size == 0) return GP_RANGE_OUTSIDE;
        *first = to > size ? 0 : size - to;
        *last = size - 1;
        return GP_RANGE_PART;
    }
    if (!take_number(&at, most, &from) || *at++ != '-') return GP_RANGE_WHOLE;
    bool open = !*at;
    if (!open && (!take_number(&at, most, &to) || *at || to < from)) return GP_RANGE_WHOLE;
    if (from >= size) return GP_RANGE_OUTSIDE;
    *first = from;
    *last = open || to >= size ? size - 1 : to;
    return GP_RANGE_PART;
}
