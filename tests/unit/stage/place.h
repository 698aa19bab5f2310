/* SPDX-License-Identifier: MIT
 * A folder of small images and a catalog beside it, for tests that run whole stages through the functions of
 * goldpan.h. */
#ifndef GP_TESTS_STAGE_PLACE_H
#define GP_TESTS_STAGE_PLACE_H

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "image/image.h"
#include "png.h"
#include "support.h"

#include <sqlite3.h>
#include <sys/stat.h>

typedef struct place {
    char root[64], pictures[96], catalog[96];
} place;

static gp_model *model; /* the bundled model, which open_model opens once for all tests, and close_model closes */

static inline void place_make(place *p)
{
    strcpy(p->root, "/tmp/goldpan-stage-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    snprintf(p->pictures, sizeof p->pictures, "%s/pictures", p->root);
    snprintf(p->catalog, sizeof p->catalog, "%s/catalog.db", p->root);
    mkdir(p->pictures, 0755);
}

static inline void place_remove(const place *p)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", p->root);
    assert_int_equal(system(command), 0);
}

static inline const char *in(const place *p, const char *name)
{
    static char buffers[4][256];
    static int turn;
    char *out = buffers[turn++ & 3];
    snprintf(out, sizeof buffers[0], "%s/%s", p->pictures, name);
    return out;
}

static inline void put_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static inline void put_text(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

/* Writes the prompt of an image to a text file beside it. */
static inline void put_prompt(const place *p, const char *name, const char *prompt)
{
    char side[256];
    snprintf(side, sizeof side, "%s", in(p, name));
    strcpy(strrchr(side, '.'), ".txt");
    put_text(side, prompt);
}

/* Writes an image whose content depends on `seed`, and its prompt to a text file beside it (NULL: no text file). */
static inline void put_picture(const place *p, const char *name, uint64_t seed, const char *prompt)
{
    enum { SIDE = 48 };
    uint8_t rgb[SIDE * SIDE * 3];
    for (size_t i = 0; i < sizeof rgb; i++) rgb[i] = (uint8_t)(gp_rng_at(seed, i / 97) >> 56);
    png_write(in(p, name), rgb, SIDE, SIDE);
    if (prompt) put_prompt(p, name, prompt);
}

static inline void put_many(const place *p, size_t n)
{
    static const char *const prompts[] = {"a red cat", "two blue cars", "a house on a beach", "three eggs"};
    for (size_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03zu.png", i);
        put_picture(p, name, i + 1, prompts[i % 4]);
    }
}

/* Returns a number from the catalog by plain SQL. */
static inline int64_t ask(const place *p, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_open(p->catalog, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return value;
}

/* Adds a folder to the catalog; `note` may be NULL. */
static inline gp_report add_to(gp_catalog *cat, const char *folder, gp_note_fn note, void *user)
{
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_add_options o = GP_ADD_DEFAULTS;
    o.roots = &folder, o.root_count = 1, o.note = note, o.note_user = user;
    assert_ok(gp_add(cat, &o, &report, &err));
    return report;
}

/* Adds a folder to the catalog of `p`; `note` may be NULL. */
static inline gp_report add_folder(const place *p, const char *folder, gp_note_fn note, void *user)
{
    gp_catalog *cat = NULL;
    gp_error err = {0};
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, &err));
    gp_report report = add_to(cat, folder, note, user);
    gp_catalog_close(cat);
    return report;
}

typedef struct plan {
    int threads, batch;
    const char *prompts;
    uint64_t max_pixels;
    gp_progress_fn progress;
    void *user;
    bool only_score; /* the run stops only during the step `score` */
} plan;

/* All parts of gp_run_report. */
typedef struct run_counts {
    gp_report add, score, pick, sheet;
    gp_analyze_report find;
    gp_counts counts;
    gp_pick_strategy strategy;
} run_counts;

static inline gp_status run_counted(gp_catalog *cat, const gp_run_options *o, run_counts *counts, gp_error *err)
{
    gp_run_report report = GP_INIT(gp_run_report);
    run_counts none;
    if (!counts) counts = &none;
    *counts = (run_counts){.add = GP_INIT(gp_report),
                           .score = GP_INIT(gp_report),
                           .pick = GP_INIT(gp_report),
                           .sheet = GP_INIT(gp_report),
                           .find = GP_INIT(gp_analyze_report),
                           .counts = GP_INIT(gp_counts)};
    report.add = &counts->add, report.score = &counts->score, report.pick = &counts->pick;
    report.sheet = &counts->sheet, report.analysis = &counts->find, report.counts = &counts->counts;
    gp_status st = gp_run(cat, model, o, &report, err);
    counts->strategy = report.strategy;
    return st;
}

static inline gp_status run_plan(const place *p, const plan *how, run_counts *report, gp_error *err)
{
    gp_catalog *cat = NULL;
    gp_run_options o = GP_RUN_DEFAULTS;
    gp_add_options add = GP_ADD_DEFAULTS;
    gp_score_options score = GP_SCORE_DEFAULTS;
    const char *roots[] = {p->pictures};
    add.roots = roots, add.root_count = 1, o.add = &add, o.score = &score;
    if (how) {
        add.prompts = how->prompts;
        add.threads = score.threads = how->threads;
        score.batch = how->batch;
        if (how->max_pixels) add.max_pixels = score.max_pixels = how->max_pixels;
        add.progress = how->only_score ? NULL : how->progress;
        score.progress = how->progress;
        add.user = score.user = how->user;
    }
    gp_status st = gp_catalog_open(p->catalog, GP_CATALOG_CREATE, &cat, err);
    if (st == GP_OK) st = run_counted(cat, &o, report, err);
    gp_catalog_close(cat);
    return st;
}

/* Returns all rows as text, in order of path: name, prompt, source, all bits of the score, rank, pick, failure. */
static inline char *dump(const place *p)
{
    gp_catalog *cat = NULL;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_query q = GP_QUERY_DEFAULTS;
    gp_str s = GP_STR_INIT;
    gp_error err = {0};
    q.order = GP_ORDER_PATH;
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_READONLY, &cat, &err));
    assert_ok(gp_rows_open(cat, &q, &rows, &err));
    for (;;) {
        assert_ok(gp_rows_next(rows, &row, &err));
        if (!row) break;
        gp_str_printf(&s, "%s|%s|%s|%d|%a|%u/%u|%d|%s\n", gp_path_base(row->path), row->prompt ? row->prompt : "-",
                      row->prompt_source ? row->prompt_source : "-", row->has_score, row->score, row->rank,
                      row->candidates, row->picked, row->failure ? row->failure : "-");
    }
    gp_rows_close(rows);
    gp_catalog_close(cat);
    return gp_str_take(&s);
}

static inline gp_counts counts_of(const place *p)
{
    gp_catalog *cat = NULL;
    gp_counts counts = GP_INIT(gp_counts);
    gp_error err = {0};
    assert_ok(gp_catalog_open(p->catalog, GP_CATALOG_READONLY, &cat, &err));
    assert_ok(gp_catalog_counts(cat, &counts, &err));
    gp_catalog_close(cat);
    return counts;
}

static inline int open_model(void **state)
{
    (void)state;
    gp_error err = {0};
    return gp_model_open(source_path("models/drawn-world-mini"), NULL, &model, &err) == GP_OK ? 0 : -1;
}

static inline int close_model(void **state)
{
    (void)state;
    gp_model_close(model);
    return 0;
}

#endif
