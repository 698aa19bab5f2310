/* SPDX-License-Identifier: MIT
 * The list of the files that exports have put into a folder.  With it `add` recognises the copies and skips them. */
#include "base/file.h"
#include "base/own.h"
#include "base/mem.h"
#include "base/str.h"
#include "report/export.h"

#include <stdlib.h>
#include <string.h>

enum { LIST_LIMIT = 64 << 20 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Splits `text` into lines: *lines [count], owned, pointing into `text`. */
static gp_status cut(gp_str *text, char ***lines, size_t *count, gp_error *err)
{
    size_t most = 1;
    for (size_t i = 0; i < text->size; i++) most += text->data[i] == '\n';
    GP_TRY(gp_alloc((void **)lines, most, sizeof **lines, "the list of an export", err));
    *count = 0;
    for (char *at = text->data, *end = at + text->size, *next; at < end; at = next) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        next = stop ? stop + 1 : end;
        if (stop) *stop = 0;
        if (*at) (*lines)[(*count)++] = at;
    }
    return GP_OK;
}

gp_status gp_export_list(const char *folder, const gp_str *names, gp_error *err)
{
    gp_str text = GP_STR_INIT, out = GP_STR_INIT;
    gp_bytes before = {0};
    char **lines = NULL, *path = gp_path_join(folder, GP_MARK_EXPORT);
    size_t count = 0;
    gp_status st = path ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory for '%s'", folder);
    gp_status read = st == GP_OK ? gp_file_read(path, LIST_LIMIT, &before, NULL) : st;
    if (read == GP_OK) gp_str_add(&text, before.data, before.size);
    if (read == GP_ERR_MEMORY) st = gp_fail(err, read, "out of memory for the list of '%s'", folder);
    gp_str_putc(&text, '\n');
    gp_str_add(&text, names->data ? names->data : "", names->size);
    if (st == GP_OK && (text.failed || names->failed))
        st = gp_fail(err, GP_ERR_MEMORY, "out of memory for the list of '%s'", folder);
    if (st == GP_OK) st = cut(&text, &lines, &count, err);
    if (st == GP_OK && count) qsort(lines, count, sizeof *lines, by_name);
    for (size_t i = 0; st == GP_OK && i < count; i++)
        if (i == 0 || strcmp(lines[i - 1], lines[i]) != 0) gp_str_printf(&out, "%s\n", lines[i]);
    if (st == GP_OK && out.failed) st = gp_fail(err, GP_ERR_MEMORY, "out of memory for the list of '%s'", folder);
    bool same = before.size == out.size && (!out.size || memcmp(before.data, out.data, out.size) == 0);
    if (st == GP_OK && !same) st = gp_file_replace(path, out.data, out.size, err);
    gp_mem_free(lines);
    gp_mem_free(path);
    gp_bytes_clear(&before);
    gp_str_clear(&out);
    gp_str_clear(&text);
    return st;
}
