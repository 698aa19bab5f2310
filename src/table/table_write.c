/* SPDX-License-Identifier: MIT
 * The tables of an export, one row for each image: picks.csv (RFC 4180), picks.jsonl, and metadata.csv, which
 * Hugging Face datasets read as an "imagefolder".  Numbers are written with enough digits to read back equal.  Texts
 * are written so that no spreadsheet runs them (csv_cell.h). */
#include "table/table_write.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "table/csv_cell.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

struct gp_table_writer {
    char *const *columns; /* [count] */
    size_t count;
    gp_atomic_file *csv, *jsonl, *metadata; /* NULL: not requested */
    gp_str line;
};

static const char jsonl_begin[] = "{\"score\":";

static gp_status flush(gp_atomic_file *file, gp_str *line, gp_error *err)
{
    if (line->failed) return gp_fail_memory(err, "a row of the exported tables");
    gp_status st = gp_atomic_file_write(file, line->data, line->size, err);
    gp_str_reset(line);
    return st;
}

static gp_status open_one(const char *folder, const char *name, bool wanted, gp_atomic_file **out, gp_error *err)
{
    if (!wanted) return GP_OK;
    char *path = gp_path_join(folder, name);
    if (!path) return gp_fail_memory_path(err, "'%s'", name);
    gp_status st = gp_atomic_file_open(path, out, err);
    gp_mem_free(path);
    return st;
}

static gp_status put_heads(gp_table_writer *t, gp_error *err)
{
    if (t->csv) {
        /* goldpan add recognises goldpan's tables by this start, so add new columns after it */
        gp_str_puts(&t->line, gp_csv_picks_begin);
        gp_str_puts(&t->line, ",flag,stars,evidence,tags");
        for (size_t i = 0; i < t->count; i++) {
            gp_str field = GP_STR_INIT;
            gp_str_printf(&field, "settings.%s", t->columns[i]);
            gp_str_putc(&t->line, ',');
            gp_csv_put(&t->line, field.data);
            t->line.failed |= field.failed;
            gp_str_clear(&field);
        }
        gp_str_puts(&t->line, "\r\n");
        GP_TRY(flush(t->csv, &t->line, err));
    }
    if (!t->metadata) return GP_OK;
    gp_str_puts(&t->line, gp_csv_metadata_begin);
    return flush(t->metadata, &t->line, err);
}

gp_status gp_table_writer_open(const gp_export_options *options, char *const *columns, size_t count,
                               gp_table_writer **out, gp_error *err)
{
    gp_table_writer *t = gp_mem_zero(1, sizeof *t);
    if (!t) return gp_fail_memory(err, "the exported tables");
    gp_status st = GP_OK;
    t->columns = columns;
    t->count = count;
    GP_TRY_GOTO(open_one(options->folder, "picks.csv", options->csv, &t->csv, err));
    GP_TRY_GOTO(open_one(options->folder, "picks.jsonl", options->jsonl, &t->jsonl, err));
    GP_TRY_GOTO(open_one(options->folder, "metadata.csv", options->imagefolder, &t->metadata, err));
    GP_TRY_GOTO(put_heads(t, err));
    *out = t;
    return GP_OK;
out:
    gp_table_writer_abort(t);
    return st;
}

/* Appends a JSON value as the text of a cell: strings without quotes, other values as JSON. */
static void put_value(gp_str *s, const gp_json *value)
{
    const char *text = gp_json_text(value, NULL);
    gp_str written = GP_STR_INIT;
    if (text)
        gp_csv_put(s, text);
    else if (value)
        gp_json_write(&written, value), gp_csv_put(s, written.data);
    s->failed |= written.failed;
    gp_str_clear(&written);
}

static gp_status put_csv(gp_table_writer *t, const gp_row *row, const char *file, gp_error *err)
{
    gp_json *settings = NULL;
    gp_str *s = &t->line;
    if (row->settings_json)
        GP_TRY(gp_json_parse(row->settings_json, strlen(row->settings_json), false, 64, &settings, err));
    gp_csv_put_file(s, file);
    gp_str_putc(s, ',');
    if (row->has_score) gp_json_put_real(s, row->score);
    gp_str_printf(s, ",%u,%u,", row->rank, row->candidates);
    gp_csv_put(s, row->prompt);
    gp_str_putc(s, ',');
    gp_csv_put(s, row->negative);
    gp_str_putc(s, ',');
    gp_csv_put(s, row->path);
    gp_str_printf(s, ",%s,%u,%u,", row->hash, row->width, row->height);
    gp_csv_put(s, row->prompt_source);
    gp_str_putc(s, ',');
    gp_csv_put(s, row->prompt_raw);
    gp_str_printf(s, ",%d,%u,%s,", row->flag, row->stars, row->evidence);
    gp_csv_put(s, row->tags);
    for (size_t i = 0; i < t->count; i++) {
        gp_str_putc(s, ',');
        put_value(s, gp_json_get(settings, t->columns[i]));
    }
    gp_str_puts(s, "\r\n");
    gp_json_free(settings);
    return flush(t->csv, s, err);
}

static gp_status put_jsonl(gp_table_writer *t, const gp_row *row, const char *file, gp_error *err)
{
    gp_str *s = &t->line;
    gp_str_puts(s, jsonl_begin);
    gp_json_put_real(s, row->has_score ? row->score : (double)NAN);
    gp_str_printf(s, ",\"rank\":%u,\"candidates\":%u,\"width\":%u,\"height\":%u,\"flag\":%d,\"stars\":%u", row->rank,
                  row->candidates, row->width, row->height, row->flag, row->stars);
    gp_json_put_text(s, "file", file);
    gp_json_put_text(s, "prompt", row->prompt);
    gp_json_put_text(s, "negative", row->negative);
    gp_json_put_text(s, "path", row->path);
    gp_json_put_text(s, "hash", row->hash);
    gp_json_put_text(s, "prompt_source", row->prompt_source);
    gp_json_put_text(s, "prompt_raw", row->prompt_raw);
    gp_json_put_text(s, "evidence", row->evidence);
    gp_json_put_parts(s, "tags", row->tags, ", ");
    gp_str_printf(s, ",\"settings\":%s}\n", row->settings_json ? row->settings_json : "{}");
    return flush(t->jsonl, s, err);
}

static gp_status put_metadata(gp_table_writer *t, const gp_row *row, const char *file, gp_error *err)
{
    gp_str *s = &t->line;
    gp_csv_put_file(s, file);
    gp_str_putc(s, ',');
    gp_csv_put(s, row->prompt);
    gp_str_putc(s, ',');
    if (row->has_score) gp_json_put_real(s, row->score);
    gp_str_printf(s, ",%u,", row->rank);
    gp_csv_put(s, row->negative);
    gp_str_puts(s, "\r\n");
    return flush(t->metadata, s, err);
}

gp_status gp_table_writer_row(gp_table_writer *t, const gp_row *row, const char *file, gp_error *err)
{
    if (t->csv) GP_TRY(put_csv(t, row, file, err));
    if (t->jsonl) GP_TRY(put_jsonl(t, row, file, err));
    if (t->metadata && file) GP_TRY(put_metadata(t, row, file, err)); /* datasets rejects rows without a file */
    return GP_OK;
}

gp_status gp_table_writer_commit(gp_table_writer *t,
                                 gp_status (*ready)(void *user, const char *name, int fd, gp_error *err), void *user,
                                 gp_error *err)
{
    static const char *const names[] = {"picks.csv", "picks.jsonl", "metadata.csv"};
    gp_atomic_file **files[] = {&t->csv, &t->jsonl, &t->metadata};
    gp_status st = GP_OK;
    for (size_t i = 0; i < 3 && st == GP_OK; i++) {
        gp_atomic_file *file = *files[i];
        if (!file) continue;
        st = gp_atomic_file_sync(file, err);
        if (st == GP_OK) st = ready(user, names[i], gp_atomic_file_fd(file), err);
        if (st != GP_OK) break;
        *files[i] = NULL;
        st = gp_atomic_file_commit(file, err);
    }
    gp_table_writer_abort(t);
    return st;
}

void gp_table_writer_abort(gp_table_writer *t)
{
    if (!t) return;
    gp_atomic_file_abort(t->csv);
    gp_atomic_file_abort(t->jsonl);
    gp_atomic_file_abort(t->metadata);
    gp_str_clear(&t->line);
    gp_mem_free(t);
}
