/* SPDX-License-Identifier: MIT
 * Checks a catalog: SQLite's integrity check, foreign keys, the rules that SQL can express, and the journal of marks.
 * Opens the catalog read-only and changes nothing. */
#include "base/mem.h"
#include "catalog/db.h"

#include <stdlib.h>
#include <string.h>

#define ADVICE_RESCUE                                                                                                  \
    "`goldpan rescue` makes a new catalog of what can be read and of the journal of marks; the old file is kept"
#define ADVICE_JOURNAL "the next command that writes to the catalog, such as `goldpan add`, writes the journal again"
#define ADVICE_AGREE   "`goldpan rescue` makes the catalog and the journal agree"

typedef struct checking {
    gp_catalog *cat;
    bool (*visit)(void *user, const gp_catalog_problem *problem);
    void *user;
    uint64_t found;
    bool ended; /* the visitor returned false */
} checking;

static void report_problem(checking *c, uint64_t count, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void report_problem(checking *c, uint64_t count, const char *advice, const char *format, ...)
{
    gp_str text = GP_STR_INIT;
    va_list args;
    va_start(args, format);
    gp_str_vprintf(&text, format, args);
    va_end(args);
    c->found++;
    if (!c->ended && c->visit)
        c->ended = !c->visit(c->user, &(gp_catalog_problem){text.data ? text.data : "out of memory", advice, count});
    gp_str_clear(&text);
}

/* ------------------------------------------------------------------ SQLite's integrity check and foreign keys */

static gp_status check_integrity(checking *c, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(c->cat, "PRAGMA integrity_check(10)");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *text = gp_q_col_text(&q, 0);
        if (text && strcmp(text, "ok") != 0)
            report_problem(c, 1, ADVICE_RESCUE, "the file is damaged; SQLite says: %s", text);
    }
    gp_q_end(&q);
    return st;
}

static gp_status check_references(checking *c, gp_error *err)
{
    bool row;
    gp_status st;
    gp_q q = gp_q_open(c->cat, "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2");
    while ((st = gp_q_step(&q, &row, err)) == GP_OK && row) {
        const char *table = gp_q_col_text(&q, 0), *parent = gp_q_col_text(&q, 1);
        uint64_t n = (uint64_t)gp_q_col_int(&q, 2);
        report_problem(c, n, ADVICE_RESCUE, "table '%s' has %llu %s to missing rows of table '%s'", table ? table : "?",
                       (unsigned long long)n, gp_plural(n, "row that refers", "rows that refer"),
                       parent ? parent : "?");
    }
    gp_q_end(&q);
    return st;
}

/* ------------------------------------------------------------------ the rules that SQL can express */

static gp_status check_rules(checking *c, gp_error *err)
{
    GP_TRY(gp_db_rules_open(c->cat, err));
    for (const gp_db_rule *rule = gp_db_rules; rule->table; rule++) {
        int64_t n = 0;
        gp_q q = gp_q_open(c->cat, rule->count);
        GP_TRY(gp_q_one(&q, 0, &n, err));
        if (n > 0) report_problem(c, (uint64_t)n, ADVICE_RESCUE, "%lld %s", (long long)n, rule->what);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the journal of marks */

typedef struct comparison {
    const gp_marks_file *here, *there;
    uint64_t missing, different;
} comparison;

static bool same_text(const gp_json *a, const gp_json *b, const char *name)
{
    const char *x = gp_json_text(gp_json_get(a, name), NULL), *y = gp_json_text(gp_json_get(b, name), NULL);
    return x && y ? strcmp(x, y) == 0 : x == y;
}

static bool same_number(const gp_json *a, const gp_json *b, const char *name)
{
    int64_t x = 0, y = 0;
    (void)gp_json_i64(gp_json_get(a, name), &x);
    (void)gp_json_i64(gp_json_get(b, name), &y);
    return x == y;
}

static int compare_hashes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(gp_hash));
}

/* Returns one hash per pick of a journal line, sorted. Each hash covers how the pick was chosen: rule, time and scorer.
 * Returns NULL if memory ran out. */
static gp_hash *pick_origins(const gp_json *line, size_t count)
{
    const gp_json *picks = gp_json_get(line, "picks");
    gp_str text = GP_STR_INIT;
    gp_hash *by = gp_mem_new(count, sizeof *by);
    for (size_t i = 0; by && i < count; i++) {
        const gp_json *pick = gp_json_at(picks, i), *own = gp_json_get(pick, "scorer");
        const char *rule = gp_json_text(gp_json_get(gp_json_get(pick, "rule") ? pick : line, "rule"), NULL);
        const char *key = gp_json_text(gp_json_get(own ? own : gp_json_get(line, "scorer"), "key"), NULL);
        int64_t at = 0;
        (void)gp_json_i64(gp_json_get(gp_json_get(pick, "at") ? pick : line, "at"), &at);
        gp_str_reset(&text);
        gp_str_printf(&text, "%lld %s\n%s", (long long)at, key ? key : "", rule ? rule : "");
        by[i] = gp_hash_of(text.data, text.size);
    }
    if (by && count) qsort(by, count, sizeof *by, compare_hashes);
    if (text.failed) gp_mem_free(by), by = NULL;
    gp_str_clear(&text);
    return by;
}

/* Compares how the picks of the catalog (`a`) and of the journal (`b`) were chosen. Sets *same if every hash in
 * pick_origins of `a` is also in pick_origins of `b`. `b` may have further picks, of images that are not in the
 * catalog. */
static gp_status same_picks(const gp_json *a, const gp_json *b, bool *same, gp_error *err)
{
    size_t n = gp_json_count(gp_json_get(a, "picks")), more = gp_json_count(gp_json_get(b, "picks")), found = 0;
    gp_hash *x = pick_origins(a, n), *y = pick_origins(b, more);
    gp_status st = x && y ? GP_OK : gp_fail_memory(err, "the journal of marks");
    for (size_t i = 0; st == GP_OK && i < more && found < n; i++) found += compare_hashes(&x[found], &y[i]) == 0;
    *same = found == n;
    gp_mem_free(x);
    gp_mem_free(y);
    return st;
}

static gp_status same_entry(gp_marks_kind kind, const gp_json *a, const gp_json *b, bool *same, gp_error *err)
{
    switch (kind) {
    case GP_MARKS_RATING: *same = same_number(a, b, "flag") && same_number(a, b, "stars"); break;
    case GP_MARKS_TAG: *same = same_number(a, b, "removed"); break;
    case GP_MARKS_VIEW: *same = same_text(a, b, "value"); break;
    case GP_MARKS_PLAN: *same = same_text(a, b, "state") || same_text(b, a, "image"); break;
    case GP_MARKS_PICKS: return same_picks(a, b, same, err);
    }
    return GP_OK;
}

static const gp_marks_entry *find_entry(const gp_marks_file *f, const gp_marks_entry *e)
{
    for (size_t low = 0, high = f->count; low < high;) { /* binary search; gp_marks_sort has sorted the entries of `f`
                                                            by key */
        size_t middle = low + (high - low) / 2;
        int d = memcmp(f->entries[middle].key.bytes, e->key.bytes, sizeof e->key.bytes);
        if (d == 0) return &f->entries[middle];
        if (d < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static gp_status compare_all(comparison *x, gp_error *err)
{
    for (size_t i = 0; i < x->here->count; i++) {
        const gp_marks_entry *e = &x->here->entries[i], *other = find_entry(x->there, e);
        gp_json *a = NULL, *b = NULL;
        bool same = false;
        gp_status st = gp_marks_entry_json(x->here, e, &a, err);
        if (st == GP_OK && other) st = gp_marks_entry_json(x->there, other, &b, err);
        if (st == GP_OK && other) st = same_entry(e->kind, a, b, &same, err);
        x->missing += !other, x->different += other && !same;
        gp_json_free(a);
        gp_json_free(b);
        GP_TRY(st);
    }
    return GP_OK;
}

/* Counts journal entries that have no row in the catalog and that gp_marks_merge would add. */
static gp_status count_missing_rows(checking *c, const gp_marks_file *journal, const gp_marks_file *here, uint64_t *n,
                                    gp_error *err)
{
    for (size_t i = 0; i < journal->count; i++) {
        const gp_marks_entry *e = &journal->entries[i];
        gp_json *o = NULL;
        bool lacks = false;
        if (find_entry(here, e)) continue;
        GP_TRY(gp_marks_entry_json(journal, e, &o, err));
        gp_status st = gp_marks_lacking(c->cat, e->kind, o, &lacks, err);
        gp_json_free(o);
        GP_TRY(st);
        *n += lacks;
    }
    return GP_OK;
}

static gp_status compare_journal(checking *c, const gp_marks_file *journal, gp_marks_file *here, gp_error *err)
{
    comparison x = {.here = here, .there = journal};
    uint64_t lacking = 0;
    GP_TRY(compare_all(&x, err));
    GP_TRY(count_missing_rows(c, journal, here, &lacking, err));
    if (journal->absent && here->count)
        report_problem(c, here->count, ADVICE_JOURNAL, "there is no journal of marks beside the catalog");
    else if (x.missing + x.different)
        report_problem(
            c, x.missing + x.different, ADVICE_AGREE,
            "%llu marks, views, picks or plans of the catalog are missing from the journal of marks or differ from it",
            (unsigned long long)(x.missing + x.different));
    if (lacking)
        report_problem(c, lacking, ADVICE_AGREE,
                       "%llu marks, views, picks or plans of the journal of marks are missing from the catalog",
                       (unsigned long long)lacking);
    return GP_OK;
}

static gp_status check_journal(checking *c, const char *path, gp_error *err)
{
    char *name = gp_marks_path(path);
    gp_str text = GP_STR_INIT;
    gp_marks_file journal = {0}, here = {0};
    gp_status st = name ? GP_OK : gp_fail_memory(err, "the journal of marks");
    if (st == GP_OK) st = gp_marks_read(name, &journal, err);
    if (st != GP_OK) goto out;
    if (journal.foreign)
        report_problem(c, 1, "move that file to another folder",
                       "'%s' is another program's file, not the journal of marks", name);
    if (journal.newer)
        report_problem(c, 1, "use the newer goldpan", "the journal of marks '%s' was written by a newer goldpan", name);
    if (journal.bad && !journal.foreign)
        report_problem(c, journal.bad, ADVICE_AGREE, "%llu lines of the journal of marks '%s' are damaged",
                       (unsigned long long)journal.bad, name);
    if (journal.foreign || journal.newer || !c->cat || c->cat->copy) goto out;
    GP_TRY_GOTO(gp_marks_whole(c->cat, &text, err));
    GP_TRY_GOTO(gp_marks_parse(text.data, text.size, &here, err));
    gp_marks_sort(&journal);
    gp_marks_sort(&here);
    st = compare_journal(c, &journal, &here, err);
out:
    gp_str_clear(&text);
    gp_marks_file_clear(&here);
    gp_marks_file_clear(&journal);
    gp_mem_free(name);
    return st;
}

/* ------------------------------------------------------------------ the whole check */

static gp_status check_rows(checking *c, gp_error *err)
{
    GP_TRY(check_integrity(c, err));
    GP_TRY(check_references(c, err));
    return check_rules(c, err);
}

/* Opens the catalog and checks its rows. If the catalog is too damaged to read, reports that as a problem and sets
 * c->cat to NULL. */
static gp_status check_catalog(checking *c, const char *path, bool (*go_on)(void *user), void *user, gp_error *err)
{
    gp_status st = gp_cat_open(path, GP_CATALOG_READONLY, &c->cat, err);
    if (st == GP_OK) gp_cat_watch(c->cat, go_on, user);
    if (st == GP_OK) st = check_rows(c, err);
    if (st != GP_ERR_CATALOG) return st;
    /* remove the advice at the end of the message, because the argument ADVICE_RESCUE gives the same advice */
    char *end = strstr(err->message, GP_DB_RESCUE);
    if (end) *end = '\0';
    report_problem(c, 1, ADVICE_RESCUE, "%s", err->message);
    gp_cat_close(c->cat); /* do not compare the rows of a damaged catalog with the journal */
    c->cat = NULL;
    return GP_OK;
}

gp_status gp_cat_sound(const char *path, bool (*go_on)(void *user), void *user, bool *sound, gp_error *err)
{
    checking c = {.visit = NULL};
    gp_error why = {0};
    gp_status st = check_catalog(&c, path, go_on, user, &why);
    gp_cat_close(c.cat);
    *sound = c.found == 0;
    return st == GP_OK ? st : gp_fail_as(err, st, &why);
}

gp_status gp_cat_check(const char *path, bool (*go_on)(void *user), void *go_on_user,
                       bool (*visit)(void *user, const gp_catalog_problem *problem), void *user, uint64_t *problems,
                       gp_error *err)
{
    checking c = {.visit = visit, .user = user};
    gp_error why = {0};
    gp_status st = check_catalog(&c, path, go_on, go_on_user, &why);
    if (st == GP_OK) st = check_journal(&c, path, &why);
    if (st == GP_ERR_CATALOG) {
        char *end = strstr(why.message, GP_DB_RESCUE);
        if (end) *end = '\0';
        report_problem(&c, 1, ADVICE_RESCUE, "%s", why.message);
        st = GP_OK;
    }
    gp_cat_close(c.cat);
    *problems = c.found;
    return st == GP_OK ? st : gp_fail_as(err, st, &why);
}
