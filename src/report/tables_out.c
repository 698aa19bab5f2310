/* SPDX-License-Identifier: MIT
 * The tables beside exported files: picks.csv (RFC 4180 quoting, lines end in LF), picks.jsonl, and metadata.csv as
 * Hugging Face's imagefolder reads it (file_name, text, then anything).
 *
 * In CSV each generation setting and each extra column of the prompt table is a column of its own; a name that a fixed
 * column has already gets "settings_" in front.  In JSONL they are one object, as they were found.  Bytes of file names
 * are written as they are into CSV; JSON cannot hold invalid UTF-8, which becomes U+FFFD there. */
#include "report/export.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include <stdio.h>
#include <string.h>

/* ---- names of settings */

typedef struct adding {
    gp_keys *keys;
    bool failed;
} adding;

static bool add_key(void *user, const char *key, const gp_json *value)
{
    adding *a = user;
    (void)value;
    for (size_t i = 0; i < a->keys->count; i++)
        if (strcmp(a->keys->names[i], key) == 0) return true;
    if (a->keys->count == GP_KEYS_MAX) return false;
    char *copy = gp_str_dup(key);
    if (!copy) {
        a->failed = true;
        return false;
    }
    a->keys->names[a->keys->count++] = copy;
    return true;
}

/* Settings as a JSON object, NULL when there are none or they are none. */
static gp_json *parse_settings(const char *text)
{
    gp_json *root = NULL;
    if (!text || gp_json_parse(text, strlen(text), false, 64, &root, NULL) != GP_OK) return NULL;
    if (gp_json_kind_of(root) == GP_JSON_OBJECT) return root;
    gp_json_free(root);
    return NULL;
}

gp_status gp_keys_add(gp_keys *keys, const char *settings_json, gp_error *err)
{
    gp_json *root = parse_settings(settings_json);
    adding a = {keys, false};
    if (!root) return GP_OK;
    if (!keys->names)
        GP_TRY(gp_alloc((void **)&keys->names, GP_KEYS_MAX, sizeof *keys->names, "names of columns", err));
    gp_json_each(root, add_key, &a);
    gp_json_free(root);
    return a.failed ? gp_fail(err, GP_ERR_MEMORY, "out of memory for names of columns") : GP_OK;
}

void gp_keys_clear(gp_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) gp_mem_free(keys->names[i]);
    gp_mem_free(keys->names);
    *keys = (gp_keys){NULL, 0};
}

/* ---- writing */

struct gp_table_out {
    gp_table_kind kind;
    const gp_keys *keys;
    gp_atomic *file;
    gp_hasher *hasher;
    gp_str line;
};

static gp_status flush_line(gp_table_out *t, gp_error *err)
{
    if (t->line.failed) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a line of a table");
    gp_hasher_add(t->hasher, t->line.data, t->line.size);
    GP_TRY(gp_atomic_write(t->file, t->line.data, t->line.size, err));
    gp_str_reset(&t->line);
    return GP_OK;
}

/* One CSV field and the comma before it, unless it is the first. */
static void put_field(gp_str *line, const char *text)
{
    if (line->size > 0) gp_str_putc(line, ',');
    if (!text) return;
    if (!strpbrk(text, ",\"\r\n")) {
        gp_str_puts(line, text);
        return;
    }
    gp_str_putc(line, '"');
    for (; *text; text++) {
        if (*text == '"') gp_str_putc(line, '"');
        gp_str_putc(line, *text);
    }
    gp_str_putc(line, '"');
}

static void put_uint(gp_str *line, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_field(line, text);
}

static void put_score(gp_str *line, const gp_row *row)
{
    gp_str text = GP_STR_INIT;
    if (row->has_score) gp_json_put_real(&text, row->score);
    put_field(line, text.data ? text.data : "");
    line->failed |= text.failed;
    gp_str_clear(&text);
}

/* A setting as a field: strings as they are, the rest as JSON, null as nothing. */
static void put_setting(gp_str *line, const gp_json *value)
{
    gp_str text = GP_STR_INIT;
    const char *plain = gp_json_text(value, NULL);
    if (!plain && value && gp_json_kind_of(value) != GP_JSON_NULL) gp_json_write(&text, value);
    put_field(line, plain ? plain : text.data ? text.data : "");
    line->failed |= text.failed;
    gp_str_clear(&text);
}

static const char *const csv_columns[] = {"rank",     "score",      "prompt",        "file_name",  "source_path",
                                          "negative", "prompt_raw", "prompt_source", "candidates", "picked",
                                          "width",    "height",     "format",        "hash"};
static const char *const metadata_columns[] = {"file_name", "text", "score", "rank", "negative", "hash"};

static gp_status put_header(gp_table_out *t, gp_error *err)
{
    bool csv = t->kind == GP_TABLE_CSV;
    const char *const *fixed = csv ? csv_columns : metadata_columns;
    size_t n = csv ? sizeof csv_columns / sizeof *csv_columns : sizeof metadata_columns / sizeof *metadata_columns;
    for (size_t i = 0; i < n; i++) put_field(&t->line, fixed[i]);
    for (size_t k = 0; k < t->keys->count; k++) {
        gp_str name = GP_STR_INIT;
        for (size_t i = 0; i < n; i++)
            if (strcmp(fixed[i], t->keys->names[k]) == 0) gp_str_puts(&name, "settings_");
        gp_str_puts(&name, t->keys->names[k]);
        put_field(&t->line, name.data);
        t->line.failed |= name.failed;
        gp_str_clear(&name);
    }
    gp_str_putc(&t->line, '\n');
    return flush_line(t, err);
}

static void put_settings(gp_table_out *t, const gp_row *row)
{
    gp_json *root = parse_settings(row->settings_json);
    for (size_t k = 0; k < t->keys->count; k++) put_setting(&t->line, gp_json_get(root, t->keys->names[k]));
    gp_json_free(root);
    gp_str_putc(&t->line, '\n');
}

static void put_csv(gp_table_out *t, const gp_row *row, const char *file_name)
{
    gp_str_printf(&t->line, "%u", (unsigned)row->rank);
    put_score(&t->line, row);
    put_field(&t->line, row->prompt);
    put_field(&t->line, file_name);
    put_field(&t->line, row->path);
    put_field(&t->line, row->negative);
    put_field(&t->line, row->prompt_raw);
    put_field(&t->line, row->prompt_source);
    put_uint(&t->line, row->candidates);
    put_field(&t->line, row->picked ? "true" : "false");
    put_uint(&t->line, row->width);
    put_uint(&t->line, row->height);
    put_field(&t->line, row->format);
    put_field(&t->line, row->hash);
    put_settings(t, row);
}

static void put_metadata(gp_table_out *t, const gp_row *row, const char *file_name)
{
    put_field(&t->line, file_name);
    put_field(&t->line, row->prompt);
    put_score(&t->line, row);
    put_uint(&t->line, row->rank);
    put_field(&t->line, row->negative);
    put_field(&t->line, row->hash);
    put_settings(t, row);
}

static void put_member(gp_str *line, const char *name, const char *text)
{
    gp_str_printf(line, ",\"%s\":", name);
    if (text)
        gp_json_put_string(line, text);
    else
        gp_str_puts(line, "null");
}

static void put_jsonl(gp_table_out *t, const gp_row *row, const char *file_name)
{
    gp_json *settings = parse_settings(row->settings_json);
    gp_str *line = &t->line;
    gp_str_printf(line, "{\"rank\":%u,\"score\":", (unsigned)row->rank);
    if (row->has_score)
        gp_json_put_real(line, row->score);
    else
        gp_str_puts(line, "null");
    put_member(line, "prompt", row->prompt);
    put_member(line, "file_name", file_name);
    put_member(line, "source_path", row->path);
    put_member(line, "negative", row->negative);
    put_member(line, "prompt_raw", row->prompt_raw);
    put_member(line, "prompt_source", row->prompt_source);
    gp_str_printf(line, ",\"candidates\":%u,\"picked\":%s,\"width\":%u,\"height\":%u", (unsigned)row->candidates,
                  row->picked ? "true" : "false", (unsigned)row->width, (unsigned)row->height);
    put_member(line, "format", row->format);
    put_member(line, "hash", row->hash);
    gp_str_puts(line, ",\"settings\":");
    if (settings)
        gp_json_write(line, settings);
    else
        gp_str_puts(line, "{}");
    gp_str_puts(line, "}\n");
    gp_json_free(settings);
}

/* ---- life of a table */

gp_status gp_table_out_open(const char *path, gp_table_kind kind, const gp_keys *keys, gp_table_out **out,
                            gp_error *err)
{
    gp_status st;
    gp_table_out *t = NULL;
    GP_TRY(gp_alloc((void **)&t, 1, sizeof *t, "a table", err));
    *t = (gp_table_out){.kind = kind, .keys = keys};
    GP_GO(gp_hasher_new(&t->hasher, err));
    GP_GO(gp_atomic_open(path, &t->file, err));
    if (kind != GP_TABLE_JSONL) GP_GO(put_header(t, err));
    *out = t;
    t = NULL;
out:
    gp_table_out_abort(t);
    return st;
}

gp_status gp_table_out_row(gp_table_out *t, const gp_row *row, const char *file_name, gp_error *err)
{
    if (t->kind == GP_TABLE_CSV)
        put_csv(t, row, file_name);
    else if (t->kind == GP_TABLE_JSONL)
        put_jsonl(t, row, file_name);
    else
        put_metadata(t, row, file_name);
    return flush_line(t, err);
}

gp_hash gp_table_out_hash(gp_table_out *t)
{
    return gp_hasher_end(t->hasher);
}

gp_status gp_table_out_commit(gp_table_out *t, gp_error *err)
{
    gp_status st = gp_atomic_commit(t->file, err);
    t->file = NULL;
    gp_table_out_abort(t);
    return st;
}

void gp_table_out_abort(gp_table_out *t)
{
    if (!t) return;
    gp_atomic_abort(t->file);
    gp_hasher_free(t->hasher);
    gp_str_clear(&t->line);
    gp_mem_free(t);
}
