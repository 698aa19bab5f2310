/* SPDX-License-Identifier: MIT
 * The export: picked files into a folder, and the tables that describe them.
 *
 * Running it again changes nothing: a file that is there already is left alone, and a table that this program wrote and
 * nobody touched is replaced by its new state.  What is ours is known from `.goldpan-export`, which holds the name and
 * content hash of each table; the new hash is noted before the table appears, so a kill in between loses nothing.  A
 * table that somebody edited stays, and the new one is called picks-2.csv.  Files of an earlier export stay too. */
#include "report/report.h"
#include "report/export.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "catalog/catalog.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TABLES = 3, NOTED_FAILURES = 10000 };

typedef struct note { /* for the catalog's list, after the cursor is closed */
    int64_t image;
    char *path, *message; /* owned; message NULL: an earlier failure is over */
} note;

typedef struct exporting {
    gp_catalog *cat;
    const gp_export_options *options;
    gp_keys keys;
    gp_str journal; /* lines "hash name" of the tables written so far */
    struct {
        gp_table_out *out;
        char *name; /* owned */
    } tables[TABLES];
    size_t table_count;
    gp_place place;
    note *notes;
    size_t note_count, note_room;
    gp_report report;
    gp_ticker ticker;
} exporting;

static gp_status no_memory(gp_error *err)
{
    return gp_fail(err, GP_ERR_MEMORY, "out of memory for the export");
}

/* ---- tables: which name, and whose is the file of that name */

static const char JOURNAL[] = ".goldpan-export";

static gp_status journal_read(exporting *x, gp_error *err)
{
    gp_bytes bytes = {0};
    char *path = gp_path_join(x->options->folder, JOURNAL);
    if (!path) return no_memory(err);
    if (gp_file_read(path, 1 << 20, &bytes, NULL) == GP_OK) gp_str_add(&x->journal, bytes.data, bytes.size);
    gp_bytes_clear(&bytes);
    gp_mem_free(path);
    return x->journal.failed ? no_memory(err) : GP_OK;
}

static gp_status journal_write(const exporting *x, const gp_str *text, gp_error *err)
{
    char *path = gp_path_join(x->options->folder, JOURNAL);
    if (!path || text->failed) {
        gp_mem_free(path);
        return no_memory(err);
    }
    gp_status st = gp_file_replace(path, text->data, text->size, err);
    gp_mem_free(path);
    return st;
}

/* Is the file at path one that an export wrote under this name, unchanged since? */
static bool is_ours(const exporting *x, const char *path, const char *name)
{
    gp_hash hash;
    char line[160];
    if (!x->journal.data || gp_place_hash(path, &hash, NULL) != GP_OK) return false;
    gp_hash_hex(hash, line);
    snprintf(line + 32, sizeof line - 32, " %s\n", name);
    return strstr(x->journal.data, line) != NULL;
}

static gp_status table_open(exporting *x, const char *base, gp_table_kind kind, gp_error *err)
{
    gp_status st = GP_OK;
    struct stat info;
    char *name = NULL, *path = NULL;
    for (uint32_t number = 1;; number++) {
        name = gp_place_name(base, number);
        path = name ? gp_path_join(x->options->folder, name) : NULL;
        if (!path) GP_GO(no_memory(err));
        if (lstat(path, &info) != 0 || is_ours(x, path, name)) break;
        gp_mem_free(path);
        gp_mem_free(name);
        path = name = NULL;
    }
    GP_GO(gp_table_out_open(path, kind, &x->keys, &x->tables[x->table_count].out, err));
    x->tables[x->table_count++].name = name;
    name = NULL;
out:
    gp_mem_free(path);
    gp_mem_free(name);
    return st;
}

static gp_status tables_open(exporting *x, gp_error *err)
{
    const gp_export_options *o = x->options;
    GP_TRY(journal_read(x, err));
    if (o->csv) GP_TRY(table_open(x, o->all ? "scores.csv" : "picks.csv", GP_TABLE_CSV, err));
    if (o->jsonl) GP_TRY(table_open(x, o->all ? "scores.jsonl" : "picks.jsonl", GP_TABLE_JSONL, err));
    if (o->imagefolder) {
        GP_TRY(table_open(x, "metadata.csv", GP_TABLE_METADATA, err));
        /* Another name would not be read, so the folder would claim captions it has not. */
        if (strcmp(x->tables[x->table_count - 1].name, "metadata.csv") != 0)
            return gp_fail(err, GP_ERR_USAGE, "'%s' has a metadata.csv that goldpan did not write", o->folder);
    }
    return GP_OK;
}

static void journal_line(gp_str *out, gp_hash hash, const char *name)
{
    char hex[33];
    gp_hash_hex(hash, hex);
    gp_str_printf(out, "%s %s\n", hex, name);
}

/* Note the new hashes beside the old, let the tables appear, then forget the old. */
static gp_status tables_commit(exporting *x, gp_error *err)
{
    gp_status st = GP_OK;
    gp_str fresh = GP_STR_INIT;
    for (size_t i = 0; i < x->table_count; i++)
        journal_line(&fresh, gp_table_out_hash(x->tables[i].out), x->tables[i].name);
    if (x->table_count == 0) return GP_OK;
    for (const char *line = x->journal.data; line && *line;) { /* tables of other names that are still ours */
        const char *end = strchr(line, '\n');
        bool replaced = false;
        if (!end || end - line < 34) break;
        size_t size = (size_t)(end - line) - 33;
        for (size_t i = 0; i < x->table_count; i++)
            replaced |= strlen(x->tables[i].name) == size && memcmp(x->tables[i].name, line + 33, size) == 0;
        if (!replaced) gp_str_add(&fresh, line, size + 34);
        line = end + 1;
    }
    gp_str_add(&x->journal, fresh.data, fresh.size);
    GP_GO(journal_write(x, &x->journal, err));
    for (size_t i = 0; i < x->table_count; i++) {
        st = gp_table_out_commit(x->tables[i].out, err);
        x->tables[i].out = NULL;
        if (st != GP_OK) goto out;
    }
    GP_GO(journal_write(x, &fresh, err));
out:
    gp_str_clear(&fresh);
    return st;
}

/* ---- failures */

static gp_status note_add(exporting *x, const gp_row *row, const char *message, gp_error *err)
{
    if (x->note_count == NOTED_FAILURES) return GP_OK; /* counted, but no longer listed one by one */
    if (x->note_count == x->note_room) {
        size_t room = x->note_room ? 2 * x->note_room : 16;
        note *grown = gp_mem_resize(x->notes, room, sizeof *grown);
        if (!grown) return no_memory(err);
        x->notes = grown;
        x->note_room = room;
    }
    note n = {row->image, gp_str_dup(row->path ? row->path : ""), message ? gp_str_dup(message) : NULL};
    if (!n.path || (message && !n.message)) {
        gp_mem_free(n.path);
        gp_mem_free(n.message);
        return no_memory(err);
    }
    x->notes[x->note_count++] = n;
    return GP_OK;
}

/* Into the catalog, as far as it can be written: an export from a read-only catalog is a good export. */
static void notes_record(exporting *x)
{
    if (x->note_count == 0 || gp_cat_begin(x->cat, NULL) != GP_OK) return;
    gp_status st = GP_OK;
    for (size_t i = 0; i < x->note_count && st == GP_OK; i++) {
        const note *n = &x->notes[i];
        if (n->message)
            st = gp_cat_failure_put(x->cat, n->path, 0, 0, n->image, "export", n->message, NULL);
        else
            st = gp_cat_failure_clear(x->cat, n->image, "export", NULL);
    }
    if (st == GP_OK) st = gp_cat_commit(x->cat, NULL);
    gp_cat_rollback(x->cat);
}

/* ---- rows */

static gp_status open_rows(exporting *x, gp_rows **rows, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    query.picked_only = !x->options->all;
    return gp_cat_rows_open(x->cat, &query, rows, err);
}

static bool wanted(const exporting *x, const gp_row *row)
{
    return !x->options->all || row->rank > 0;
}

/* How many rows, and which settings they have. */
static gp_status survey(exporting *x, uint64_t *total, gp_error *err)
{
    gp_status st;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    *total = 0;
    GP_GO(open_rows(x, &rows, err));
    for (;;) {
        GP_GO(gp_cat_rows_next(rows, &row, err));
        if (!row) break;
        if (!wanted(x, row)) continue;
        (*total)++;
        if (x->options->csv || x->options->imagefolder) GP_GO(gp_keys_add(&x->keys, row->settings_json, err));
    }
out:
    gp_cat_rows_close(rows);
    return st;
}

static gp_status export_row(exporting *x, const gp_row *row, gp_error *err)
{
    gp_status st = GP_OK;
    gp_error why = {0};
    gp_hash hash;
    gp_placed placed = GP_PLACED_NEW;
    char *name = NULL;
    if (x->options->mode != GP_EXPORT_NONE) {
        if (!row->path || !gp_hash_from_hex(row->hash, &hash))
            placed = GP_PLACED_FAILED;
        else
            st = gp_place_file(&x->place, row->path, hash, &placed, &name, &why);
        if (st != GP_OK) return gp_fail(err, st, "%s", why.message);
    }
    if (placed == GP_PLACED_FAILED) {
        x->report.failed++;
        return note_add(x, row, why.message[0] ? why.message : "no path is known", err);
    }
    if (placed == GP_PLACED_NEW)
        x->report.done++;
    else
        x->report.skipped++;
    if (row->failure) GP_GO(note_add(x, row, NULL, err));
    for (size_t i = 0; i < x->table_count; i++) GP_GO(gp_table_out_row(x->tables[i].out, row, name, err));
out:
    gp_mem_free(name);
    return st;
}

static gp_status export_rows(exporting *x, gp_error *err)
{
    gp_status st;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    GP_GO(open_rows(x, &rows, err));
    for (;;) {
        GP_GO(gp_cat_rows_next(rows, &row, err));
        if (!row) break;
        if (!wanted(x, row)) continue;
        GP_GO(export_row(x, row, err));
        if (!gp_ticker_update(&x->ticker, x->report.done + x->report.skipped + x->report.failed, x->report.failed))
            GP_GO(gp_fail(err, GP_ERR_STOPPED, "stopped: files exported so far stay, no table was written"));
    }
out:
    gp_cat_rows_close(rows);
    return st;
}

static gp_status check_options(const gp_export_options *o, gp_error *err)
{
    if (!o->folder || !*o->folder) return gp_fail(err, GP_ERR_USAGE, "the export needs a folder");
    if ((unsigned)o->mode > GP_EXPORT_NONE) return gp_fail(err, GP_ERR_USAGE, "there is no such mode of export");
    if (o->mode == GP_EXPORT_NONE && o->imagefolder)
        return gp_fail(err, GP_ERR_USAGE, "an imagefolder needs its files: copy, hard links or symbolic links");
    if (o->mode == GP_EXPORT_NONE && !o->csv && !o->jsonl)
        return gp_fail(err, GP_ERR_USAGE, "nothing to export: neither files nor a table were asked for");
    return GP_OK;
}

static void exporting_clear(exporting *x)
{
    for (size_t i = 0; i < x->note_count; i++) {
        gp_mem_free(x->notes[i].path);
        gp_mem_free(x->notes[i].message);
    }
    gp_mem_free(x->notes);
    for (size_t i = 0; i < TABLES; i++) {
        gp_table_out_abort(x->tables[i].out);
        gp_mem_free(x->tables[i].name);
    }
    gp_place_clear(&x->place);
    gp_str_clear(&x->journal);
    gp_keys_clear(&x->keys);
}

gp_status gp_report_export(gp_catalog *cat, const gp_export_options *options, gp_report *report, gp_error *err)
{
    gp_status st;
    uint64_t total = 0;
    double start = gp_clock_now();
    GP_TRY(check_options(options, err));
    exporting x = {.cat = cat, .options = options, .place = {.folder = options->folder, .mode = options->mode}};
    GP_GO(survey(&x, &total, err));
    if (total == 0)
        GP_GO(gp_fail(err, GP_ERR_NOT_FOUND, "nothing is %s yet in catalog '%s'", options->all ? "scored" : "picked",
                      gp_cat_path(cat)));
    GP_GO(gp_folder_make(options->folder, err));
    GP_GO(tables_open(&x, err));
    gp_ticker_init(&x.ticker, "export", total, options->progress, options->user);
    st = export_rows(&x, err);
    gp_ticker_finish(&x.ticker);
    if (st == GP_OK) st = tables_commit(&x, err);
    notes_record(&x);
    x.report.seconds = gp_clock_now() - start;
    if (report && (st == GP_OK || st == GP_ERR_STOPPED)) *report = x.report;
out:
    exporting_clear(&x);
    return st;
}
