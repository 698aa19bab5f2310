/* SPDX-License-Identifier: MIT
 * Exports the picked files and tables of them into a folder.  The first pass over the rows finds the settings, which
 * become columns.  The second pass places files and writes rows.  Only goldpan's own tables are overwritten.  A
 * second export adds only what is missing.  The first pass also adds up the sizes of the files to copy, so that an
 * export without enough space on the disk writes nothing. */
#include "report/report.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/own.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "report/export.h"
#include "report/export_name.h"
#include "report/original.h"
#include "report/sets.h"
#include "table/table_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COLUMNS_MAX 200 /* maximum number of settings that become columns of picks.csv; picks.jsonl has all settings */

typedef struct column_set {
    char **names; /* owned, sorted */
    size_t count;
    bool failed;
} column_set;

static bool add_column(void *user, const char *name, const gp_json *value)
{
    column_set *set = user;
    size_t at = 0;
    (void)value;
    while (at < set->count && strcmp(set->names[at], name) < 0) at++;
    if (set->count == COLUMNS_MAX || (at < set->count && strcmp(set->names[at], name) == 0)) return true;
    char *copy = gp_str_dup(name);
    set->failed |= copy == NULL;
    if (!copy) return false;
    memmove(set->names + at + 1, set->names + at, (set->count - at) * sizeof *set->names);
    set->names[at] = copy;
    set->count++;
    return true;
}

static gp_status row_columns(const gp_row *row, column_set *set, gp_error *err)
{
    gp_json *settings = NULL;
    if (!row->settings_json) return GP_OK;
    GP_TRY(gp_json_parse(row->settings_json, strlen(row->settings_json), false, 64, &settings, err));
    gp_json_each(settings, add_column, set);
    gp_json_free(settings);
    return set->failed ? gp_fail_memory(err, "the tables") : GP_OK;
}

/* An image that the caller named. */
typedef struct wanted_image {
    gp_hash hash;
    bool found; /* a row of the catalog has this image */
} wanted_image;

typedef struct export_run {
    gp_catalog *cat;
    const gp_export_options *options;
    column_set columns;
    gp_table_writer *tables;
    gp_export_sets *sets;       /* NULL: no data sets */
    gp_set_files *set_files;    /* tables and files of data sets */
    gp_export_name *name;       /* NULL: the names of the files */
    gp_export_journal *journal; /* NULL: nothing is recorded */
    gp_export_files *places;
    char *folder;    /* the folder's absolute path */
    int lock;        /* the open folder, locked; -1: not open */
    uint64_t device; /* of the folder */
    uint64_t index;  /* number of the row */
    bool placed;     /* the file of the row was placed now, and was not there before */
    gp_report counts;
    gp_str names;          /* copies and links in the folder, now or before, one on each line */
    gp_str moved_names;    /* moved files, one on each line */
    gp_export_moves moves; /* the catalog gets their new paths at the end */
    /* the images that the caller named, sorted, each once; NULL: images selected by pick, flag or stars */
    wanted_image *wanted;
    size_t wanted_count;
    uint64_t total;
    uint64_t bytes; /* sum of the sizes of the files to copy */
    gp_progress_meter ticker;
} export_run;

/* ------------------------------------------------------------------ which images */

static int by_hash(const void *a, const void *b)
{
    return memcmp(&((const wanted_image *)a)->hash, &((const wanted_image *)b)->hash, sizeof(gp_hash));
}

static gp_status read_choice(export_run *r, gp_error *err)
{
    const gp_export_options *o = r->options;
    if ((o->mine || o->images) && (o->all || o->min_stars || o->tag_count))
        return gp_fail(err, GP_ERR_USAGE, "`all`, `min_stars` and `tags` cannot be combined with `mine` or `images`");
    if (o->mine && o->images) return gp_fail(err, GP_ERR_USAGE, "`mine` and `images` cannot be combined");
    if (o->suggested && !o->mine) return gp_fail(err, GP_ERR_USAGE, "`suggested` needs `mine`");
    if (!o->images) return GP_OK;
    GP_TRY(gp_alloc((void **)&r->wanted, o->image_count, sizeof *r->wanted, "an export", err));
    for (; r->wanted_count < o->image_count; r->wanted_count++) {
        const char *hex = o->images[r->wanted_count];
        r->wanted[r->wanted_count].found = false;
        if (!hex || strlen(hex) != 32 || !gp_hash_from_hex(hex, &r->wanted[r->wanted_count].hash))
            return gp_fail(err, GP_ERR_USAGE, "`images` must be hashes of 32 hex digits");
    }
    size_t named = r->wanted_count;
    if (named) qsort(r->wanted, named, sizeof *r->wanted, by_hash);
    r->wanted_count = 0;
    for (size_t i = 0; i < named; i++)
        if (i == 0 || by_hash(&r->wanted[i - 1], &r->wanted[i]) != 0) r->wanted[r->wanted_count++] = r->wanted[i];
    return GP_OK;
}

/* Returns true if the row is exported.  The user's picks, images with stars or tags and images that the caller named
 * need no score. */
static bool belongs(const export_run *r, const gp_row *row)
{
    wanted_image key;
    if (!r->wanted) return row->has_score || row->flag > 0 || r->options->min_stars || r->options->tag_count;
    if (!r->wanted_count || !gp_hash_from_hex(row->hash, &key.hash)) return false;
    wanted_image *image = bsearch(&key, r->wanted, r->wanted_count, sizeof *r->wanted, by_hash);
    if (image) image->found = true;
    return image != NULL;
}

/* Makes the path within the folder that the row's file should get. */
static gp_status wanted_name(const export_run *r, const gp_row *row, char **wanted, gp_error *err)
{
    const gp_export_options *o = r->options;
    char *category = NULL;
    if (!r->name) {
        *wanted = gp_str_dup(gp_path_base(row->path));
        return *wanted ? GP_OK : gp_fail_memory_path(err, "the export of '%s'", row->path);
    }
    if (gp_export_name_has_category(r->name)) GP_TRY(gp_cat_image_category(r->cat, row->image, &category, err));
    gp_export_values values = {
        .row = row, .category = category, .tags = o->tags, .tag_count = o->tag_count, .index = r->index};
    gp_status st = gp_export_name_write(r->name, &values, gp_export_files_longest(r->places), wanted, err);
    gp_mem_free(category);
    return st;
}

static gp_status put_file(export_run *r, const gp_row *row, gp_hash *hash, char **name, bool *placed, gp_error *err)
{
    char *wanted = NULL;
    if (!row->path || !gp_hash_from_hex(row->file_hash, hash))
        return gp_fail(err, GP_ERR_FORMAT, "the catalog has no hash of this file");
    GP_TRY(wanted_name(r, row, &wanted, err));
    gp_status st = gp_export_files_put(r->places, row->path, wanted, hash, name, placed, err);
    gp_mem_free(wanted);
    return st;
}

/* Places the row's file in the folder.  After a failure *name stays NULL; the failure is counted, and recorded if the
 * catalog can be written. */
static gp_status place_row(export_run *r, const gp_row *row, char **name, gp_error *err)
{
    gp_error why = {0};
    const char *path = row->path ? row->path : "";
    gp_hash hash;
    gp_status st = put_file(r, row, &hash, name, &r->placed, &why);
    /* a disk without reflinks, or two disks: no file can be placed; with GP_EXPORT_STRIP only this file cannot */
    const bool no_file = st == GP_ERR_UNSUPPORTED && r->options->mode != GP_EXPORT_STRIP;
    if (st == GP_OK && gp_export_journal_broken(r->journal))
        return gp_fail(err, GP_ERR_IO, "cannot write the journal of the export");
    if (st == GP_ERR_MEMORY || no_file || gp_export_journal_broken(r->journal)) return gp_fail_as(err, st, &why);
    if (st != GP_OK) {
        r->counts.failed++;
        (void)gp_cat_failure_put(r->cat, path, 0, 0, row->image, "export", why.message, gp_error_passes(&why), NULL);
        return GP_OK;
    }
    if (row->failure) (void)gp_cat_failure_clear(r->cat, row->image, "export", NULL);
    if (r->placed)
        r->counts.done++;
    else
        r->counts.skipped++;
    return GP_OK;
}

/* Adds the name to the folder's list of exported files, unless the original itself is in this folder.  A file that was
 * moved is an original. */
static gp_status list_name(export_run *r, const gp_row *row, const char *target, const char *name, gp_error *err)
{
    struct stat own, theirs;
    if (r->options->mode == GP_EXPORT_MOVE) {
        gp_hash hash;
        gp_str_printf(&r->moved_names, "%s\n", name);
        bool hashed = gp_hash_from_hex(row->file_hash, &hash);
        if (!r->placed) return GP_OK;
        return gp_export_moves_add(&r->moves, row->path, target, hashed ? &hash : NULL, err);
    }
    char *folder = gp_path_folder(row->path), *other = gp_path_folder(target);
    bool same = folder && other && stat(folder, &own) == 0 && stat(other, &theirs) == 0 &&
                own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino;
    if (!same) gp_str_printf(&r->names, "%s\n", name);
    gp_status st = folder && other && !r->names.failed ? GP_OK : gp_fail_memory_path(err, "'%s'", row->path);
    gp_mem_free(folder);
    gp_mem_free(other);
    return st;
}

/* Writes the row's data sets.  If they need the image and it cannot be output, the row counts as failed; with files,
 * place_row has counted that failure already. */
static gp_status put_sets(export_run *r, const gp_row *row, const char *name, gp_error *err)
{
    bool unread = false;
    gp_error why = {0};
    GP_TRY(gp_export_sets_row(r->sets, row, name, &unread, &why, err));
    if (!unread || (r->options->mode != GP_EXPORT_NONE && !name)) return GP_OK;
    r->counts.failed++;
    (void)gp_cat_failure_put(r->cat, row->path ? row->path : "", 0, 0, row->image, "export", why.message,
                             gp_error_passes(&why), NULL);
    if (r->options->mode == GP_EXPORT_NONE) r->counts.done--;
    return GP_OK;
}

static gp_status put_tables(export_run *r, const gp_row *row, const char *name, gp_error *err)
{
    gp_row now = *row;
    char *target = name ? gp_path_join(r->folder, name) : NULL;
    if (name && !target) return gp_fail_memory_path(err, "'%s'", row->path);
    gp_status st = name ? list_name(r, row, target, name, err) : GP_OK;
    if (name && r->placed && r->options->mode == GP_EXPORT_MOVE) now.path = target;
    if (st == GP_OK) st = gp_table_writer_row(r->tables, &now, name, err);
    if (st == GP_OK && r->sets) st = put_sets(r, &now, name, err);
    gp_mem_free(target);
    return st;
}

static gp_status on_row(export_run *r, const gp_row *row, gp_error *err)
{
    char *name = NULL;
    r->index++;
    if (r->options->mode == GP_EXPORT_NONE)
        r->counts.done++;
    else
        GP_TRY(place_row(r, row, &name, err));
    gp_status st = put_tables(r, row, name, err);
    gp_mem_free(name);
    if (st != GP_OK) return st;
    uint64_t seen = r->counts.done + r->counts.skipped + r->counts.failed;
    return gp_progress_meter_update(&r->ticker, seen, r->counts.failed) ? GP_OK
                                                                        : gp_fail(err, GP_ERR_STOPPED, "stopped");
}

/* First pass: counts the row, adds the size of its file, and finds columns. */
static gp_status plan_row(export_run *r, const gp_row *row, gp_error *err)
{
    struct stat info;
    r->total++;
    bool copies = r->options->mode == GP_EXPORT_COPY || r->options->mode == GP_EXPORT_STRIP;
    if ((copies || r->options->mode == GP_EXPORT_MOVE) && row->path && stat(row->path, &info) == 0 &&
        S_ISREG(info.st_mode) && (copies || (uint64_t)info.st_dev != r->device))
        r->bytes += (uint64_t)info.st_size;
    if (r->sets) GP_TRY(gp_export_sets_plan(r->sets, row, &r->bytes, err));
    return row_columns(row, &r->columns, err);
}

/* Visits the rows to export.  The first pass (tables NULL) plans the export; the second pass exports. */
static gp_status each_row(export_run *r, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_status st = GP_OK;
    query.picked_only = !r->options->all && !r->options->min_stars && !r->options->tag_count && !r->wanted;
    query.mine = r->options->mine;
    query.suggested = r->options->suggested;
    query.by_hand = true;
    query.min_stars = r->options->min_stars;
    query.tags = r->options->tags, query.tag_count = r->options->tag_count;
    GP_TRY_GOTO(gp_cat_rows_open(r->cat, &query, &rows, err));
    for (;;) {
        GP_TRY_GOTO(gp_cat_rows_next(rows, &row, err));
        if (!row) break;
        if (!belongs(r, row)) continue;
        GP_TRY_GOTO(r->tables ? on_row(r, row, err) : plan_row(r, row, err));
    }
out:
    gp_cat_rows_close(rows);
    return st;
}

/* ------------------------------------------------------------------ named images without a file */

typedef struct lost_file {
    char *path; /* owned */
    gp_hash hash;
} lost_file;

static bool take_first(void *user, const char *path, const gp_hash *hash, bool missing)
{
    lost_file *lost = user;
    (void)missing;
    if (lost->path) return true;
    lost->path = gp_str_dup(path);
    lost->hash = *hash;
    return lost->path != NULL;
}

/* Sets `why` to the reason why a file cannot be exported.  The catalog records the file as missing, but it may exist
 * again.  Errors: MEMORY. */
static gp_status explain(const lost_file *lost, gp_error *why)
{
    int file = -1;
    gp_status st = gp_original_open(lost->path, &lost->hash, &file, why);
    if (st == GP_ERR_MEMORY) return st;
    if (file >= 0) close(file);
    if (st == GP_OK) (void)gp_fail(why, GP_ERR_NOT_FOUND, "the catalog records this file as missing: add it again");
    return GP_OK;
}

/* Counts a named image as failed because no row has it: all its files are missing, or the catalog has no such image.
 * For a missing file, records the failure if the catalog can be written. */
static gp_status fail_lost(export_run *r, const gp_hash *image, gp_error *err)
{
    gp_error why = {0};
    gp_cat_content content = {0};
    lost_file lost = {0};
    int flag = 0;
    gp_status st = gp_cat_image_files(r->cat, image, &flag, take_first, &lost, &why);
    r->counts.failed++;
    if (st == GP_OK && lost.path) {
        st = gp_cat_content_at(r->cat, lost.path, &content, &why);
        if (st == GP_OK) st = explain(&lost, &why);
        if (st == GP_OK)
            (void)gp_cat_failure_put(r->cat, lost.path, 0, 0, content.image, "export", why.message,
                                     gp_error_passes(&why), NULL);
    }
    gp_mem_free(lost.path);
    return st == GP_OK || st == GP_ERR_NOT_FOUND ? GP_OK : gp_fail_as(err, st, &why);
}

static gp_status fail_all_lost(export_run *r, gp_error *err)
{
    for (size_t i = 0; i < r->wanted_count; i++)
        if (!r->wanted[i].found) GP_TRY(fail_lost(r, &r->wanted[i].hash, err));
    return GP_OK;
}

/* ------------------------------------------------------------------ the whole */

/* Fails if the disk has no space for the copies and the data sets. */
static gp_status check_space(const export_run *r, gp_error *err)
{
    gp_error why = {0};
    gp_status st = r->bytes ? gp_export_check_space(r->options->folder, r->bytes, &why) : GP_OK;
    if (st == GP_ERR_IO && r->options->mode != GP_EXPORT_COPY && r->options->mode != GP_EXPORT_MOVE)
        return gp_fail_path(err, st,
                            "no space for the data sets in folder '%s': they need about %.3f GB; choose a folder on "
                            "another disk",
                            r->options->folder, (double)r->bytes / 1e9);
    return st == GP_OK ? GP_OK : gp_fail_as(err, st, &why);
}

/* Begins the journal.  Without one, moving is an error; other modes go on. */
static gp_status open_journal(export_run *r, gp_error *err)
{
    const gp_export_options *o = r->options;
    gp_error why = {0};
    gp_status st = gp_export_can_record(r->cat)
                       ? gp_export_journal_new(gp_cat_path(r->cat), o, &r->journal, &why)
                       : gp_fail_path(&why, GP_ERR_IO, "the catalog '%s' cannot be written", gp_cat_path(r->cat));
    if (st == GP_OK) return GP_OK;
    if (st == GP_ERR_MEMORY) return gp_fail_as(err, st, &why);
    if (o->mode == GP_EXPORT_MOVE) {
        (void)gp_fail_as(err, st, &why);
        return gp_fail_within(err, st, "files can be moved only if the move can be recorded");
    }
    gp_note_say(o->note, o->note_user, "no-undo", 1, "this export is not recorded, so goldpan undo cannot undo it: %s",
                why.message);
    return GP_OK;
}

/* ------------------------------------------------------------------ tables and data sets */

static gp_status make_folder(void *user, const char *path, gp_error *err)
{
    return gp_export_journal_make_folder(((export_run *)user)->journal, path, err);
}

static gp_status record_table(void *user, const char *path, const gp_hash *hash, gp_error *err)
{
    return gp_export_journal_table(((export_run *)user)->journal, path, hash, err);
}

/* Reports a file of a data set by its path below the folder as the caller named it. */
static void tell_written(void *user, const char *path, uint64_t bytes)
{
    const export_run *r = user;
    const gp_export_options *o = r->options;
    size_t top = strlen(r->folder);
    if (!o->written) return;
    char *named = gp_path_join(o->folder, path + top + (path[top] == '/'));
    o->written(o->written_user, named ? named : path, bytes);
    gp_mem_free(named);
}

static gp_status open_tables(export_run *r, gp_error *err)
{
    const gp_export_options *o = r->options;
    const gp_set_events events = {make_folder, record_table, tell_written, r};
    const struct {
        bool wanted;
        const char *name;
    } tables[] = {{o->csv, "picks.csv"}, {o->jsonl, "picks.jsonl"}, {o->imagefolder, "metadata.csv"}};
    if (o->csv || o->jsonl || o->imagefolder || r->sets)
        GP_TRY(gp_set_files_open(r->folder, &events, &r->set_files, err));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i].wanted) GP_TRY(gp_set_files_check(r->set_files, tables[i].name, err));
    GP_TRY(gp_table_writer_open(o, r->columns.names, r->columns.count, &r->tables, err));
    return r->sets ? gp_export_sets_begin(r->sets, r->set_files, err) : GP_OK;
}

static gp_status table_ready(void *user, const char *name, int fd, gp_error *err)
{
    return gp_set_files_record(((export_run *)user)->set_files, name, fd, err);
}

static gp_status commit_tables(export_run *r, gp_error *err)
{
    const char *patterns[GP_SURPLUS_MAX];
    size_t count = r->sets ? gp_export_sets_surplus(r->sets, patterns) : 0;
    gp_table_writer *tables = r->tables;
    if (r->sets) GP_TRY(gp_export_sets_commit(r->sets, err));
    r->tables = NULL;
    GP_TRY(gp_table_writer_commit(tables, table_ready, r, err));
    gp_set_files *files = r->set_files;
    r->set_files = NULL;
    return files ? gp_set_files_end(files, patterns, count, err) : GP_OK;
}

/* Second pass: places the files and writes the tables. */
static gp_status export_rows(export_run *r, gp_error *err)
{
    const gp_export_options *o = r->options;
    GP_TRY(check_space(r, err));
    GP_TRY(open_journal(r, err));
    GP_TRY(gp_export_journal_make_folder(r->journal, r->folder, err));
    GP_TRY(gp_export_lock(r->folder, &r->lock, err));
    GP_TRY(gp_export_files_open(o->folder, o->mode, r->journal, &r->places, err));
    GP_TRY(open_tables(r, err));
    GP_TRY(each_row(r, err));
    GP_TRY(commit_tables(r, err));
    gp_progress_meter_finish(&r->ticker);
    return GP_OK;
}

/* Ends the export, also after a stop or an error: the catalog gets the new paths of moved files, the folders get their
 * lists of copies, and the journal ends. */
static gp_status end_export(export_run *r, gp_status st, gp_error *err)
{
    gp_error why = {0};
    if (r->moves.count) gp_export_files_sync(r->places);
    gp_status recorded = gp_export_moves_record(&r->moves, r->cat, st == GP_OK ? err : &why);
    gp_export_files_close(r->places);
    r->places = NULL;
    const uint64_t number = gp_export_journal_number(r->journal);
    if (st == GP_OK && r->total) gp_export_journal_keep(r->journal);
    gp_status steps[] = {recorded, r->names.size ? gp_export_list_names(r->folder, &r->names, false, &why) : GP_OK,
                         r->moved_names.size ? gp_export_list_names(r->folder, &r->moved_names, true, &why) : GP_OK,
                         recorded == GP_OK && st != GP_ERR_MEMORY ? gp_export_journal_end(r->journal, &why) : GP_OK};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && st == GP_OK; i++)
        if (steps[i] != GP_OK) st = i ? gp_fail_as(err, steps[i], &why) : steps[i];
    if (number)
        gp_note_say(r->options->note, r->options->note_user, "undo", number, "goldpan undo %llu undoes this export",
                    (unsigned long long)number);
    return st;
}

static void clear(export_run *r)
{
    gp_table_writer_abort(r->tables);
    gp_export_sets_free(r->sets);
    gp_set_files_close(r->set_files);
    gp_export_files_close(r->places);
    gp_export_journal_close(r->journal);
    gp_export_moves_clear(&r->moves);
    gp_export_name_free(r->name);
    gp_str_clear(&r->names);
    gp_str_clear(&r->moved_names);
    if (r->lock >= 0) close(r->lock);
    for (size_t i = 0; i < r->columns.count; i++) gp_mem_free(r->columns.names[i]);
    gp_mem_free(r->columns.names);
    gp_mem_free(r->wanted);
    gp_mem_free(r->folder);
}

/* Checks the options, and finds what must be known before the first row. */
static gp_status prepare(export_run *r, gp_error *err)
{
    const gp_export_options *o = r->options;
    if (o->imagefolder && o->mode == GP_EXPORT_NONE)
        return gp_fail(err, GP_ERR_USAGE,
                       "--imagefolder cannot be combined with --no-files: it needs copies or links of the files");
    if (o->mode == GP_EXPORT_STRIP && o->formats & (GP_EXPORT_HF_PARQUET | GP_EXPORT_WEBDATASET))
        return gp_fail(err, GP_ERR_USAGE,
                       "--strip-metadata cannot be combined with hf-parquet and webdataset: they contain the files as "
                       "they are");
    if ((unsigned)o->mode > GP_EXPORT_STRIP) return gp_fail(err, GP_ERR_USAGE, "unknown `mode` %d", (int)o->mode);
    if (o->name) GP_TRY(gp_export_name_parse(o->name, &r->name, err));
    GP_TRY(read_choice(r, err));
    GP_TRY(gp_export_sets_new(r->cat, o, &r->sets, err));
    r->folder = gp_path_absolute(o->folder);
    if (!r->folder) return gp_fail_memory(err, "an export");
    GP_TRY(gp_export_device(r->folder, &r->device, err));
    GP_TRY(gp_report_exports_recover(r->cat, err));
    return gp_alloc((void **)&r->columns.names, COLUMNS_MAX, sizeof *r->columns.names, "the tables", err);
}

gp_status gp_report_export(gp_catalog *cat, const gp_export_options *options, gp_report *report, gp_error *err)
{
    double start = gp_clock_now();
    export_run r = {.cat = cat, .options = options, .lock = -1};
    gp_status st = GP_OK;
    GP_TRY_GOTO(prepare(&r, err));
    GP_TRY_GOTO(each_row(&r, err));
    gp_progress_meter_init(&r.ticker, "export", r.total, options->progress, options->user);
    if (r.total) st = export_rows(&r, err);
    st = end_export(&r, st, err);
    if (st == GP_OK) st = fail_all_lost(&r, err);
out:
    clear(&r);
    r.counts.seconds = gp_clock_now() - start;
    if (report) *report = r.counts;
    return st;
}
