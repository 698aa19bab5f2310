/* SPDX-License-Identifier: MIT
 * The catalog under failures: a process that is killed while it writes, lack of memory or disk space, files of other
 * programs, newer and older schemas, readers beside a writer.  The head of src/schema/schema.c lists what must
 * hold. */
#include "analysis_support.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* ------------------------------------------------------------------ a writer that is killed */

/* A child process writes batches of BATCH images, each with path, prompt and embedding.  The child reports the number
 * of each committed batch.  The test kills the child at some moment, often inside a batch. */

enum { BATCH = 7, KILLS = 12 };

static void write_batches(const char *path, int told, unsigned first)
{
    gp_error err = {0};
    gp_catalog *cat = NULL;
    if (gp_cat_open(path, GP_CATALOG_CREATE, &cat, &err) != GP_OK) _exit(2);
    gp_cat_encoder encoder = {"test/model", "w", "fp32", "pre", "keep-end", DIMS};
    int64_t by = 0, id = 0;
    if (gp_cat_encoder_put(cat, &encoder, &by, &err) != GP_OK) _exit(2);
    for (unsigned b = first;; b++) {
        if (gp_cat_begin(cat, &err) != GP_OK) _exit(2);
        for (unsigned i = 0; i < BATCH; i++) {
            char name[64];
            bool fresh;
            float v[DIMS] = {1, 0, 0, 0};
            gp_cat_image image = image_of(b * BATCH + i);
            gp_cat_prompt prompt = {.text = name, .raw = name, .source = "a1111", .strength = 2};
            snprintf(name, sizeof name, "/x/%u.png", b * BATCH + i);
            if (gp_cat_image_put(cat, &image, name, 1, 1, &id, &fresh, &err) != GP_OK ||
                gp_cat_prompt_put(cat, id, &prompt, NULL, &err) != GP_OK ||
                gp_cat_image_embedding_put(cat, id, by, v, DIMS, &err) != GP_OK)
                _exit(2);
        }
        if (gp_cat_commit(cat, &err) != GP_OK || write(told, &b, sizeof b) != (ssize_t)sizeof b) _exit(2);
    }
}

/* Starts a child that writes batches. After `batches` reports and `microseconds`, kills the child. Returns the number
 * of the last batch that the child reported. */
static unsigned kill_amid(const char *path, unsigned first, unsigned batches, unsigned microseconds)
{
    int ends[2];
    unsigned b, last = first;
    int status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_batches(path, ends[1], first);
    }
    close(ends[1]);
    for (unsigned n = 0; n < batches; n++) assert_int_equal(read(ends[0], &last, sizeof last), sizeof last);
    usleep(microseconds);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &b, sizeof b) == (ssize_t)sizeof b) last = b;
    close(ends[0]);
    return last;
}

static void test_killed(void **state)
{
    (void)state;
    const char *path = at("killed.db");
    unsigned first = 0;
    for (unsigned k = 0; k < KILLS; k++) {
        unsigned last = kill_amid(path, first, 1 + k % 4, 37 * k);
        gp_catalog *cat = catalog_open(path, 0);
        assert_invariants(cat);
        int64_t images = ask(cat, "SELECT count(*) FROM images");
        assert_int_equal(images % BATCH, 0); /* only complete batches */
        /* the catalog contains at least all batches that the child reported */
        assert_true(images >= (int64_t)(last + 1) * BATCH);
        assert_true(images <= (int64_t)(last + 2) * BATCH);
        assert_int_equal(ask(cat, "SELECT count(*) FROM paths"), images);
        assert_int_equal(ask(cat, "SELECT count(*) FROM image_prompts"), images);
        assert_int_equal(ask(cat, "SELECT count(*) FROM image_embeddings"), images);
        gp_cat_close(cat);
        first = (unsigned)(images / BATCH);
    }
}

/* ------------------------------------------------------------------ a small scenario, for memory and disk */

static bool count_slice(void *user, const gp_analysis_slice *s)
{
    *(size_t *)user += s->title && s->space && s->reasons_json ? s->support : 1000;
    return true;
}

static bool count_group(void *user, const gp_analysis_group *g)
{
    *(size_t *)user += g->reason ? g->count : 1000;
    return true;
}

static bool count_category(void *user, const gp_analysis_category *c)
{
    *(size_t *)user += c->name && c->source ? 1 : 1000;
    return true;
}

/* Writes and reads an analysis and a map.  Every error is returned. */
static gp_status analysis_scenario(gp_catalog *cat, gp_error *err)
{
    enum { N = 16 };
    gp_status st;
    gp_cat_matrix m = {0};
    gp_cat_image_stats *standings = NULL;
    made *a = NULL;
    int64_t *ids = NULL;
    float *vectors = NULL, place[2 * N] = {0};
    char *settings = NULL;
    size_t count = 0, prompts = 0, slices = 0, groups = 0, categories = 0, texts = 0;
    bool known[N] = {false};
    GP_TRY_GOTO(fill(cat, N, "clip/w", err));
    GP_TRY_GOTO(gp_cat_matrix_read(cat, "clip/w", &m, err));
    for (size_t i = 0; i < m.n; i++) texts += m.texts[i] && m.paths[i];
    GP_TRY_GOTO(gp_cat_prompt_vectors(cat, m.encoder, m.prompts, m.n, &ids, &vectors, &prompts, err));
    a = make_analysis("clip/w", m.images, m.n, 5);
    GP_TRY_GOTO(gp_cat_analysis_put(cat, &a->a, err));
    GP_TRY_GOTO(gp_cat_image_stats_all(cat, "clip/w", &standings, &count, err));
    GP_TRY_GOTO(gp_cat_slices_visit(cat, "clip/w", count_slice, &slices, err));
    GP_TRY_GOTO(gp_cat_groups_visit(cat, "clip/w", count_group, &groups, err));
    GP_TRY_GOTO(gp_cat_categories_visit(cat, "clip/w", count_category, &categories, err));
    GP_TRY_GOTO(gp_cat_map_put(cat, m.encoder, "{}", m.images, place, m.n, true, err));
    GP_TRY_GOTO(gp_cat_map_read(cat, m.encoder, m.images, m.n, place, known, &settings, err));
    if (m.n != N || texts != N || prompts != 4 || count != N || slices != 16 + 8 + 5 || groups != 4 ||
        categories != 2 || !known[N - 1])
        st = gp_fail(err, GP_ERR_CATALOG, "the analysis is not as it should be");
out:
    gp_mem_free(settings);
    gp_mem_free(standings);
    gp_mem_free(ids);
    gp_mem_free(vectors);
    gp_cat_matrix_clear(&m);
    if (a) made_clear(a);
    free(a);
    return st;
}

static gp_status scenario(const char *path, unsigned flags, gp_error *err)
{
    gp_status st;
    gp_catalog *cat = NULL;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_cat_matrix m = {0};
    gp_cat_todo todo = {0};
    int64_t image = 0, encoder = 0;
    uint32_t rank = 1;
    bool fresh;
    float v[DIMS] = {1, 0, 0, 0};
    gp_cat_image content = image_of(1);
    gp_cat_prompt prompt = {.text = "a cat", .raw = "a cat", .source = "sidecar", .strength = 1};
    gp_cat_encoder by = {"test/model", "w", "fp32", "pre", "keep-end", DIMS};
    GP_TRY_GOTO(gp_cat_open(path, flags, &cat, err));
    GP_TRY_GOTO(gp_cat_begin(cat, err));
    GP_TRY_GOTO(gp_cat_image_put(cat, &content, "/x/a.png", 1, 1, &image, &fresh, err));
    GP_TRY_GOTO(gp_cat_prompt_put(cat, image, &prompt, NULL, err));
    GP_TRY_GOTO(gp_cat_encoder_put(cat, &by, &encoder, err));
    GP_TRY_GOTO(gp_cat_image_embedding_put(cat, image, encoder, v, DIMS, err));
    GP_TRY_GOTO(gp_cat_prompts_todo(cat, encoder, NULL, 0, 10, &todo, err));
    for (size_t i = 0; i < todo.count; i++)
        GP_TRY_GOTO(gp_cat_prompt_embedding_put(cat, todo.ids[i], encoder, v, DIMS, 3, false, NULL, err));
    gp_cat_scorer scorer = {"clip/w", "clip", "100*max(cos,0)", encoder, true, NULL, "pair"};
    GP_TRY_GOTO(gp_cat_scorer_put(cat, &scorer, err));
    GP_TRY_GOTO(gp_cat_score_put(cat, image, 1, "clip/w", 50, err));
    GP_TRY_GOTO(gp_cat_commit(cat, err));
    GP_TRY_GOTO(gp_cat_matrix_read(cat, "clip/w", &m, err));
    GP_TRY_GOTO(gp_cat_picks_replace(cat, "clip/w", &image, &rank, 1, "per_prompt=1", NULL, NULL, err));
    GP_TRY_GOTO(gp_cat_rows_open(cat, NULL, &rows, err));
    GP_TRY_GOTO(gp_cat_rows_next(rows, &row, err));
    if (!row || row->rank != 1 || !row->picked) st = gp_fail(err, GP_ERR_CATALOG, "the row is not as it should be");
out:
    gp_cat_rows_close(rows);
    gp_cat_matrix_clear(&m);
    gp_cat_todo_clear(&todo);
    gp_cat_close(cat);
    return st;
}

static void test_our_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    for (uint64_t n = 1; n < 1000; n++) {
        int64_t live = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = scenario(at("memory.db"), GP_CATALOG_CREATE, &err);
        bool failed = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), live);
        if (!failed) {
            assert_int_equal(st, GP_OK);
            gp_catalog *cat = catalog_open(at("memory.db"), 0);
            assert_invariants(cat);
            assert_int_equal(ask(cat, "SELECT count(*) FROM scores"), 1);
            gp_cat_close(cat);
            return;
        }
        if (st != GP_ERR_MEMORY) fail_msg("allocation %llu: %s", (unsigned long long)n, err.message);
    }
    fail_msg("never enough memory");
}

static gp_status whole_analysis(const char *path, gp_error *err)
{
    gp_catalog *cat = NULL;
    gp_status st;
    GP_TRY(gp_cat_open(path, GP_CATALOG_CREATE, &cat, err));
    st = analysis_scenario(cat, err);
    gp_cat_close(cat);
    return st;
}

static void test_our_memory_analysis(void **state)
{
    (void)state;
    gp_error err = {0};
    for (uint64_t n = 1; n < 2000; n++) {
        int64_t live = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = whole_analysis(at("memory2.db"), &err);
        bool failed = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), live);
        if (!failed) {
            assert_int_equal(st, GP_OK);
            return;
        }
        if (st != GP_ERR_MEMORY) fail_msg("allocation %llu: %s", (unsigned long long)n, err.message);
    }
    fail_msg("never enough memory");
}

/* The tests wrap SQLite's own allocator, `under`, so that allocation number `sqlite_fail_at` of SQLite fails. */
static sqlite3_mem_methods under;
static int64_t sqlite_calls, sqlite_fail_at;

static bool sqlite_must_fail(void)
{
    return ++sqlite_calls == sqlite_fail_at;
}

static void *sqlite_get(int size)
{
    return sqlite_must_fail() ? NULL : under.xMalloc(size);
}

static void *sqlite_resize(void *old, int size)
{
    return sqlite_must_fail() ? NULL : under.xRealloc(old, size);
}

static void wrap_sqlite(bool on)
{
    assert_int_equal(sqlite3_shutdown(), SQLITE_OK);
    if (on) {
        assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &under), SQLITE_OK);
        sqlite3_mem_methods wrapped = under;
        wrapped.xMalloc = sqlite_get;
        wrapped.xRealloc = sqlite_resize;
        assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped), SQLITE_OK);
    } else {
        assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &under), SQLITE_OK);
    }
    /* The lookaside memory is turned off, because SQLite takes small blocks from it without calling the allocator. */
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, on ? 0 : 1200, on ? 0 : 40), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
}

static void test_sqlite_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    int64_t step = 1, n = 1;
    wrap_sqlite(true);
    for (;; n += step) {
        int64_t live = gp_mem_live();
        sqlite_calls = 0, sqlite_fail_at = n;
        gp_status st = scenario(at("sqlite.db"), GP_CATALOG_CREATE, &err);
        sqlite_fail_at = 0;
        assert_int_equal(gp_mem_live(), live);
        if (st != GP_OK && st != GP_ERR_MEMORY)
            fail_msg("allocation %lld: status %d, %s", (long long)n, (int)st, err.message);
        if (sqlite_calls < n) break;
        if (n > 300) step = 41; /* the first allocations fail one by one, later ones in steps */
    }
    wrap_sqlite(false);
    assert_true(n > 300);
    gp_catalog *cat = catalog_open(at("sqlite.db"), 0);
    /* SQLITE_IOERR_NOMEM must give the status for memory, not the status for I/O */
    assert_int_equal(gp_db_fail(cat, SQLITE_IOERR_NOMEM, &err), GP_ERR_MEMORY);
    assert_invariants(cat);
    assert_int_equal(ask(cat, "SELECT count(*) FROM scores"), 1);
    gp_cat_close(cat);
}

static void test_sqlite_memory_analysis(void **state)
{
    (void)state;
    gp_error err = {0};
    int64_t n = 1;
    wrap_sqlite(true);
    assert_int_equal(whole_analysis(at("sqlite2.db"), &err), GP_OK); /* the test creates the schema first, so that all
                                                                      * later allocations belong to the analysis */
    for (;; n += n > 300 ? 41 : 1) {
        int64_t live = gp_mem_live();
        sqlite_calls = 0, sqlite_fail_at = n;
        gp_status st = whole_analysis(at("sqlite2.db"), &err);
        sqlite_fail_at = 0;
        assert_int_equal(gp_mem_live(), live);
        if (st != GP_OK && st != GP_ERR_MEMORY)
            fail_msg("allocation %lld: status %d, %s", (long long)n, (int)st, err.message);
        if (sqlite_calls < n) break;
    }
    wrap_sqlite(false);
    assert_true(n > 300);
    gp_catalog *cat = catalog_open(at("sqlite2.db"), 0);
    assert_whole(cat, 1, 16);
    assert_invariants(cat);
    gp_cat_close(cat);
}

static void test_disk_full(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("full.db"), GP_CATALOG_CREATE);
    int64_t pages = ask(cat, "PRAGMA page_count"), id = 0, whole = 0;
    char sql[64], name[64];
    bool fresh, full = false;
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + 4);
    ask(cat, sql);
    for (unsigned b = 0; b < 1000 && !full; b++) {
        assert_ok(gp_cat_begin(cat, &err));
        gp_status st = GP_OK;
        for (unsigned i = 0; i < BATCH && st == GP_OK; i++) {
            gp_cat_image image = image_of(b * BATCH + i);
            snprintf(name, sizeof name, "/x/%u.png", b * BATCH + i);
            st = gp_cat_image_put(cat, &image, name, 1, 1, &id, &fresh, &err);
        }
        if (st == GP_OK) st = gp_cat_commit(cat, &err);
        full = st != GP_OK;
        if (!full) {
            whole += BATCH;
            continue;
        }
        assert_int_equal(st, GP_ERR_IO);
        assert_non_null(strstr(err.message, "no space"));
        assert_non_null(strstr(err.message, at("full.db")));
        gp_cat_rollback(cat);
    }
    assert_true(full && whole > 0);
    /* the catalog handle still works: the catalog contains the earlier commits, but not the failed batch */
    assert_invariants(cat);
    assert_int_equal(ask(cat, "SELECT count(*) FROM images"), whole);
    ask(cat, "PRAGMA max_page_count = 1000000");
    put_image(cat, 99999, "/x/there is room again.png");
    assert_int_equal(ask(cat, "SELECT count(*) FROM images"), whole + 1);
    gp_cat_close(cat);
}

/* A statement that returns a row (INSERT ... RETURNING) writes only when it ends. If this write fails, goldpan must
 * report the cause. The test simulates a full disk by a limit on file sizes. */
static void test_full_after_row(void **state)
{
    (void)state;
    gp_error err = {0};
    int64_t id = 0;
    struct rlimit whole, none;
    gp_catalog *cat = catalog_open(at("row.db"), GP_CATALOG_CREATE);
    gp_cat_encoder encoder = {"test/model", "w", "fp32", "pre", "keep-end", DIMS};
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    none = whole, none.rlim_cur = 1;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    gp_status st = gp_cat_encoder_put(cat, &encoder, &id, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    signal(SIGXFSZ, before);
    assert_int_equal(st, GP_ERR_IO);
    if (!strstr(err.message, "no space left")) fail_msg("'%s' does not name the cause", err.message);
    assert_int_equal(ask(cat, "SELECT count(*) FROM encoders"), 0);
    assert_ok(gp_cat_encoder_put(cat, &encoder, &id, &err)); /* the handle still works */
    assert_int_equal(ask(cat, "SELECT count(*) FROM encoders"), 1);
    gp_cat_close(cat);
}

/* goldpan converts SQLite's result codes to the right status and message. */
static void test_codes(void **state)
{
    (void)state;
    static const struct {
        int rc;
        gp_status status;
        const char *words;
    } codes[] = {{SQLITE_FULL, GP_ERR_IO, "no space left"},
                 {SQLITE_IOERR_SHMSIZE, GP_ERR_IO, "no space left"},
                 {SQLITE_IOERR_WRITE, GP_ERR_IO, "cannot read or write"},
                 {SQLITE_IOERR_NOMEM, GP_ERR_MEMORY, "out of memory"},
                 {SQLITE_NOMEM, GP_ERR_MEMORY, "out of memory"},
                 {SQLITE_READONLY, GP_ERR_IO, "read-only"},
                 {SQLITE_READONLY_DBMOVED, GP_ERR_IO, "moved or deleted"},
                 {SQLITE_CANTOPEN, GP_ERR_IO, "cannot open"},
                 {SQLITE_CORRUPT, GP_ERR_CATALOG, "rescue"},
                 {SQLITE_CORRUPT_INDEX, GP_ERR_CATALOG, "rescue"},
                 {SQLITE_NOTADB, GP_ERR_CATALOG, "not a goldpan catalog"},
                 {SQLITE_BUSY, GP_ERR_CATALOG, "another process"},
                 {SQLITE_BUSY_SNAPSHOT, GP_ERR_CATALOG, "another process"},
                 {SQLITE_LOCKED, GP_ERR_CATALOG, "another process"},
                 {SQLITE_INTERRUPT, GP_ERR_STOPPED, "stopped"},
                 {SQLITE_TOOBIG, GP_ERR_LIMIT, "too large"}};
    gp_catalog *cat = catalog_open(at("codes.db"), GP_CATALOG_CREATE);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        gp_error err = {0};
        assert_int_equal(gp_db_fail(cat, codes[i].rc, &err), codes[i].status);
        if (!strstr(err.message, codes[i].words)) fail_msg("code %d: '%s'", codes[i].rc, err.message);
        assert_non_null(strstr(err.message, at("codes.db")));
    }
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ several handles of one catalog */

static void test_reader_beside_writer(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *writer = catalog_open(at("both.db"), GP_CATALOG_CREATE);
    put_image(writer, 1, "/x/a.png");
    put_image(writer, 2, "/x/b.png");
    gp_catalog *reader = catalog_open(at("both.db"), GP_CATALOG_READONLY);
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    assert_ok(gp_cat_rows_open(reader, NULL, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_non_null(row);
    assert_ok(gp_cat_begin(writer, &err)); /* the open cursor does not block the writer and does not see its changes */
    put_image(writer, 3, "/x/c.png");
    assert_int_equal(ask(reader, "SELECT count(*) FROM images"), 2);
    assert_ok(gp_cat_commit(writer, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_non_null(row);
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);
    assert_int_equal(ask(reader, "SELECT count(*) FROM images"), 3);
    gp_cat_close(reader);
    gp_cat_close(writer);
}

static void test_two_writers(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *one = catalog_open(at("two.db"), GP_CATALOG_CREATE), *two = catalog_open(at("two.db"), 0);
    assert_ok(gp_cat_begin(one, &err));
    put_image(one, 1, "/x/a.png");
    sqlite3_busy_timeout(two->db, 20); /* a short time-out instead of ten seconds */
    assert_int_equal(gp_cat_begin(two, &err), GP_ERR_CATALOG);
    assert_non_null(strstr(err.message, "locked"));
    assert_ok(gp_cat_commit(one, &err));
    assert_ok(gp_cat_begin(two, &err));
    put_image(two, 2, "/x/b.png");
    assert_ok(gp_cat_commit(two, &err));
    assert_int_equal(ask(one, "SELECT count(*) FROM images"), 2);
    gp_cat_close(one);
    gp_cat_close(two);
}

/* If several processes find no catalog and create it at the same moment, all of them open the same catalog. */
static void test_created_at_once(void **state)
{
    (void)state;
    enum { ROUNDS = 12, CREATORS = 6 };
    for (int round = 0; round < ROUNDS; round++) {
        char path[512];
        int gate[2], status = 0;
        snprintf(path, sizeof path, "%s/at once %d.db", test_folder, round);
        assert_int_equal(pipe(gate), 0);
        pid_t children[CREATORS];
        for (unsigned c = 0; c < CREATORS; c++) {
            children[c] = fork();
            assert_true(children[c] >= 0);
            if (children[c]) continue;
            gp_catalog *cat = NULL;
            gp_error err = {0};
            char go;
            close(gate[1]);
            /* all processes wait here until the pipe is closed, so that they start at once */
            if (read(gate[0], &go, 1) != 0) _exit(3);
            if (gp_cat_open(path, GP_CATALOG_CREATE, &cat, &err) != GP_OK) {
                fprintf(stderr, "creator %u: %s\n", c, err.message);
                _exit(2);
            }
            put_image(cat, c, path);
            gp_cat_close(cat);
            _exit(0);
        }
        close(gate[0]);
        close(gate[1]);
        for (int c = 0; c < CREATORS; c++) {
            assert_int_equal(waitpid(children[c], &status, 0), children[c]);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), 0);
        }
        gp_catalog *cat = catalog_open(path, 0);
        assert_invariants(cat);
        assert_int_equal(ask(cat, "SELECT count(*) FROM images"), CREATORS);
        assert_int_equal(ask(cat, "PRAGMA page_size"), 16384);
        gp_cat_close(cat);
    }
}

static void test_readonly(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_counts counts = GP_INIT(gp_counts);
    assert_int_equal(gp_cat_open(at("absent.db"), GP_CATALOG_READONLY, &cat, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(gp_cat_open(at("absent.db"), 0, &cat, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(access(at("absent.db"), F_OK), -1);
    assert_int_equal(gp_cat_open(at("x.db"), GP_CATALOG_READONLY | GP_CATALOG_CREATE, &cat, &err), GP_ERR_USAGE);
    cat = catalog_open(at("readonly.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/a.png");
    gp_cat_close(cat);
    cat = catalog_open(at("readonly.db"), GP_CATALOG_READONLY);
    assert_ok(gp_cat_counts(cat, &counts, &err));
    assert_int_equal(counts.images, 1);
    int64_t id = 0;
    bool fresh;
    gp_cat_image image = image_of(2);
    assert_int_equal(gp_cat_image_put(cat, &image, "/x/b.png", 1, 1, &id, &fresh, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "read-only"));
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ files that are not a catalog */

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void assert_refused(const char *path, const char *words)
{
    static const unsigned flags[] = {0, GP_CATALOG_READONLY, GP_CATALOG_CREATE};
    for (size_t i = 0; i < 3; i++) {
        gp_error err = {0};
        gp_catalog *cat = NULL;
        assert_int_equal(gp_cat_open(path, flags[i], &cat, &err), GP_ERR_CATALOG);
        assert_null(cat);
        assert_non_null(strstr(err.message, path));
        if (!strstr(err.message, words)) fail_msg("'%s' does not say '%s'", err.message, words);
    }
}

static void test_other_files(void **state)
{
    (void)state;
    char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)(i * 7 + 1);
    write_file(at("noise.db"), noise, sizeof noise);
    assert_refused(at("noise.db"), "not a goldpan catalog");
    char after[4096];
    FILE *f = fopen(at("noise.db"), "rb");
    assert_non_null(f);
    assert_int_equal(fread(after, 1, sizeof after, f), sizeof after);
    fclose(f);
    assert_memory_equal(noise, after, sizeof noise); /* the file is unchanged */
    run_sql(at("others.db"), "CREATE TABLE bookmarks(url TEXT)");
    assert_refused(at("others.db"), "another program");
    gp_cat_close(catalog_open(at("newer.db"), GP_CATALOG_CREATE));
    run_sql(at("newer.db"), "PRAGMA user_version = 99");
    assert_refused(at("newer.db"), "newer goldpan");
    assert_refused(test_folder, "folder");
}

static void test_damaged(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("damaged.db"), GP_CATALOG_CREATE);
    gp_counts counts = GP_INIT(gp_counts);
    assert_ok(gp_cat_begin(cat, &err));
    for (unsigned i = 0; i < 3000; i++) {
        char name[64];
        snprintf(name, sizeof name, "/x/%u.png", i);
        put_image(cat, i, name);
    }
    assert_ok(gp_cat_commit(cat, &err));
    ask(cat, "PRAGMA wal_checkpoint(TRUNCATE)");
    gp_cat_close(cat);
    FILE *f = fopen(at("damaged.db"), "r+b"); /* the test overwrites every page of data, but not the schema */
    assert_non_null(f);
    char bad[16384];
    memset(bad, 0xa5, sizeof bad);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    for (long at_page = 16384; at_page < size; at_page += 16384) {
        fseek(f, at_page, SEEK_SET);
        assert_int_equal(fwrite(bad, 1, sizeof bad, f), sizeof bad);
    }
    fclose(f);
    gp_status st = gp_cat_open(at("damaged.db"), 0, &cat, &err);
    if (st == GP_OK) {
        st = gp_cat_counts(cat, &counts, &err);
        gp_cat_close(cat);
    }
    assert_int_equal(st, GP_ERR_CATALOG);
    assert_non_null(strstr(err.message, "damaged"));
}

/* ------------------------------------------------------------------ schemas */

static void test_migration(void **state)
{
    (void)state;
    static const gp_db_step one[] = {{1, "CREATE TABLE a(x INTEGER) STRICT; INSERT INTO a VALUES(5);"}};
    static const gp_db_step two[] = {{1, "SELECT nonsense"},
                                     {2, "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;"}};
    static const gp_db_step bad[] = {{1, ""}, {2, ""}, {3, "UPDATE a SET y = 0; SELECT nonsense"}};
    gp_error err = {0};
    gp_catalog *cat = NULL;
    assert_ok(gp_db_open(at("steps.db"), GP_CATALOG_CREATE, one, 1, &cat, &err));
    gp_cat_close(cat);
    /* goldpan migrates a temporary copy of the catalog, not the file */
    assert_ok(gp_db_open(at("steps.db"), GP_CATALOG_READONLY, two, 2, &cat, &err));
    assert_int_equal(ask(cat, "SELECT y FROM a"), 6);
    assert_int_equal(gp_db_exec(cat, "DELETE FROM a", NULL), GP_ERR_IO);
    gp_cat_close(cat);
    assert_ok(gp_db_open(at("steps.db"), 0, two, 2, &cat, &err));
    assert_int_equal(ask(cat, "SELECT y FROM a"), 6);
    assert_int_equal(ask(cat, "PRAGMA user_version"), 2);
    gp_cat_close(cat);
    cat = NULL;
    assert_int_not_equal(gp_db_open(at("steps.db"), 0, bad, 3, &cat, &err), GP_OK); /* all steps or none */
    assert_null(cat);
    assert_ok(gp_db_open(at("steps.db"), 0, two, 2, &cat, &err));
    assert_int_equal(ask(cat, "SELECT y FROM a"), 6);
    gp_cat_close(cat);
}

/* The same weights under another name, folder or hub are the same encoder. The encoder gets the name that was used
 * last. */
static void test_name_is_no_identity(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("name.db"), GP_CATALOG_CREATE);
    int64_t first = put_encoder(cat, "w"), again = 0, image = put_image(cat, 1, "/x/a.png");
    uint64_t todo = 0, have = 0;
    char *model = NULL;
    float v[DIMS] = {1, 0, 0, 0};
    assert_ok(gp_cat_image_embedding_put(cat, image, first, v, DIMS, &err));
    gp_cat_encoder encoder = {"/models/by folder", "w", "fp32", "pre", "keep-end", DIMS};
    assert_ok(gp_cat_encoder_put(cat, &encoder, &again, &err));
    assert_int_equal(first, again);
    assert_ok(gp_cat_images_todo_count(cat, again, false, &todo, &have, &err));
    assert_int_equal(todo, 0);
    assert_int_equal(have, 1);
    put_scorer(cat, "clip/w", again);
    assert_ok(gp_cat_scorer_model(cat, NULL, &model, &err));
    assert_string_equal(model, "/models/by folder");
    gp_mem_free(model);
    const gp_cat_encoder others[] = {{"/models/by folder", "v", "fp32", "pre", "keep-end", DIMS},
                                     {"/models/by folder", "w", "bf16", "pre", "keep-end", DIMS},
                                     {"/models/by folder", "w", "fp32", "other", "keep-end", DIMS},
                                     {"/models/by folder", "w", "fp32", "pre", "cut", DIMS}};
    for (size_t i = 0; i < 4; i++) {
        assert_ok(gp_cat_encoder_put(cat, &others[i], &again, &err));
        assert_int_not_equal(first, again);
    }
    assert_int_equal(ask(cat, "SELECT count(*) FROM encoders"), 5);
    gp_cat_close(cat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_our_memory),
        cmocka_unit_test(test_sqlite_memory),
        cmocka_unit_test(test_our_memory_analysis),
        cmocka_unit_test(test_sqlite_memory_analysis),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_full_after_row),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_reader_beside_writer),
        cmocka_unit_test(test_two_writers),
        cmocka_unit_test(test_created_at_once),
        cmocka_unit_test(test_readonly),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_migration),
        cmocka_unit_test(test_name_is_no_identity),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
