/* SPDX-License-Identifier: MIT
 * Unpacks a Parquet file: the images, and a table of the other columns. */
#include "archive/unpack.h"
#include "base/file.h"
#include "base/image_names.h"
#include "base/json.h"
#include "base/mem.h"
#include "table/parquet_images.h"
#include "table/table.h"
#include "unpack/safe_name.h"
#include "unpack/unpack_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_FILE = 1 << 30 };

typedef struct set {
    gp_unpacker *u;
    gp_parquet_images *images;
    gp_table *table;    /* the other columns; NULL: none can be read */
    size_t name_column; /* column of the table that is named as ours, or SIZE_MAX */
    bool unique;        /* the base names of the paths differ */
    gp_str name;
    gp_str lines; /* of metadata.jsonl */
} set;

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* Sets s->unique. Names that differ only in case are the same on other systems. */
static gp_status check_names(set *s, gp_error *err)
{
    size_t rows = gp_parquet_images_rows(s->images), n = 0;
    char **names = NULL;
    gp_status st = GP_OK;
    for (size_t i = 0; i < rows; i++) n += gp_parquet_images_path(s->images, i) != NULL;
    GP_TRY(gp_alloc((void **)&names, n, sizeof *names, "the names of images", err));
    n = 0;
    for (size_t i = 0; i < rows && st == GP_OK; i++) {
        const char *path = gp_parquet_images_path(s->images, i);
        if (!path) continue;
        gp_str_reset(&s->name);
        gp_str_puts(&s->name, "");
        gp_safe_path(&s->name, gp_path_base(path));
        /* without the extension, which an image whose path has none gets later */
        size_t stem = s->name.failed ? 0 : strlen(s->name.data) - strlen(gp_path_extension(s->name.data));
        names[n] = s->name.failed ? NULL : gp_str_dup_n(s->name.data, stem);
        if (names[n])
            n++;
        else
            st = gp_fail_memory(err, "the names of images");
    }
    if (n) qsort(names, n, sizeof *names, compare_names);
    s->unique = true;
    for (size_t i = 1; i < n; i++) s->unique &= strcasecmp(names[i - 1], names[i]) != 0;
    /* a row without a path is named by its number, which may be equal to a path */
    for (size_t i = 0; i < n && n < rows; i++) s->unique &= names[i][strspn(names[i], "0123456789")] != 0;
    for (size_t i = 0; i < n; i++) gp_mem_free(names[i]);
    gp_mem_free(names);
    return st;
}

/* Sets s->name to the name of a row's image: that of its path; the number of the row if there is no path; both if
 * several rows have the same name. */
static gp_status name_row(set *s, size_t row, const char *extension, gp_error *err)
{
    const char *path = gp_parquet_images_path(s->images, row);
    gp_str_reset(&s->name);
    gp_str_puts(&s->name, "");
    if (!path || !s->unique) gp_str_printf(&s->name, path ? "%06zu_" : "%06zu", row);
    if (path) gp_safe_path(&s->name, gp_path_base(path));
    if (!s->name.failed && !gp_name_is_image(s->name.data)) gp_str_printf(&s->name, ".%s", extension);
    return s->name.failed ? gp_fail_memory(err, "the names of images") : GP_OK;
}

static gp_status put_image(void *user, size_t row, const void *image, size_t size, gp_error *err)
{
    set *s = user;
    const char *extension;
    char number[40];
    snprintf(number, sizeof number, "row %zu", row);
    if (!image) return gp_unpack_skip_one(s->u, GP_UNPACK_NO_IMAGE, number, err);
    GP_TRY(gp_unpack_extension(s->u, number, image, size, &extension, err));
    if (!extension) return GP_OK;
    GP_TRY(name_row(s, row, extension, err));
    const uint64_t conflicts = s->u->skips[GP_UNPACK_CONFLICTS];
    GP_TRY(gp_unpack_put(s->u, s->name.data, image, size, true, err));
    if (s->u->skips[GP_UNPACK_CONFLICTS] != conflicts) return GP_OK; /* the file of this name is another image */
    if (!s->table || row >= gp_table_rows(s->table)) return GP_OK;
    gp_str_putc(&s->lines, '{');
    gp_json_put_name(&s->lines, "file_name");
    gp_json_put_string(&s->lines, s->name.data);
    gp_table_put_extras(s->table, row, s->name_column, SIZE_MAX, &s->lines);
    gp_str_puts(&s->lines, "}\n");
    return s->lines.failed ? gp_fail_memory(err, "the table of a Parquet file") : GP_OK;
}

/* Passes on what could not be read of the other columns. The column of the images is read here, so it is no loss. */
static void pass_note(void *user, const gp_note *note)
{
    set *s = user;
    gp_str only = GP_STR_INIT;
    gp_str_printf(&only, "column is left out: '%s'", gp_parquet_images_column(s->images));
    bool images = !only.failed && note->count == 1 && strstr(note->message, only.data);
    gp_str_clear(&only);
    if (!images && s->u->options->note) s->u->options->note(s->u->options->note_user, note);
}

static gp_status read_table(set *s, const char *path, gp_error *err)
{
    gp_error why = {0};
    gp_status st = gp_table_read(path, &s->u->watch, &s->table, &why);
    if (st == GP_ERR_MEMORY || st == GP_ERR_STOPPED) return gp_fail_as(err, st, &why);
    s->name_column = s->table ? gp_table_find(s->table, "file_name") : SIZE_MAX;
    return GP_OK; /* a table of which no other column can be read still contains images */
}

gp_status gp_unpack_parquet(gp_unpacker *u, const char *path, gp_error *err)
{
    gp_bytes bytes = {0}, plain = {0};
    set s = {.u = u, .name = GP_STR_INIT, .lines = GP_STR_INIT, .name_column = SIZE_MAX};
    gp_status st = GP_OK;
    GP_TRY_GOTO(read_table(&s, path, err));
    GP_TRY_GOTO(gp_file_read(path, MOST_FILE, &bytes, err));
    if (gp_stream_packing(bytes.data, bytes.size)) {
        GP_TRY_GOTO(gp_stream_unpack(path, bytes.data, bytes.size, MOST_FILE, &u->watch, &plain, err));
        gp_bytes_clear(&bytes);
        bytes = plain, plain = (gp_bytes){0};
    }
    GP_TRY_GOTO(
        gp_parquet_images_open(path, bytes.data, bytes.size, u->options->image_column, &u->watch, &s.images, err));
    if (s.table) gp_table_notes(s.table, pass_note, &s);
    GP_TRY_GOTO(check_names(&s, err));
    GP_TRY_GOTO(gp_parquet_images_each(s.images, put_image, &s, err));
    if (s.lines.size && gp_table_columns(s.table))
        GP_TRY_GOTO(gp_unpack_put(u, "metadata.jsonl", s.lines.data, s.lines.size, false, err));
out:
    gp_str_clear(&s.lines);
    gp_str_clear(&s.name);
    gp_parquet_images_close(s.images);
    gp_table_close(s.table);
    gp_bytes_clear(&plain);
    gp_bytes_clear(&bytes);
    return st;
}
