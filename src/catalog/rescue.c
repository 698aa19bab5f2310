/* SPDX-License-Identifier: MIT
 * Makes a new catalog from a damaged or lost one: from its readable rows, then from the journal of marks.
 *
 * Each table is read from both ends up to the damage. The range between is then halved repeatedly, to read the rows
 * around the damage. Rows are written to a new file beside the old one. The new file replaces the old one only when it
 * is complete. The old file is kept under another name; nothing is deleted. An analysis is copied only if all its
 * tables can be read, because slices and categories refer to each other. */
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/rescue_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_PROBES = 4000 /* maximum attempts per table to continue after damaged rows */,
    MAX_GAP = 1 << 20 /* number of ids to try after the last row that could be read */
};

#define ADVICE_TABLE " `goldpan add DIR --prompts FILE`"

typedef struct rescuing {
    const gp_rescue_options *o;
    sqlite3 *from;
    gp_catalog *to;
    gp_rescue_report *report;
    /* in the current table: number of rows that were copied; number of rows, or ranges of rows, that were lost */
    uint64_t rows, places;
    int probes;
    bool prompts_lost; /* rows with prompts could not be read */
} rescuing;

/* ------------------------------------------------------------------ one table */

typedef struct table {
    const char *name;
    /* columns: "a, b"; marks: "?, ?"; keys, for a table without rowid: its primary key "a DESC, b DESC" */
    gp_str columns, marks, keys;
    int count;
    bool has_rowid;
    sqlite3_stmt *insert;
} table;

/* Appends to `out` the names of those columns of the table that the SQL clause `query` selects, each name followed by
 * `after`. */
static int put_names(rescuing *r, const char *query, const char *name, const char *after, gp_str *out, int *count)
{
    gp_str sql = GP_STR_INIT;
    sqlite3_stmt *info = NULL;
    gp_str_printf(&sql, "SELECT name FROM pragma_table_info('%s')%s", name, query);
    int rc = sql.failed ? SQLITE_NOMEM : sqlite3_prepare_v2(r->to->db, sql.data, -1, &info, NULL);
    for (*count = 0; rc == SQLITE_OK && (rc = sqlite3_step(info)) == SQLITE_ROW; rc = SQLITE_OK) {
        const char *column = (const char *)sqlite3_column_text(info, 0);
        gp_str_printf(out, "%s\"%s\"%s", (*count)++ ? ", " : "", column ? column : "", after);
    }
    sqlite3_finalize(info);
    gp_str_clear(&sql);
    return out->failed ? SQLITE_NOMEM : rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Prepares the copy of a table: reads which columns the table has in the new catalog. */
static gp_status table_open(rescuing *r, const char *name, table *t, gp_error *err)
{
    gp_str sql = GP_STR_INIT;
    sqlite3_stmt *probe = NULL;
    int keys = 0;
    *t = (table){.name = name};
    int rc = put_names(r, "", name, "", &t->columns, &t->count);
    if (rc == SQLITE_OK) rc = put_names(r, " WHERE pk > 0 ORDER BY pk", name, " DESC", &t->keys, &keys);
    for (int i = 0; i < t->count; i++) gp_str_puts(&t->marks, i ? ", ?" : "?");
    gp_str_printf(&sql, "SELECT rowid FROM %s", name);
    t->has_rowid = !sql.failed && sqlite3_prepare_v2(r->to->db, sql.data, -1, &probe, NULL) == SQLITE_OK;
    sqlite3_finalize(probe);
    gp_str_reset(&sql);
    gp_str_printf(&sql, "INSERT OR IGNORE INTO %s(%s) VALUES(%s)", name, t->columns.data, t->marks.data);
    if (sql.failed || t->columns.failed || t->marks.failed) rc = SQLITE_NOMEM;
    if (rc == SQLITE_OK) rc = sqlite3_prepare_v2(r->to->db, sql.data, -1, &t->insert, NULL);
    gp_str_clear(&sql);
    return rc == SQLITE_OK ? GP_OK : gp_db_fail(r->to, rc, err);
}

static void table_close(table *t)
{
    sqlite3_finalize(t->insert);
    gp_str_clear(&t->columns);
    gp_str_clear(&t->marks);
    gp_str_clear(&t->keys);
}

/* Copies one row. If the new catalog rejects the row, because it is damaged or refers to lost rows, counts it as
 * lost. */
static gp_status put_row(rescuing *r, const table *t, sqlite3_stmt *row, gp_error *err)
{
    for (int i = 0; i < t->count; i++) sqlite3_bind_value(t->insert, i + 1, sqlite3_column_value(row, i + 1));
    int rc = sqlite3_step(t->insert);
    (void)sqlite3_reset(t->insert);
    if (rc == SQLITE_DONE)
        r->rows += (uint64_t)sqlite3_changes(r->to->db);
    else if ((rc & 0xff) == SQLITE_CONSTRAINT || (rc & 0xff) == SQLITE_MISMATCH || (rc & 0xff) == SQLITE_TOOBIG)
        r->places++;
    else
        return gp_db_fail(r->to, rc, err);
    return GP_OK;
}

/* Copies the rows with ids from low to high in one direction, until a row cannot be read. *last: id of the last row
 * read. *whole: all rows were read. */
static gp_status read_run(rescuing *r, const table *t, int64_t low, int64_t high, bool down, int64_t *last, bool *whole,
                          gp_error *err)
{
    gp_str sql = GP_STR_INIT;
    sqlite3_stmt *rows = NULL;
    gp_status st = GP_OK;
    *whole = false;
    if (t->has_rowid)
        gp_str_printf(&sql, "SELECT rowid, %s FROM %s NOT INDEXED WHERE rowid BETWEEN ? AND ? ORDER BY rowid%s",
                      t->columns.data, t->name, down ? " DESC" : "");
    else
        gp_str_printf(&sql, "SELECT 0, %s FROM %s%s%s", t->columns.data, t->name, down ? " ORDER BY " : "",
                      down ? t->keys.data : "");
    if (sql.failed) return gp_db_fail(r->to, SQLITE_NOMEM, err);
    int rc = sqlite3_prepare_v2(r->from, sql.data, -1, &rows, NULL);
    gp_str_clear(&sql);
    if (rc == SQLITE_OK && t->has_rowid) sqlite3_bind_int64(rows, 1, low), sqlite3_bind_int64(rows, 2, high);
    while (rc == SQLITE_OK && st == GP_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        *last = sqlite3_column_int64(rows, 0);
        st = put_row(r, t, rows, err);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    *whole = rc == SQLITE_DONE;
    if (st == GP_OK && (rc & 0xff) == SQLITE_NOMEM) return gp_db_fail(r->to, rc, err);
    if (st == GP_OK && rc == SQLITE_INTERRUPT) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    return st;
}

static gp_status read_between(rescuing *r, const table *t, int64_t low, int64_t high, gp_error *err)
{
    int64_t last = low - 1, first = high + 1;
    bool whole;
    if (low > high || r->probes-- <= 0) return GP_OK;
    GP_TRY(read_run(r, t, low, high, false, &last, &whole, err));
    if (whole) return GP_OK;
    GP_TRY(read_run(r, t, last + 1, high, true, &first, &whole, err));
    if (whole) return GP_OK;
    int64_t middle = last + (first - last) / 2;
    if (first - last < 3) return GP_OK;
    GP_TRY(read_between(r, t, last + 1, middle, err));
    return read_between(r, t, middle + 1, first - 1, err);
}

static gp_status read_table(rescuing *r, const char *name, gp_error *err)
{
    table t;
    int64_t last = 0, first = INT64_MAX;
    bool whole = false;
    r->rows = r->places = 0, r->probes = MAX_PROBES;
    gp_status st = table_open(r, name, &t, err);
    if (st == GP_OK) st = read_run(r, &t, INT64_MIN, INT64_MAX, false, &last, &whole, err);
    if (st == GP_OK && !whole) {
        r->places++;
        st = read_run(r, &t, last + 1, INT64_MAX, true, &first, &whole, err);
        if (st == GP_OK && !whole && t.has_rowid && last < INT64_MAX - MAX_GAP)
            st = read_between(r, &t, last + 1, first == INT64_MAX ? last + MAX_GAP : first - 1, err);
    }
    table_close(&t);
    if (st != GP_OK) return st;
    r->report->rows += r->rows;
    r->report->lost += r->places;
    if (r->rows || r->places)
        gp_note_say(r->o->note, r->o->note_user, "rescue-table", r->rows, "%s: %llu %s read%s", name,
                    (unsigned long long)r->rows, gp_plural(r->rows, "row", "rows"),
                    r->places ? ", others could not be read" : "");
    return GP_OK;
}

/* ------------------------------------------------------------------ all tables */

static bool is_in(const gp_catalog *cat, const char *name)
{
    return sqlite3_table_column_metadata(cat->db, NULL, name, NULL, NULL, NULL, NULL, NULL, NULL) == SQLITE_OK;
}

static gp_status read_core(rescuing *r, gp_error *err)
{
    for (const gp_db_table *t = gp_db_tables; t->name; t++) {
        uint64_t lost = r->report->lost;
        if (t->part != GP_DB_CORE || !is_in(r->to, t->name)) continue;
        GP_TRY(read_table(r, t->name, err));
        if (strcmp(t->name, "prompts") == 0 || strcmp(t->name, "image_prompts") == 0)
            r->prompts_lost |= r->report->lost > lost;
    }
    return GP_OK;
}

/* Lists the prompt tables from which prompts came: " ('a.csv', 'b.csv')", or "". */
static gp_status prompt_tables(const rescuing *r, gp_str *out, gp_error *err)
{
    enum { MAX_NAMES = 4 };
    int count = 0;
    bool row = true;
    gp_q q = gp_q_open(r->to, "SELECT DISTINCT substr(source, 7) FROM image_prompts WHERE source LIKE 'table:%'"
                              " ORDER BY 1");
    for (; count <= MAX_NAMES; count++) {
        GP_TRY(gp_q_step(&q, &row, err));
        if (!row) break;
        const char *name = gp_q_col_text(&q, 0);
        if (count == MAX_NAMES)
            gp_str_puts(out, ", ...");
        else
            gp_str_printf(out, "%s'%.200s'", count ? ", " : " (", name ? name : "");
    }
    if (row) gp_q_end(&q);
    if (count) gp_str_putc(out, ')');
    return out->failed ? gp_fail_memory(err, "rescuing the catalog") : GP_OK;
}

/* Reports which prompts the new catalog lacks. SQLite may not notice damage that hides rows, so the images without a
 * prompt are counted as well. */
static gp_status report_lost_prompts(const rescuing *r, gp_error *err)
{
    int64_t without = 0;
    gp_str tables = GP_STR_INIT;
    gp_q q = gp_q_open(r->to, "SELECT count(*) FROM images WHERE id NOT IN"
                              " (SELECT image FROM image_prompts WHERE prompt IS NOT NULL)");
    GP_TRY(gp_q_one(&q, 0, &without, err));
    if (!r->prompts_lost && !without) return GP_OK;
    gp_status st = prompt_tables(r, &tables, err);
    const char *names = tables.data ? tables.data : "";
    if (st == GP_OK && r->prompts_lost)
        gp_note_say(r->o->note, r->o->note_user, "rescue-prompts", (uint64_t)without,
                    "some prompts are lost: to read prompts in image files and in text files beside them again, run "
                    "`goldpan add DIR`; to read prompts from a table%s again, run" ADVICE_TABLE,
                    names);
    else if (st == GP_OK)
        gp_note_say(r->o->note, r->o->note_user, "rescue-prompts", (uint64_t)without,
                    "%lld %s no prompt: to read prompts from a table%s again, run" ADVICE_TABLE, (long long)without,
                    gp_plural((uint64_t)without, "image has", "images have"), names);
    gp_str_clear(&tables);
    return st;
}

/* Copies all tables of this part, or none of them if a row cannot be read. */
static gp_status read_together(rescuing *r, gp_db_part part, const char *what, gp_error *err)
{
    uint64_t lost = r->report->lost, rows = r->report->rows;
    GP_TRY(gp_db_exec(r->to, "SAVEPOINT together", err));
    for (const gp_db_table *t = gp_db_tables; t->name; t++)
        if (t->part == part && is_in(r->to, t->name)) GP_TRY(read_table(r, t->name, err));
    if (r->report->lost > lost) {
        GP_TRY(gp_db_exec(r->to, "ROLLBACK TO together", err));
        r->report->rows = rows;
        gp_note_say(r->o->note, r->o->note_user, "rescue-again", 0,
                    "parts of %s cannot be read: to compute %s again, run `goldpan slices`", what, what);
    }
    return gp_db_exec(r->to, "RELEASE together", err);
}

/* Repairs rows that break a rule. The lost data can be recomputed or restored from the journal. */
static gp_status repair_rows(rescuing *r, gp_error *err)
{
    GP_TRY(gp_db_rules_open(r->to, err));
    for (const gp_db_rule *rule = gp_db_rules; rule->table; rule++)
        if (rule->repair && gp_db_rule_applies(r->to, rule)) GP_TRY(gp_db_exec(r->to, rule->repair, err));
    return GP_OK;
}

static bool may_go_on(void *user)
{
    const gp_rescue_options *o = user;
    return !o->go_on || o->go_on(o->go_on_user);
}

static int watch(void *user)
{
    return !may_go_on(user);
}

/* ------------------------------------------------------------------ the old file */

/* Returns whether a process uses the catalog. A connection in WAL mode holds a lock on the byte DEAD_MAN_SWITCH of the
 * index of the log (-shm). */
static bool in_use(const char *path)
{
    enum { DEAD_MAN_SWITCH = 128 };
    char *name = gp_rescue_name(path, "-shm");
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = DEAD_MAN_SWITCH, .l_len = 1};
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    bool used = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0) close(fd);
    gp_mem_free(name);
    return used;
}

/* Opens the old catalog if it can be read, and creates the new one with the same schema version. */
static gp_status open_both(rescuing *r, gp_rescue_source *source, const char *copy, const char *path,
                           const char *target, gp_error *err)
{
    struct stat info;
    size_t steps = gp_db_all.count;
    const int64_t newest = gp_db_all.list[steps - 1].version;
    GP_TRY(gp_rescue_open(path, copy, source, err));
    bool newer = source->db && (source->version < 1 || source->version > newest);
    if (source->db && !newer)
        while (gp_db_all.list[steps - 1].version > source->version) steps--;
    GP_TRY(gp_db_open(target, GP_CATALOG_CREATE, gp_db_all.list, steps, &r->to, err));
    if (!newer) GP_TRY(gp_rescue_schema(source, r->to, err));
    r->from = newer ? NULL : source->db;
    if (r->from) return GP_OK;
    if (stat(path, &info) == 0)
        gp_note_say(r->o->note, r->o->note_user, "rescue-nothing", 0, "goldpan can read nothing from '%s'%s", path,
                    info.st_size == 0          ? ": it is empty"
                    : newer || source->foreign ? ": it was written by another program or by a newer goldpan"
                                               : ": its first page is damaged, or it is not a catalog");
    gp_note_say(r->o->note, r->o->note_user, "rescue-prompts", 0,
                "if prompts came from a table, read the table again with" ADVICE_TABLE);
    return GP_OK;
}

static gp_status read_from(rescuing *r, const char *path, const char *target, gp_error *err)
{
    gp_rescue_source source = {0};
    char *copy = gp_rescue_name(target, ".copy");
    gp_status st = GP_OK;
    if (!copy) GP_TRY_GOTO(gp_fail_memory(err, "rescuing the catalog"));
    GP_TRY_GOTO(open_both(r, &source, copy, path, target, err));
    if (!r->from) goto out;
    sqlite3_progress_handler(r->from, 20000, watch, (void *)(uintptr_t)r->o);
    GP_TRY_GOTO(gp_db_exec(r->to, "BEGIN IMMEDIATE", err));
    GP_TRY_GOTO(read_core(r, err));
    GP_TRY_GOTO(read_together(r, GP_DB_MAP, "the map", err));
    GP_TRY_GOTO(read_together(r, GP_DB_ANALYSIS, "the analysis", err));
    GP_TRY_GOTO(repair_rows(r, err));
    GP_TRY_GOTO(report_lost_prompts(r, err));
    st = gp_db_exec(r->to, "COMMIT", err);
out:
    gp_rescue_close(&source);
    gp_mem_free(copy);
    return st;
}

/* ------------------------------------------------------------------ files */

/* Removes the index of the log, because SQLite rebuilds it from the log. Removes the log too if it is empty. */
static gp_status remove_index(const char *path, gp_error *err)
{
    struct stat info;
    char *log = gp_rescue_name(path, "-wal");
    if (log && stat(log, &info) == 0 && info.st_size == 0) (void)unlink(log);
    gp_mem_free(log);
    char *name = gp_rescue_name(path, "-shm");
    gp_status st = name ? GP_OK : gp_fail_memory(err, "rescuing the catalog");
    if (st == GP_OK && unlink(name) != 0 && errno != ENOENT)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot remove '%s'", name);
    gp_mem_free(name);
    return st;
}

static gp_status move_if_there(const char *from, const char *end, const char *to, gp_error *err)
{
    char *a = gp_rescue_name(from, end), *b = gp_rescue_name(to, end);
    gp_status st = a && b ? GP_OK : gp_fail_memory(err, "rescuing the catalog");
    if (st == GP_OK && rename(a, b) != 0 && errno != ENOENT)
        st = gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot rename '%s'", a);
    gp_mem_free(a);
    gp_mem_free(b);
    return st;
}

/* Finds an unused name for the old file and writes it to `kept`. */
static gp_status free_name(const char *path, char *kept, size_t size, gp_error *err)
{
    struct stat info;
    for (int n = 1; n < 10000; n++) {
        if (snprintf(kept, size, "%s.damaged-%d", path, n) >= (int)size) break;
        if (lstat(kept, &info) != 0 && errno == ENOENT) return GP_OK;
    }
    return gp_fail_path(err, GP_ERR_IO, "cannot keep the damaged catalog: no free name beside '%s'", path);
}

/* Moves the log before the catalog. If the old log were ever beside the new file, SQLite would apply it to the new
 * file. */
static gp_status put_in_place(const char *made, const char *path, gp_rescue_report *report, gp_error *err)
{
    struct stat info;
    if (lstat(path, &info) == 0) {
        GP_TRY(free_name(path, report->kept, sizeof report->kept, err));
        GP_TRY(remove_index(path, err));
        GP_TRY(move_if_there(path, "-wal", report->kept, err));
        GP_TRY(move_if_there(path, "", report->kept, err));
    } else {
        char kept[sizeof report->kept];
        GP_TRY(free_name(path, kept, sizeof kept, err)); /* for a log whose catalog was deleted */
        GP_TRY(remove_index(path, err));
        GP_TRY(move_if_there(path, "-wal", kept, err));
    }
    if (rename(made, path) != 0)
        return gp_fail_path_errno(err, GP_ERR_IO, errno, "cannot rename '%s' to '%s'", made, path);
    return GP_OK;
}

/* Copies the journal of the old catalog to the journal path of `out`, unless a file exists at that path. */
static gp_status copy_journal(const char *path, const char *out, gp_error *err)
{
    char *from = gp_marks_path(path), *to = gp_marks_path(out);
    struct stat info;
    gp_status st = from && to ? GP_OK : gp_fail_memory(err, "rescuing the catalog");
    if (st == GP_OK && lstat(to, &info) != 0) {
        st = gp_file_copy(from, to, err);
        if (st == GP_ERR_NOT_FOUND) st = GP_OK;
    }
    gp_mem_free(from);
    gp_mem_free(to);
    return st;
}

/* ------------------------------------------------------------------ the whole rescue */

static gp_status merge_journal(const char *path, gp_rescue_report *report, gp_error *err)
{
    gp_catalog *cat = NULL;
    gp_cat_brought b = {0};
    GP_TRY(gp_cat_open(path, 0, &cat, err));
    gp_status st = gp_marks_again(cat, &b, err);
    report->marks = b.marks, report->views = b.views, report->picks = b.picks, report->plans = b.plans;
    report->waiting = b.waiting;
    gp_cat_close(cat);
    return st;
}

static gp_status check_before_rescue(const char *path, const gp_rescue_options *o, gp_rescue_report *report,
                                     gp_error *err)
{
    struct stat info;
    char *journal = gp_marks_path(path);
    if (!journal) return gp_fail_memory(err, "rescuing the catalog");
    bool has_journal = stat(journal, &info) == 0;
    gp_mem_free(journal);
    if (stat(path, &info) != 0) {
        if (has_journal) return GP_OK;
        return gp_fail_path(err, GP_ERR_NOT_FOUND, "there is neither a catalog '%s' nor a journal of marks beside it",
                            path);
    }
    if (!S_ISREG(info.st_mode))
        return gp_fail_path(err, GP_ERR_CATALOG, "'%s' is not a file, so it cannot be a catalog: move it away", path);
    if (in_use(path))
        return gp_fail_path(err, GP_ERR_CATALOG, "catalog '%s' is in use by another process: end that process first",
                            path);
    return gp_cat_sound(path, may_go_on, (void *)(uintptr_t)o, &report->sound, err);
}

gp_status gp_cat_rescue(const char *path, const gp_rescue_options *o, gp_rescue_report *report, gp_error *err)
{
    rescuing r = {.o = o, .report = report};
    struct stat info;
    char *made = NULL;
    *report = (gp_rescue_report){0};
    GP_TRY(check_before_rescue(path, o, report, err));
    if (report->sound && !o->out) return merge_journal(path, report, err);
    if (o->out && lstat(o->out, &info) == 0)
        return gp_fail_path(err, GP_ERR_USAGE, "'%s' exists: name another file for the new catalog", o->out);
    made = gp_rescue_name(o->out ? o->out : path, ".rescued");
    if (!made) return gp_fail_memory(err, "rescuing the catalog");
    gp_rescue_remove(made); /* deletes files left by an earlier rescue that was killed */
    gp_status st = read_from(&r, path, made, err);
    gp_cat_close(r.to);
    if (st == GP_OK) st = o->out ? copy_journal(path, o->out, err) : GP_OK;
    if (st == GP_OK) st = put_in_place(made, o->out ? o->out : path, report, err);
    if (st != GP_OK) gp_rescue_remove(made);
    gp_mem_free(made);
    return st == GP_OK ? merge_journal(o->out ? o->out : path, report, err) : st;
}
