/* SPDX-License-Identifier: MIT
 * check and rescue: damage to each page of a catalog in turn, truncated and missing files, a catalog in use. */
#include "analysis_support.h"
#include "base/file.h"
#include "catalog/generations.h"
#include "sanitized.h"
#include <signal.h>
#include <sys/wait.h>

enum { IMAGES = 40 };

static void fill_catalog(const char *path)
{
    gp_error err = {0};
    gp_catalog *cat = catalog_open(path, GP_CATALOG_CREATE);
    assert_ok(fill(cat, IMAGES, "clip/w", &err));
    const char *units = "UPDATE image_embeddings SET vector = x'0000803f000000000000000000000000';"
                        "UPDATE prompt_embeddings SET vector = x'000000000000803f0000000000000000'";
    assert_ok(gp_db_exec(cat, units, &err));
    gp_cat_matrix m = {0};
    assert_ok(gp_cat_matrix_read(cat, "clip/w", &m, &err));
    uint32_t ranks[3] = {1, 1, 1};
    assert_ok(gp_cat_picks_replace(cat, "clip/w", m.images, ranks, 3, "r", NULL, NULL, &err));
    for (int i = 0; i < 10; i++) {
        gp_cat_rating r = {
            .hash = m.hashes[i], .has_flag = true, .has_stars = true, .flag = i % 3 - 1, .stars = 1 + i % 5};
        assert_ok(gp_cat_ratings_put(cat, &r, 1, NULL, &err));
    }
    assert_ok(gp_cat_saved_put(cat, "v", "{}", &err));
    put_analysis(cat, "clip/w", m.images, m.n, 5);
    /* the last page of the file belongs to the index of this table, so this row is lost if the file is truncated */
    gp_cat_generation g = {.key = "0123", .prompt = "p", .protocol = "a1111", .settings = "{}"};
    gp_cat_gen_state planned;
    int64_t id;
    assert_ok(gp_cat_begin(cat, &err));
    assert_ok(gp_cat_generation_put(cat, &g, &id, &planned, &err));
    assert_ok(gp_cat_commit(cat, &err));
    /* a second hash for each image, as if another program had written metadata into the file of the image */
    assert_ok(gp_db_exec(cat, "INSERT INTO contents(hash, image) SELECT randomblob(16), id FROM images", &err));
    assert_ok(gp_db_exec(
        cat, "INSERT INTO image_quality SELECT id, 1, 2, 0.3, 0.4, 5, 0.6, 'normal' FROM images WHERE id <= 20", &err));
    gp_cat_matrix_clear(&m);
    gp_cat_close(cat);
}

static bool count_problem(void *user, const gp_catalog_problem *p)
{
    assert_true(p->what && *p->what && p->advice && *p->advice);
    ++*(int *)user;
    if (getenv("GOLDPAN_TEST_TALK")) printf("%s\n", p->what);
    return true;
}

static uint64_t problems_of(const char *path)
{
    gp_error err = {0};
    uint64_t problems = 0;
    int told = 0;
    assert_ok(gp_cat_check(path, NULL, NULL, count_problem, &told, &problems, &err));
    assert_int_equal(told, problems);
    return problems;
}

/* Does what `add` does after a rescue: adds images if their rows were lost, then merges the waiting marks. */
static void add_again(gp_catalog *cat, const gp_cat_image *images, size_t count)
{
    gp_error err = {0};
    gp_cat_brought b;
    for (size_t i = 0; i < count; i++) {
        char name[64];
        int64_t id;
        bool fresh;
        snprintf(name, sizeof name, "/x/again-%zu.png", i);
        assert_ok(gp_cat_image_put(cat, &images[i], name, 1, 1, &id, &fresh, &err));
    }
    assert_ok(gp_cat_marks_bring(cat, &b, &err));
    assert_int_equal(b.waiting, 0);
}

#define MARKS                                                                                                          \
    "SELECT (SELECT sum((r.flag + 2) * 100 + r.stars) FROM ratings r) * 1000 + (SELECT count(*) FROM picks) * 10"      \
    " + (SELECT count(*) FROM saved)"

static size_t read_images(const char *path, gp_cat_image *images)
{
    size_t n = 0;
    gp_catalog *cat = catalog_open(path, GP_CATALOG_READONLY);
    sqlite3_stmt *q = NULL;
    assert_int_equal(sqlite3_prepare_v2(cat->db, "SELECT hash FROM images", -1, &q, NULL), SQLITE_OK);
    for (; sqlite3_step(q) == SQLITE_ROW && n < IMAGES; n++) {
        images[n] = (gp_cat_image){.bytes = 1, .format = "png", .width = 1, .height = 1};
        memcpy(images[n].hash.bytes, sqlite3_column_blob(q, 0), sizeof images[n].hash.bytes);
    }
    sqlite3_finalize(q);
    gp_cat_close(cat);
    return n;
}

static void write_copy(const char *name, const gp_bytes *db, const gp_bytes *journal)
{
    gp_error err = {0};
    char path[600];
    snprintf(path, sizeof path, "%s.marks.jsonl", at(name));
    assert_ok(gp_file_replace(path, journal->data, journal->size, &err));
    snprintf(path, sizeof path, "%s.db", at(name));
    assert_ok(gp_file_replace(path, db->data, db->size, &err));
}

static void rescue_and_look(const char *path, const gp_cat_image *images, size_t count, int64_t marks)
{
    gp_error err = {0};
    const gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    assert_ok(gp_cat_rescue(path, &options, &report, &err));
    gp_catalog *cat = catalog_open(path, 0);
    assert_invariants(cat);
    add_again(cat, images, count);
    assert_int_equal(ask(cat, MARKS), marks);
    gp_cat_close(cat);
    assert_int_equal(problems_of(path), 0);
    if (report.kept[0]) assert_int_equal(access(report.kept, F_OK), 0);
    unlink(report.kept);
    unlink(path);
}

static void test_every_page(void **state)
{
    (void)state;
    enum { PAGE = 16384 };
    gp_error err = {0};
    gp_bytes db = {0}, journal = {0};
    gp_cat_image images[IMAGES];
    fill_catalog(at("whole.db"));
    assert_int_equal(problems_of(at("whole.db")), 0);
    size_t count = read_images(at("whole.db"), images);
    gp_catalog *cat = catalog_open(at("whole.db"), GP_CATALOG_READONLY);
    int64_t marks = ask(cat, MARKS);
    gp_cat_close(cat);
    assert_ok(gp_file_read(at("whole.db"), 1 << 28, &db, &err));
    assert_ok(gp_file_read(at("whole.marks.jsonl"), 1 << 28, &journal, &err));
    uint8_t kept[PAGE];
    for (size_t page = 0; page < db.size / PAGE; page += page < 4 ? 1 : SANITIZED ? 10 : 3) {
        memcpy(kept, db.data + page * PAGE, PAGE);
        memset(db.data + page * PAGE, 0xa5, PAGE);
        write_copy("page", &db, &journal);
        memcpy(db.data + page * PAGE, kept, PAGE);
        rescue_and_look(at("page.db"), images, count, marks);
    }
    size_t whole = db.size;
    for (int part = 0; part < 4; part++) { /* the test truncates the file to several lengths, down to 0 bytes */
        db.size = whole * (size_t)part / 4;
        write_copy("page", &db, &journal);
        assert_true(problems_of(at("page.db")) > 0);
        rescue_and_look(at("page.db"), images, count, marks);
    }
    unlink(at("page.db"));
    rescue_and_look(at("page.db"), images, count, marks); /* the file is missing */
    gp_bytes_clear(&db);
    gp_bytes_clear(&journal);
}

/* Damage to the header, the first page or the end of the file: most rows can still be read. */
static void test_damaged_head(void **state)
{
    (void)state;
    enum { PAGE = 16384 };
    static const struct {
        const char *what;
        size_t at, bytes, cut;
        uint64_t least; /* at least this many of 100 rows must be read */
    } cases[] = {{"last page missing", 0, 0, PAGE, 90},
                 {"part of the last page missing", 0, 0, 1000, 90},
                 {"no magic", 0, 16, 0, 100},
                 {"no header", 0, 100, 0, 100},
                 {"garbage in the schema", 12288, 4096, 0, 100},
                 {"no first page", 0, PAGE, 0, 100}};
    gp_error err = {0};
    gp_bytes db = {0}, journal = {0};
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report all = GP_INIT(gp_rescue_report), report = GP_INIT(gp_rescue_report);
    fill_catalog(at("head.db"));
    assert_ok(gp_file_read(at("head.marks.jsonl"), 1 << 28, &journal, &err));
    options.out = at("all.db");
    assert_ok(gp_cat_rescue(at("head.db"), &options, &all, &err));
    options.out = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(gp_file_read(at("head.db"), 1 << 28, &db, &err));
        memset(db.data + cases[i].at, 0xa5, cases[i].bytes);
        db.size -= cases[i].cut;
        write_copy("cut", &db, &journal);
        assert_ok(gp_cat_rescue(at("cut.db"), &options, &report, &err));
        if (report.sound || report.rows * 100 < all.rows * cases[i].least)
            fail_msg("%s: %llu of %llu rows", cases[i].what, (unsigned long long)report.rows,
                     (unsigned long long)all.rows);
        assert_int_equal(access(at("cut.db.rescued.copy"), F_OK), -1);
        assert_int_equal(access(at("cut.db.damaged-1-shm"), F_OK), -1);
        unlink(report.kept);
        gp_bytes_clear(&db);
    }
    gp_bytes_clear(&journal);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    int ready[2], status;
    char byte;
    assert_int_equal(gp_cat_rescue(at("nothing.db"), &options, &report, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(access(at("nothing.db"), F_OK), -1);
    fill_catalog(at("used.db"));
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        gp_catalog *cat = NULL;
        gp_counts counts = GP_INIT(gp_counts);
        if (gp_cat_open(at("used.db"), 0, &cat, &err) != GP_OK || gp_cat_counts(cat, &counts, &err) != GP_OK) _exit(2);
        if (write(ready[1], "x", 1) != 1) _exit(3);
        for (;;) pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(gp_cat_rescue(at("used.db"), &options, &report, &err), GP_ERR_CATALOG);
    assert_non_null(strstr(err.message, "in use"));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ready[0]);
    close(ready[1]);
    assert_ok(gp_cat_rescue(at("used.db"), &options, &report, &err));
    assert_true(report.sound);
    options.out = at("used.db");
    assert_int_equal(gp_cat_rescue(at("used.db"), &options, &report, &err), GP_ERR_USAGE);
    options.out = at("new.db");
    assert_ok(gp_cat_rescue(at("used.db"), &options, &report, &err));
    gp_catalog *cat = catalog_open(at("new.db"), GP_CATALOG_READONLY);
    /* the rescue keeps the table `contents`, which has a second hash for each image */
    assert_int_equal(ask(cat, "SELECT count(*) FROM contents"), IMAGES);
    gp_cat_close(cat);
    assert_int_equal(problems_of(at("new.db")), 0);
    assert_int_equal(problems_of(at("used.db")), 0);
}

/* Tests damage that gp_catalog_check must find although SQLite's integrity check does not find it. */
static void test_check(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "UPDATE image_embeddings SET vector = zeroblob(4) WHERE id = 1",
        "UPDATE image_embeddings SET vector = zeroblob(length(vector)) WHERE id = 1",
        "DELETE FROM prompt_embeddings WHERE id = 1",
        "PRAGMA foreign_keys = OFF; DELETE FROM images WHERE id = 1",
        "UPDATE picks SET rule = 'other' WHERE image = (SELECT max(image) FROM picks)",
        "DELETE FROM ratings",
        "UPDATE ratings SET stars = 0",
        "UPDATE saved SET value = '{\"other\":1}'",
        "UPDATE image_quality SET noise = 9e999 WHERE image = 1",
        "UPDATE image_quality SET exposure = -0.1 WHERE image = 1",
        "UPDATE images SET apart = 'black' WHERE id = 1",
        "UPDATE images SET apart = 'noise' WHERE id = (SELECT max(id) FROM images)", /* images without measures */
    };
    fill_catalog(at("sound.db"));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        gp_error err = {0};
        gp_bytes db = {0}, journal = {0};
        assert_ok(gp_file_read(at("sound.db"), 1 << 28, &db, &err));
        assert_ok(gp_file_read(at("sound.marks.jsonl"), 1 << 28, &journal, &err));
        write_copy("fault", &db, &journal);
        gp_bytes_clear(&db);
        gp_bytes_clear(&journal);
        assert_int_equal(problems_of(at("fault.db")), 0);
        gp_catalog *cat = catalog_open(at("fault.db"), 0);
        assert_ok(gp_db_exec(cat, faults[i], &err));
        gp_cat_close(cat);
        if (problems_of(at("fault.db")) == 0) fail_msg("not found: %s", faults[i]);
        const gp_rescue_options options = GP_RESCUE_DEFAULTS;
        gp_rescue_report report = GP_INIT(gp_rescue_report);
        assert_ok(gp_cat_rescue(at("fault.db"), &options, &report, &err));
        if (problems_of(at("fault.db")) != 0) fail_msg("not mended: %s", faults[i]);
    }
}

/* ------------------------------------------------------------------ picks whose folder is missing */

/* Checks that the catalog has the picks of two calls, each pick with the rule, scorer and time of its call: one older
 * pick, whose folder is missing, and two newer picks. */

static void assert_two_choices(const char *path)
{
    gp_catalog *cat = catalog_open(path, GP_CATALOG_READONLY);
    const char *choice =
        "SELECT count(*) FROM picks k JOIN scorers s ON s.id = k.scorer JOIN images i ON i.id = k.image"
        " JOIN paths p ON p.image = i.id JOIN encoders e ON e.id = s.encoder WHERE ";
    char sql[600];
    snprintf(sql, sizeof sql, "%s p.path = '/away/1.png' AND %s", choice,
             "k.rule = 'old rule' AND s.key = 'old' AND e.weight_hash = 'w1' AND k.picked_at = 1000");
    assert_int_equal(ask(cat, sql), 1);
    snprintf(sql, sizeof sql, "%s p.path LIKE '/here/%%' AND %s", choice,
             "k.rule = 'new rule' AND s.key = 'new' AND e.weight_hash = 'w2' AND k.picked_at > 1000");
    assert_int_equal(ask(cat, sql), 2);
    assert_int_equal(ask(cat, "SELECT count(*) FROM picks"), 3);
    gp_cat_close(cat);
    assert_int_equal(problems_of(path), 0);
}

static void put_three(gp_catalog *cat, int64_t images[3])
{
    static const char *const paths[] = {"/away/1.png", "/here/2.png", "/here/3.png"};
    for (unsigned i = 0; i < 3; i++) {
        images[i] = put_image(cat, i + 1, paths[i]);
        put_prompt(cat, images[i], paths[i], "sidecar", 1); /* each image has its own prompt, so no prompt gets another
                                                             * pick */
    }
}

static void copy_as(const char *from, const char *to)
{
    gp_error err = {0};
    gp_bytes bytes = {0};
    assert_ok(gp_file_read(from, 1 << 28, &bytes, &err));
    assert_ok(gp_file_replace(to, bytes.data, bytes.size, &err));
    gp_bytes_clear(&bytes);
}

static void test_two_choices(void **state)
{
    (void)state;
    gp_error err = {0};
    int64_t images[3];
    uint32_t ranks[3] = {1, 1, 1};
    char *scorer = NULL;
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    gp_cat_brought brought;
    gp_catalog *cat = catalog_open(at("choices.db"), GP_CATALOG_CREATE);
    put_three(cat, images);
    put_scorer(cat, "old", put_encoder(cat, "w1"));
    put_scorer(cat, "new", put_encoder(cat, "w2"));
    assert_ok(gp_cat_picks_replace(cat, "old", images, ranks, 1, "old rule", NULL, NULL, &err));
    assert_ok(gp_db_exec(
        cat, "UPDATE picks SET picked_at = 1000; UPDATE paths SET missing = 1 WHERE path LIKE '/away/%'", &err));
    gp_cat_close(cat);
    copy_as(at("choices.db"), at("older.db"));
    cat = catalog_open(at("choices.db"), 0);
    assert_ok(gp_cat_picks_replace(cat, "new", images + 1, ranks + 1, 2, "new rule", NULL, NULL, &err));
    assert_ok(gp_cat_picks_scorer(cat, &scorer, &err));
    assert_string_equal(scorer, "new");
    gp_mem_free(scorer);
    gp_cat_close(cat);
    assert_two_choices(at("choices.db"));

    options.out = at("rescued.db");
    assert_ok(gp_cat_rescue(at("choices.db"), &options, &report, &err));
    assert_two_choices(at("rescued.db"));

    copy_as(at("choices.marks.jsonl"), at("older.marks.jsonl")); /* the test replaces the catalog by an older copy */
    gp_cat_close(catalog_open(at("older.db"), 0));
    assert_two_choices(at("older.db"));

    unlink(at("choices.db")); /* the catalog is lost, and at first only one image of each pick is found again */
    cat = catalog_open(at("choices.db"), GP_CATALOG_CREATE);
    put_image(cat, 1, "/away/1.png");
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.waiting, 1);
    assert_int_equal(brought.picks, 1);
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.waiting, 1);
    /* the pick of this image is in the catalog already, so the second call restores nothing */
    assert_int_equal(brought.picks, 0);
    gp_cat_close(cat);
    assert_int_equal(problems_of(at("choices.db")), 0);
    cat = catalog_open(at("choices.db"), 0);
    put_three(cat, images);
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.waiting, 0);
    gp_cat_close(cat);
    assert_two_choices(at("choices.db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged_head), cmocka_unit_test(test_every_page),
                                       cmocka_unit_test(test_what_is_refused), cmocka_unit_test(test_check),
                                       cmocka_unit_test(test_two_choices)};
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
