/* SPDX-License-Identifier: MIT
 * Reads table cells as paths, and turns paths into keys. A key lists a path's components from the last to the first.
 * Two paths with a common end have keys with a common start, so sorting the keys puts such paths side by side. */
#include "ingest/cell_path.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { SEPARATOR = 1 };

/* ------------------------------------------------------------------ cells */

/* Appends the text with %XX decoded. %00 and a '%' without two hexadecimal digits stay unchanged. */
static void add_decoded(gp_str *s, const char *text)
{
    for (; *text; text++) {
        int high = *text == '%' ? gp_hex_digit(text[1]) : -1, low = high >= 0 ? gp_hex_digit(text[2]) : -1;
        if (low < 0 || high + low == 0) {
            gp_str_putc(s, *text);
            continue;
        }
        gp_str_putc(s, (char)(high << 4 | low));
        text += 2;
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Returns true for "C:\" and "C:/". */
static bool has_drive(const char *p)
{
    return is_letter(p[0]) && p[1] == ':' && (p[2] == '\\' || p[2] == '/');
}

/* Returns the length of "scheme://" at the beginning, or 0. */
static size_t scheme_size(const char *p)
{
    size_t n = 0;
    while (is_letter(p[n]) || (n && (p[n] == '+' || p[n] == '-' || p[n] == '.' || (p[n] >= '0' && p[n] <= '9')))) n++;
    return n >= 2 && strncmp(p + n, "://", 3) == 0 ? n + 3 : 0;
}

static gp_cell_kind file_address(const char *p, gp_str *path)
{
    bool host = p[0] == '/' && p[1] == '/';
    const char *from = host ? p + 2 : p;
    if (host && strncmp(from, "localhost/", 10) == 0) from += 9;
    if (host && *from != '/' && !has_drive(from)) { /* file://server/share/x names another machine */
        add_decoded(path, from + strcspn(from, "/"));
        return GP_CELL_FOREIGN;
    }
    if (*from == '/' && has_drive(from + 1)) from++;
    bool drive = has_drive(from);
    add_decoded(path, drive ? from + 2 : from);
    return drive ? GP_CELL_FOREIGN : GP_CELL_ABSOLUTE;
}

/* Reads a web address: keeps only its path, decoded. */
static gp_cell_kind net_address(const char *p, gp_str *path)
{
    size_t host = strcspn(p, "/"), size;
    p += host;
    size = strcspn(p, "?#");
    gp_str part = GP_STR_INIT;
    gp_str_add(&part, p, size);
    add_decoded(path, part.data ? part.data : "");
    path->failed |= part.failed;
    gp_str_clear(&part);
    return GP_CELL_FOREIGN;
}

gp_cell_kind gp_cell_path(const char *cell, gp_str *path)
{
    gp_str_reset(path);
    gp_str_add(path, "", 0);
    cell += strspn(cell, " \t\r\n");
    if (strncmp(cell, "file:", 5) == 0 || strncmp(cell, "FILE:", 5) == 0) return file_address(cell + 5, path);
    if (scheme_size(cell)) return net_address(cell + scheme_size(cell), path);
    bool drive = has_drive(cell);
    gp_str_puts(path, drive ? cell + 2 : cell);
    while (path->size && strchr(" \t\r\n", path->data[path->size - 1])) path->data[--path->size] = 0;
    if (drive || (cell[0] == '\\' && cell[1] == '\\')) return GP_CELL_FOREIGN;
    return *cell == '/' || *cell == '\\' ? GP_CELL_ABSOLUTE : GP_CELL_RELATIVE;
}

/* ------------------------------------------------------------------ paths */

/* Appends the normal form of `path`: every '\' becomes '/', "//" becomes '/'. Resolves "." and,
 * where possible, "..". */
static void put_normal(gp_str *s, const char *path)
{
    size_t start = s->size;
    bool absolute = *path == '/' || *path == '\\';
    if (absolute) gp_str_putc(s, '/'), start++;
    while (*path && !s->failed) {
        path += strspn(path, "/\\");
        size_t n = strcspn(path, "/\\");
        bool climbed = s->size >= start + 2 && memcmp(s->data + s->size - 2, "..", 2) == 0 &&
                       /* keep a ".." that follows another "..", because it can remove no component */
                       (s->size == start + 2 || s->data[s->size - 3] == '/');
        if (n == 2 && path[0] == '.' && path[1] == '.' && s->size > start && !climbed) {
            while (s->size > start && s->data[s->size - 1] != '/') s->size--;
            if (s->size > start) s->size--;
            s->data[s->size] = 0;
        } else if (n && !(n == 1 && path[0] == '.') && !(n == 2 && absolute && path[0] == '.' && path[1] == '.')) {
            if (s->size > start) gp_str_putc(s, '/');
            gp_str_add(s, path, n);
        }
        path += n;
    }
}

static bool is_ascii(const char *p)
{
    while (*p && !(*p & 0x80)) p++;
    return !*p;
}

/* Appends the text in Unicode NFC. `fold` also folds its case. In text that is not UTF-8 only A to Z are folded. */
static void add_composed(gp_str *s, const char *text, bool fold)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_option_t options = UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    if (fold) options = (utf8proc_option_t)(options | UTF8PROC_CASEFOLD);
    if (!is_ascii(text) && utf8proc_map((const utf8proc_uint8_t *)text, 0, &out, options) >= 0) {
        gp_str_puts(s, (const char *)out);
        free(out); /* allocated by utf8proc with malloc */
        return;
    }
    for (; *text; text++) gp_str_putc(s, fold && *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text);
}

/* Returns the length of a name without its extension. any: every extension counts. Otherwise only known extensions
 * count, so that "v1.5" has none. */
static size_t stem_size(const char *name, size_t size, bool any)
{
    static const char *const known[] = {"png", "jpg", "jpeg", "jpe",     "jfif", "webp", "apng",
                                        "gif", "bmp", "tif",  "tiff",    "avif", "heic", "heif",
                                        "jxl", "txt", "json", "caption", "npy",  "npz"};
    size_t dot = size;
    while (dot && name[dot - 1] != '.') dot--;
    if (dot < 2) return size; /* no extension, or a hidden file */
    for (size_t i = 0; !any && i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i]), k = 0;
        while (n == size - dot && k < n && (name[dot + k] | 32) == known[i][k]) k++;
        any = n == size - dot && k == n;
    }
    return any ? dot - 1 : size;
}

/* Appends the components of a normalised path in reverse order. stem: drop the extension of the path's last
 * component. */
static void add_reversed(gp_str *key, const char *path, size_t size, bool stem, bool any_ending)
{
    for (size_t end = size; end && !key->failed;) {
        size_t begin = end;
        while (begin && path[begin - 1] != '/') begin--;
        size_t n = end - begin;
        if (n && key->size) gp_str_putc(key, SEPARATOR);
        if (n) gp_str_add(key, path + begin, stem && !key->size ? stem_size(path + begin, n, any_ending) : n);
        end = begin ? begin - 1 : 0;
    }
}

void gp_path_key(const char *path, gp_name_form form, bool any_ending, gp_str *key)
{
    gp_str decoded = GP_STR_INIT, composed = GP_STR_INIT, normal = GP_STR_INIT;
    bool fold = form == GP_NAME_FOLDED || form == GP_NAME_FOLDED_STEM;
    gp_str_reset(key);
    gp_str_add(key, "", 0);
    if (form != GP_NAME_WRITTEN && strchr(path, '%')) {
        add_decoded(&decoded, path);
        path = decoded.data ? decoded.data : "";
    }
    if (fold || !is_ascii(path)) {
        add_composed(&composed, path, fold);
        path = composed.data ? composed.data : "";
    }
    put_normal(&normal, path);
    if (normal.data) add_reversed(key, normal.data, normal.size, form >= GP_NAME_STEM, any_ending);
    key->failed |= decoded.failed || composed.failed || normal.failed;
    gp_str_clear(&normal);
    gp_str_clear(&composed);
    gp_str_clear(&decoded);
}
