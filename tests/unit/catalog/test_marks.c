/* SPDX-License-Identifier: MIT
 * The journal of marks beside the catalog: the user's decisions survive the loss of the catalog.  After a kill at any
 * point, catalog and journal agree after the next opening. */
#include "analysis_support.h"
#include "catalog/generations.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static gp_cat_rating rating_of(unsigned n, int flag, int stars)
{
    gp_cat_rating r = {.hash = image_of(n).hash, .has_flag = true, .has_stars = true, .flag = flag, .stars = stars};
    return r;
}

static void rate(gp_catalog *cat, unsigned n, int flag, int stars)
{
    gp_error err = {0};
    gp_cat_rating r = rating_of(n, flag, stars);
    assert_ok(gp_cat_ratings_put(cat, &r, 1, NULL, &err));
}

static void plan_one(gp_catalog *cat, const char *key, int64_t got_image)
{
    gp_error err = {0};
    int64_t id = 0;
    gp_cat_gen_state state;
    gp_cat_generation g = {.key = key, .prompt = "a \"red\" fox\n", .number = 2, .has_seed = true, .seed = 7};
    g.protocol = "a1111", g.settings = "{\"steps\":20}";
    assert_ok(gp_cat_begin(cat, &err));
    assert_ok(gp_cat_generation_put(cat, &g, &id, &state, &err));
    assert_ok(gp_cat_commit(cat, &err));
    if (got_image) assert_ok(gp_cat_generation_set(cat, id, GP_CAT_GOT, "/x/got.png", got_image, NULL, &err));
}

/* Adds images 1 to 5, two ratings, a pick (image 1), a view and two plans. */
static void fill_marks(gp_catalog *cat)
{
    gp_error err = {0};
    char name[32];
    int64_t one = 0;
    uint32_t rank = 1;
    const char *reason = "best of its prompt", *category = "animals";
    for (unsigned i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "/x/%u.png", i);
        int64_t id = put_image(cat, i, name);
        if (i == 1) one = id;
    }
    put_scorer(cat, "clip/w", put_encoder(cat, "w"));
    rate(cat, 1, 1, 5);
    rate(cat, 2, -1, 0);
    rate(cat, 3, 1, 0);
    rate(cat, 3, 0, 0); /* removes the rating of image 3 */
    assert_ok(gp_cat_picks_replace(cat, "clip/w", &one, &rank, 1, "per_prompt=1", &reason, &category, &err));
    assert_ok(gp_cat_saved_put(cat, "foxes", "{\"a\":1}", &err));
    assert_ok(gp_cat_saved_put(cat, "gone", "{\"a\":2}", &err));
    assert_ok(gp_cat_saved_put(cat, "gone", NULL, &err));
    plan_one(cat, "0123", one);
    plan_one(cat, "4567", 0);
}

static void assert_marks(gp_catalog *cat)
{
    assert_int_equal(ask(cat, "SELECT count(*) FROM ratings WHERE flag <> 0 OR stars <> 0"), 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE path = '/x/1.png' AND flag = 1 AND stars = 5"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE path = '/x/2.png' AND flag = -1"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM picks k JOIN images i ON i.id = k.image JOIN scorers s ON"
                              " s.id = k.scorer WHERE s.key = 'clip/w' AND k.rule = 'per_prompt=1' AND"
                              " k.reason = 'best of its prompt' AND k.category = 'animals' AND k.rank = 1"),
                     1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM saved"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM saved WHERE name = 'foxes' AND value = '{\"a\":1}'"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM generations WHERE prompt = 'a \"red\" fox' || char(10) AND number"
                              " = 2 AND seed = 7 AND settings = '{\"steps\":20}'"),
                     2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM generations WHERE key = '0123' AND state = 'got' AND"
                              " path = '/x/got.png' AND image IS NOT NULL"),
                     1);
}

static void remove_catalog(const char *name)
{
    char path[512];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", at(name), ends[i]);
        unlink(path);
    }
}

static void test_catalog_lost(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_brought brought;
    struct stat before, after;
    gp_catalog *cat = catalog_open(at("lost.db"), GP_CATALOG_CREATE);
    fill_marks(cat);
    assert_marks(cat);
    gp_cat_close(cat);
    remove_catalog("lost.db");
    cat = catalog_open(at("lost.db"), GP_CATALOG_CREATE);
    assert_int_equal(ask(cat, "SELECT count(*) FROM saved"), 1); /* a saved view needs no image */
    assert_int_equal(ask(cat, "SELECT count(*) FROM ratings"), 0);
    assert_int_equal(ask(cat, "SELECT waiting FROM journal"), 4); /* entries whose images are not in the catalog yet:
                                                                   * two ratings, the picks, one plan */
    put_image(cat, 1, "/x/1.png");
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.marks, 1);
    assert_int_equal(brought.picks, 1);
    assert_int_equal(brought.waiting, 1);
    assert_int_equal(stat(at("lost.marks.jsonl"), &before), 0);
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.marks + brought.picks + brought.plans + brought.views, 0);
    assert_int_equal(brought.waiting, 1);
    assert_int_equal(stat(at("lost.marks.jsonl"), &after), 0);
    assert_int_equal(after.st_ino, before.st_ino); /* nothing changed, so the journal is not rewritten */
    gp_cat_close(cat);
    /* entries whose images are not in the catalog yet stay in the journal when the catalog is opened again */
    cat = catalog_open(at("lost.db"), 0);
    put_image(cat, 2, "/x/2.png");
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.marks, 1);
    assert_int_equal(brought.waiting, 0);
    assert_marks(cat);
    assert_invariants(cat);
    gp_cat_close(cat);
}

/* Another program wrote metadata into the file: the hash of the bytes has changed, but the hash of the compressed
 * pixels has not. By the hash of the compressed pixels, goldpan finds the image to which the marks belong. */
static void test_by_pixels(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_brought brought;
    gp_catalog *cat = catalog_open(at("pixels.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/1.png");
    assert_ok(gp_db_exec(cat, "UPDATE images SET stream = zeroblob(16)", &err));
    rate(cat, 1, 1, 4);
    gp_cat_close(cat);
    remove_catalog("pixels.db");
    cat = catalog_open(at("pixels.db"), GP_CATALOG_CREATE);
    put_image(cat, 77, "/x/1.png");
    assert_ok(gp_db_exec(cat, "UPDATE images SET stream = zeroblob(16)", &err));
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.marks, 1);
    assert_int_equal(ask(cat, "SELECT stars FROM ratings"), 4);
    gp_cat_close(cat);
}

/* The catalog is replaced by an older copy: the newer marks are restored. */
static void test_older_copy(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("copy.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/1.png");
    put_image(cat, 2, "/x/2.png");
    rate(cat, 1, 1, 1);
    char sql[600];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", at("older.db"));
    assert_ok(gp_db_exec(cat, sql, &err));
    rate(cat, 1, 0, 3);
    rate(cat, 2, -1, 0);
    gp_cat_close(cat);
    remove_catalog("copy.db");
    assert_int_equal(rename(at("older.db"), at("copy.db")), 0);
    cat = catalog_open(at("copy.db"), 0);
    assert_int_equal(ask(cat, "SELECT flag * 10 + stars FROM ratings WHERE image = 1"), 3);
    assert_int_equal(ask(cat, "SELECT flag FROM ratings WHERE image = 2"), -1);
    gp_cat_close(cat);
}

/* The journal of a catalog is missing if it was deleted, or if a version of goldpan without journals wrote the catalog.
 * goldpan then writes the whole journal when it next opens the catalog. */
static void test_written_whole(void **state)
{
    (void)state;
    gp_catalog *cat = catalog_open(at("whole.db"), GP_CATALOG_CREATE);
    assert_int_equal(access(at("whole.marks.jsonl"), F_OK), -1); /* a catalog without marks has no journal */
    fill_marks(cat);
    gp_cat_close(cat);
    assert_int_equal(unlink(at("whole.marks.jsonl")), 0);
    gp_cat_close(catalog_open(at("whole.db"), 0));
    remove_catalog("whole.db");
    cat = catalog_open(at("whole.db"), GP_CATALOG_CREATE);
    gp_error err = {0};
    gp_cat_brought brought;
    put_image(cat, 1, "/x/1.png");
    put_image(cat, 2, "/x/2.png");
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_marks(cat);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ killed at each step of one change */

enum { STEP_ROWS, STEP_APPENDED, STEP_COMMITTING, STEP_COMMITTED, STEPS };
static int kill_at;

static void on_update(void *user, int kind, char const *base, char const *table, sqlite3_int64 row)
{
    (void)user, (void)kind, (void)base, (void)row;
    if (kill_at == STEP_ROWS && !strcmp(table, "ratings")) raise(SIGKILL);
    if (kill_at == STEP_APPENDED && !strcmp(table, "journal")) raise(SIGKILL);
}

static int on_commit(void *user)
{
    (void)user;
    if (kill_at == STEP_COMMITTING) raise(SIGKILL);
    return 0;
}

static int on_committed(void *user, sqlite3 *db, const char *name, int pages)
{
    (void)user, (void)db, (void)name, (void)pages;
    if (kill_at == STEP_COMMITTED) raise(SIGKILL);
    return SQLITE_OK;
}

static void rate_and_be_killed(const char *path, int step, unsigned n, int stars)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        gp_error err = {0};
        gp_catalog *cat = NULL;
        gp_cat_rating r = rating_of(n, 1, stars);
        if (gp_cat_open(path, 0, &cat, &err) != GP_OK) _exit(2);
        kill_at = step;
        sqlite3_update_hook(cat->db, on_update, NULL);
        sqlite3_commit_hook(cat->db, on_commit, NULL);
        sqlite3_wal_hook(cat->db, on_committed, NULL);
        _exit(gp_cat_ratings_put(cat, &r, 1, NULL, &err) == GP_OK ? 0 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* Returns a checksum of the ratings. Catalog and journal agree if a catalog made from the journal has the same sum. */
static int64_t marks_sum(gp_catalog *cat)
{
    return ask(cat, "SELECT coalesce(sum((flag + 2) * 100 + stars), 0) FROM ratings WHERE flag <> 0 OR stars <> 0");
}

static void assert_agree(const char *name, const char *journal)
{
    gp_error err = {0};
    gp_cat_brought brought;
    gp_catalog *cat = catalog_open(at(name), 0);
    int64_t sum = marks_sum(cat);
    gp_cat_close(cat);
    char from[512], to[512];
    snprintf(from, sizeof from, "%s", at(journal));
    snprintf(to, sizeof to, "%s", at("other.marks.jsonl"));
    remove_catalog("other.db");
    unlink(to);
    assert_int_equal(link(from, to), 0);
    cat = catalog_open(at("other.db"), GP_CATALOG_CREATE);
    for (unsigned i = 1; i <= 5; i++) {
        char path[32];
        snprintf(path, sizeof path, "/x/%u.png", i);
        put_image(cat, i, path);
    }
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(marks_sum(cat), sum);
    gp_cat_close(cat);
}

static void test_killed_at_each_step(void **state)
{
    (void)state;
    gp_catalog *cat = catalog_open(at("steps.db"), GP_CATALOG_CREATE);
    fill_marks(cat);
    gp_cat_close(cat);
    int stars = 1;
    for (int step = 0; step < STEPS; step++, stars++) {
        rate_and_be_killed(at("steps.db"), step, 4, stars);
        cat = catalog_open(at("steps.db"), 0);
        int64_t now = ask(cat, "SELECT coalesce(max(stars), 0) FROM ratings WHERE image = 4");
        if (step == STEP_COMMITTED) assert_int_equal(now, stars);
        assert_true(now == stars || step == STEP_ROWS); /* a rating that is in the journal is not lost */
        assert_int_equal(ask(cat, "SELECT count(*) FROM ratings WHERE image IN (1, 2) AND flag <> 0"), 2);
        assert_invariants(cat);
        gp_cat_close(cat);
        assert_agree("steps.db", "steps.marks.jsonl");
    }
}

/* The test truncates the journal at every byte of its last line. goldpan must use this line as a whole or not at
 * all. */
static void test_torn(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes bytes = {0};
    gp_catalog *cat = catalog_open(at("torn.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/1.png");
    rate(cat, 1, 1, 1);
    rate(cat, 1, 1, 2);
    gp_cat_close(cat);
    assert_ok(gp_file_read(at("torn.marks.jsonl"), 1 << 20, &bytes, &err));
    size_t last = bytes.size - 1;
    while (bytes.data[last - 1] != '\n') last--;
    for (size_t size = 0; size <= bytes.size; size += size < last - 4 ? 7 : 1) {
        gp_cat_brought brought;
        remove_catalog("torn.db");
        assert_ok(gp_file_replace(at("torn.marks.jsonl"), bytes.data, size, &err));
        cat = catalog_open(at("torn.db"), GP_CATALOG_CREATE);
        put_image(cat, 1, "/x/1.png");
        assert_ok(gp_cat_marks_bring(cat, &brought, &err));
        int64_t stars = ask(cat, "SELECT coalesce(max(stars), 0) FROM ratings");
        if (size >= last) assert_int_equal(stars, size == bytes.size ? 2 : 1);
        rate(cat, 1, 0, 5); /* the next mark begins a new line */
        gp_cat_close(cat);
        gp_marks_file f;
        assert_ok(gp_marks_read(at("torn.marks.jsonl"), &f, &err));
        assert_int_equal(f.bad, 0);
        assert_int_equal(f.count, 1);
        gp_marks_file_clear(&f);
    }
    gp_bytes_clear(&bytes);
}

/* ------------------------------------------------------------------ a journal that cannot be written */

static void test_refused_whole(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("refused.db"), GP_CATALOG_CREATE);
    int64_t image = put_image(cat, 1, "/x/1.png");
    uint32_t rank = 1;
    gp_cat_rating r = rating_of(1, 1, 5);
    put_scorer(cat, "clip/w", put_encoder(cat, "w"));
    /* a folder has the name of the journal, so the journal cannot be written */
    assert_int_equal(mkdir(at("refused.marks.jsonl"), 0700), 0);
    assert_int_equal(gp_cat_ratings_put(cat, &r, 1, NULL, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, at("refused.marks.jsonl")));
    assert_int_equal(gp_cat_saved_put(cat, "v", "{}", &err), GP_ERR_IO);
    assert_int_equal(gp_cat_picks_replace(cat, "clip/w", &image, &rank, 1, "r", NULL, NULL, &err), GP_ERR_IO);
    assert_int_equal(ask(cat, "SELECT (SELECT count(*) FROM ratings) + (SELECT count(*) FROM saved)"
                              " + (SELECT count(*) FROM picks)"),
                     0);
    assert_int_equal(rmdir(at("refused.marks.jsonl")), 0);
    rate(cat, 1, 1, 5);
    gp_cat_close(cat);
    assert_ok(gp_file_replace(at("others.marks.jsonl"), "my own list\n", 12, &err));
    cat = catalog_open(at("others.db"), GP_CATALOG_CREATE); /* a file of another program is never overwritten */
    put_image(cat, 1, "/x/1.png");
    assert_int_equal(gp_cat_ratings_put(cat, &r, 1, NULL, &err), GP_ERR_CATALOG);
    assert_non_null(strstr(err.message, "another program"));
    gp_cat_close(cat);
    gp_bytes bytes = {0};
    assert_ok(gp_file_read(at("others.marks.jsonl"), 100, &bytes, &err));
    assert_string_equal((const char *)bytes.data, "my own list\n");
    gp_bytes_clear(&bytes);
}

/* Makes a commit fail, as on a full disk. The line that is already in the journal must then be removed. */
static int refuse_commit(void *user)
{
    (void)user;
    return 1;
}

static void test_commit_fails(void **state)
{
    (void)state;
    gp_error err = {0};
    struct stat before, after;
    gp_cat_rating r = rating_of(1, 1, 5);
    gp_catalog *cat = catalog_open(at("commit.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/1.png");
    sqlite3_commit_hook(cat->db, refuse_commit, NULL);
    assert_int_not_equal(gp_cat_ratings_put(cat, &r, 1, NULL, &err), GP_OK);
    assert_int_equal(access(at("commit.marks.jsonl"), F_OK), -1);
    sqlite3_commit_hook(cat->db, NULL, NULL);
    rate(cat, 1, 0, 2);
    assert_int_equal(stat(at("commit.marks.jsonl"), &before), 0);
    sqlite3_commit_hook(cat->db, refuse_commit, NULL);
    assert_int_not_equal(gp_cat_ratings_put(cat, &r, 1, NULL, &err), GP_OK);
    assert_int_equal(stat(at("commit.marks.jsonl"), &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    gp_cat_close(cat);
    cat = catalog_open(at("commit.db"), 0);
    assert_int_equal(ask(cat, "SELECT stars FROM ratings"), 2);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ size of the journal, and several processes */

static void test_bounded(void **state)
{
    (void)state;
    struct stat about;
    gp_catalog *cat = catalog_open(at("bounded.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/x/1.png");
    gp_error err = {0};
    gp_cat_rating many[100];
    for (int i = 0; i < 100; i++) many[i] = rating_of(1, 1, i % 6);
    for (int i = 0; i < 30; i++) assert_ok(gp_cat_ratings_put(cat, many, 100, NULL, &err));
    assert_int_equal(stat(at("bounded.marks.jsonl"), &about), 0);
    assert_true(about.st_size > GP_MARKS_FREE);
    gp_cat_close(cat);
    gp_cat_close(catalog_open(at("bounded.db"), 0));
    assert_int_equal(stat(at("bounded.marks.jsonl"), &about), 0);
    assert_true(about.st_size < 1000);
    assert_agree("bounded.db", "bounded.marks.jsonl");
}

static void test_processes(void **state)
{
    (void)state;
    enum { CHILDREN = 4, EACH = 20 };
    gp_catalog *cat = catalog_open(at("many.db"), GP_CATALOG_CREATE);
    for (unsigned i = 1; i <= CHILDREN; i++) {
        char path[32];
        snprintf(path, sizeof path, "/x/%u.png", i);
        put_image(cat, i, path);
    }
    gp_cat_close(cat);
    pid_t children[CHILDREN];
    for (unsigned c = 0; c < CHILDREN; c++) {
        children[c] = fork();
        assert_true(children[c] >= 0);
        if (children[c]) continue;
        gp_error err = {0};
        if (gp_cat_open(at("many.db"), 0, &cat, &err) != GP_OK) _exit(2);
        for (int i = 0; i < EACH; i++) {
            gp_cat_rating r = rating_of(c + 1, 1, i % 6);
            if (gp_cat_ratings_put(cat, &r, 1, NULL, &err) != GP_OK) _exit(3);
        }
        _exit(0);
    }
    for (int c = 0; c < CHILDREN; c++) {
        int status = 0;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_int_equal(status, 0);
    }
    gp_error err = {0};
    gp_marks_file f;
    assert_ok(gp_marks_read(at("many.marks.jsonl"), &f, &err));
    assert_int_equal(f.bad, 0);
    assert_int_equal(f.lines, 1 + CHILDREN * EACH);
    gp_marks_file_clear(&f);
    assert_agree("many.db", "many.marks.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_catalog_lost),
        cmocka_unit_test(test_by_pixels),
        cmocka_unit_test(test_older_copy),
        cmocka_unit_test(test_written_whole),
        cmocka_unit_test(test_killed_at_each_step),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_refused_whole),
        cmocka_unit_test(test_commit_fails),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_processes),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
