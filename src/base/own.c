/* SPDX-License-Identifier: MIT
 * Reads and writes the list of exported files in a folder, and returns the path of the journal of marks. */
#include "base/own.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_LIMIT = 64 << 20 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Splits `text`, which has a name on each line, into *out.  *out owns the text. */
static gp_status split(char *text, size_t size, gp_own_names *out, gp_error *err)
{
    size_t lines = 1;
    *out = (gp_own_names){.text = text};
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    gp_status st = gp_alloc((void **)&out->names, lines, sizeof *out->names, "the list of exported files", err);
    if (st != GP_OK) {
        gp_own_names_clear(out);
        return st;
    }
    for (char *at = text, *end = text + size, *next; at < end; at = next) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        next = line_end ? line_end + 1 : end;
        if (line_end) *line_end = 0;
        if (*at) out->names[out->count++] = at;
    }
    if (out->count) qsort(out->names, out->count, sizeof *out->names, by_name);
    return GP_OK;
}

static gp_status read_list(const char *path, gp_own_names *out, gp_error *err)
{
    gp_bytes bytes = {0};
    *out = (gp_own_names){0};
    gp_status st = gp_file_read(path, LIST_LIMIT, &bytes, err);
    if (st == GP_ERR_NOT_FOUND) return GP_OK;
    return st == GP_OK ? split((char *)bytes.data, bytes.size, out, err) : st;
}

gp_status gp_own_names_read(const char *folder, gp_own_names *out, gp_error *err)
{
    *out = (gp_own_names){0};
    char *path = gp_path_join(folder, GP_MARK_EXPORT);
    if (!path) return gp_fail_memory_path(err, "'%s'", folder);
    gp_status st = read_list(path, out, err);
    gp_mem_free(path);
    return st;
}

void gp_own_names_clear(gp_own_names *names)
{
    gp_mem_free(names->names);
    gp_mem_free(names->text);
    *names = (gp_own_names){0};
}

bool gp_own_names_have(const gp_own_names *names, const char *name)
{
    return names->count && bsearch(&name, names->names, names->count, sizeof *names->names, by_name);
}

/* Writes the list with the names of `more` added. Writes nothing if the list has all these names. */
static gp_status write_list(const char *path, const gp_own_names *list, const gp_own_names *more, gp_error *err)
{
    gp_str text = GP_STR_INIT;
    for (size_t i = 0; i < list->count; i++) gp_str_printf(&text, "%s\n", list->names[i]);
    size_t before = text.size;
    for (size_t i = 0; i < more->count; i++)
        if ((i == 0 || strcmp(more->names[i - 1], more->names[i]) != 0) && !gp_own_names_have(list, more->names[i]))
            gp_str_printf(&text, "%s\n", more->names[i]);
    gp_status st = GP_OK;
    if (text.failed)
        st = gp_fail_memory_path(err, "'%s'", path);
    else if (text.size > before)
        st = gp_file_replace(path, text.data, text.size, err);
    gp_str_clear(&text);
    return st;
}

gp_status gp_own_names_add(const char *folder, gp_str *names, gp_error *err)
{
    gp_own_names list = {0}, more = {0};
    size_t size = names->size;
    char *path = gp_path_join(folder, GP_MARK_EXPORT), *text = gp_str_take(names);
    gp_status st = path && text ? split(text, size, &more, err)
                                : gp_fail_memory_path(err, "the list of exported files in '%s'", folder);
    if (!path) gp_mem_free(text);
    if (st == GP_OK) st = read_list(path, &list, err);
    if (st == GP_OK) st = write_list(path, &list, &more, err);
    gp_own_names_clear(&list);
    gp_own_names_clear(&more);
    gp_mem_free(path);
    return st;
}

gp_status gp_own_names_remove(const char *folder, const char *const *names, size_t count, gp_error *err)
{
    gp_own_names list = {0};
    gp_str text = GP_STR_INIT;
    size_t kept = 0;
    char *path = gp_path_join(folder, GP_MARK_EXPORT);
    gp_status st = path ? read_list(path, &list, err) : gp_fail_memory_path(err, "'%s'", folder);
    for (size_t i = 0; i < list.count; i++) {
        if (count && bsearch(&list.names[i], names, count, sizeof *names, by_name)) continue;
        gp_str_printf(&text, "%s\n", list.names[i]);
        kept++;
    }
    if (st == GP_OK && text.failed) st = gp_fail_memory_path(err, "'%s'", path);
    if (st == GP_OK && kept && kept < list.count) st = gp_file_replace(path, text.data, text.size, err);
    if (st == GP_OK && !kept && list.count && unlink(path) != 0 && errno != ENOENT)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot delete '%s'", path);
    gp_str_clear(&text);
    gp_own_names_clear(&list);
    gp_mem_free(path);
    return st;
}

char *gp_marks_path(const char *catalog)
{
    gp_str s = GP_STR_INIT;
    if (gp_str_ends(catalog, ".db")) {
        gp_str_add(&s, catalog, strlen(catalog) - 3);
        gp_str_puts(&s, ".marks.jsonl");
    } else {
        gp_str_printf(&s, "%s-marks.jsonl", catalog);
    }
    return gp_str_take(&s);
}
