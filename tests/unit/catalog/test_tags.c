/* SPDX-License-Identifier: MIT
 * Finding an image by hash or path.  Tags: their text, adding and removing them, the journal of marks,
 * merging of two copies, an older schema, rescue. */
#include "analysis_support.h"
#include <signal.h>
#include <sys/wait.h>

static const gp_db_step eight[] = {{1, gp_db_version_1}, {2, gp_db_version_2}, {3, gp_db_version_3},
                                   {4, gp_db_version_4}, {5, gp_db_version_5}, {6, gp_db_version_6},
                                   {7, gp_db_version_7}, {8, gp_db_version_8}};

static size_t tag(gp_catalog *cat, unsigned image, const char *text, bool removed)
{
    gp_error err = {0};
    size_t changed = 99;
    gp_cat_tagging t = {image_of(image).hash, text, removed};
    assert_ok(gp_cat_marks_put(cat, NULL, 0, &t, 1, &changed, &err));
    return changed;
}

static void assert_tags(gp_catalog *cat, unsigned image, const char *joined)
{
    gp_error err = {0};
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    char path[32];
    snprintf(path, sizeof path, "/x/%u.png", image);
    query.path = path;
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_non_null(row);
    if (joined)
        assert_string_equal(row->tags, joined);
    else
        assert_null(row->tags);
    gp_cat_rows_close(rows);
}

static gp_catalog *with_images(const char *name, unsigned count)
{
    gp_catalog *cat = catalog_open(at(name), GP_CATALOG_CREATE);
    for (unsigned i = 1; i <= count; i++) {
        char path[32];
        snprintf(path, sizeof path, "/x/%u.png", i);
        put_image(cat, i, path);
    }
    return cat;
}

static void remove_catalog(const char *name)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char path[512];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", at(name), ends[i]);
        unlink(path);
    }
}

static void assert_found(gp_catalog *cat, const char *name, unsigned image)
{
    gp_error err = {0};
    char hash[33] = "unset", hex[33] = "";
    if (image) gp_hash_hex(image_of(image).hash, hex);
    assert_ok(gp_cat_find_image(cat, name, hash, &err));
    assert_string_equal(hash, hex);
}

/* A name is a content hash or a path; the files need not exist. */
static void test_find_image(void **state)
{
    (void)state;
    gp_error err = {0};
    char hex[33], path[600];
    gp_catalog *cat = with_images("find.db", 2);
    put_image(cat, 2, "/x/copy.png");
    assert_ok(gp_cat_path_gone(cat, "/x/1.png", &err));
    assert_found(cat, "/x/1.png", 1);
    assert_found(cat, "/x//y/.././2.png", 2);
    assert_found(cat, "/x/copy.png", 2);
    assert_found(cat, "/x/3.png", 0);
    assert_found(cat, "1.png", 0);
    assert_found(cat, "", 0);
    gp_hash_hex(image_of(2).hash, hex);
    assert_found(cat, hex, 2);
    for (char *c = hex; *c; c++)
        if (*c >= 'a' && *c <= 'f') *c = (char)(*c - 32);
    assert_found(cat, hex, 2);
    hex[0] = hex[0] == '0' ? '1' : '0';
    assert_found(cat, hex, 0);
    /* a file may have a name of 32 hex digits; relative paths start at the current folder */
    char *here = getcwd(NULL, 0);
    assert_non_null(here);
    snprintf(path, sizeof path, "%s/%s", here, hex);
    free(here);
    put_image(cat, 3, path);
    assert_found(cat, hex, 3);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ text */

static void clean_is(const char *given, size_t size, const char *wanted)
{
    gp_error err = {0};
    char *out = NULL;
    assert_ok(gp_cat_tag_clean(given, size, &out, &err));
    assert_string_equal(out, wanted);
    gp_mem_free(out);
}

static void clean_fails(const char *given, size_t size, const char *why)
{
    gp_error err = {0};
    char *out = NULL;
    assert_int_equal(gp_cat_tag_clean(given, size, &out, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, why));
    assert_null(out);
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *given, *wanted;
    } good[] = {{"castle", "castle"},
                {"  at \t\n night ", "at night"},
                {"Castle", "Castle"},
                {"\xc2\xa0\xe2\x80\xa8x\xef\xbb\xbf", "x"},   /* no-break space, line separator, BOM */
                {"cafe\xcc\x81", "caf\xc3\xa9"},              /* e and combining acute */
                {"a\xcc\xa7\xcc\x81", "\xc3\xa1\xcc\xa7"},    /* marks in another order */
                {"\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"}, /* Hangul */
                {"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x8e\xa8", "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x8e\xa8"},
                {"<b>'\"&; DROP TABLE tags", "<b>'\"&; DROP TABLE tags"}};
    static const struct {
        const char *given;
        size_t size;
        const char *why;
    } bad[] = {{"", 0, "empty"},        {" \t\n", 3, "empty"},        {"a,b", 3, "comma"},
               {"a\0b", 3, "control"},  {"a\x1b[31m", 6, "control"},  {"a\xc2\x85", 3, "control"},
               {"\xff", 1, "UTF-8"},    {"\xed\xa0\x80", 3, "UTF-8"}, {"\xc0\x80", 2, "UTF-8"},
               {"\xf0\x9f", 2, "UTF-8"}};
    char longest[2000], marks[1025];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        clean_is(good[i].given, strlen(good[i].given), good[i].wanted);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) clean_fails(bad[i].given, bad[i].size, bad[i].why);
    memset(longest, 'x', sizeof longest);
    longest[100] = '\0';
    clean_is(longest, 100, longest);
    longest[100] = 'x';
    clean_fails(longest, 101, "100 characters");
    clean_fails(longest, sizeof longest, "100 characters");
    for (size_t i = 0; i < 1024; i += 2) memcpy(marks + i, i % 4 ? "\xcc\xa7" : "\xcc\x81", 2);
    clean_fails(marks, 1024, "100 characters");
}

/* ------------------------------------------------------------------ giving and taking away */

static void test_give_and_take(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = with_images("give.db", 3);
    assert_tags(cat, 1, NULL);
    assert_int_equal(tag(cat, 1, "night", false), 1);
    assert_int_equal(tag(cat, 1, "castle", false), 1);
    assert_int_equal(tag(cat, 1, "castle", false), 0); /* it has this tag already */
    assert_int_equal(tag(cat, 2, "castle", true), 0);  /* it never had this tag */
    assert_int_equal(tag(cat, 9, "castle", false), 0); /* unknown image */
    assert_tags(cat, 1, "castle, night");
    assert_int_equal(tag(cat, 1, "castle", true), 1);
    assert_tags(cat, 1, "night");
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE tags = 'night'"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_tags WHERE path = '/x/1.png' AND tag = 'night'"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM tags"), 2);
    assert_int_equal(gp_db_exec(cat, "INSERT INTO tags(image, tag) VALUES(1, 'a,b')", &err), GP_ERR_CATALOG);
    assert_invariants(cat);
    gp_cat_close(cat);
}

static uint64_t count_rows(gp_catalog *cat, const char *const *tags, uint64_t tag_count)
{
    gp_error err = {0};
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    uint64_t n = 0;
    query.tags = tags, query.tag_count = tag_count;
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    for (;; n++) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        if (!row) break;
    }
    gp_cat_rows_close(rows);
    return n;
}

static void test_rows_by_tag(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_rows *rows = NULL;
    gp_query query = GP_QUERY_DEFAULTS;
    gp_catalog *cat = with_images("rows.db", 4);
    tag(cat, 1, "castle", false);
    tag(cat, 2, "night", false);
    tag(cat, 2, "castle", false);
    tag(cat, 3, "castle", false);
    tag(cat, 3, "castle", true);
    assert_int_equal(count_rows(cat, NULL, 0), 4);
    assert_int_equal(count_rows(cat, (const char *[]){"castle"}, 1), 2);
    assert_int_equal(count_rows(cat, (const char *[]){"  castle "}, 1), 2);
    assert_int_equal(count_rows(cat, (const char *[]){"Castle"}, 1), 0);
    assert_int_equal(count_rows(cat, (const char *[]){"night", "castle"}, 2), 2);
    assert_int_equal(count_rows(cat, (const char *[]){"'] --", "night"}, 2), 1);
    query.tags = (const char *[]){"a,b"}, query.tag_count = 1;
    assert_int_equal(gp_cat_rows_open(cat, &query, &rows, &err), GP_ERR_USAGE);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ gp_mark */

static void marks_fail(gp_catalog *cat, gp_mark_options o, gp_status wanted)
{
    gp_error err = {0};
    assert_int_equal(gp_mark(cat, &o, &err), wanted);
    assert_int_equal(ask(cat, "SELECT (SELECT count(*) FROM tags) + (SELECT count(*) FROM ratings)"), 0);
}

static void test_mark(void **state)
{
    (void)state;
    gp_error err = {0};
    char one[33], two[33];
    const gp_mark_options start = GP_MARK_DEFAULTS;
    gp_catalog *cat = with_images("mark.db", 2);
    gp_hash_hex(image_of(1).hash, one);
    gp_hash_hex(image_of(2).hash, two);
    const char *images[] = {one, two}, *unknown[] = {one, "ffffffffffffffffffffffffffffffff"}, *odd[] = {"zz"};
    const char *tags[] = {"castle", "night"}, *wrong[] = {"castle", "a,b"}, *none[] = {NULL};
    gp_mark_options o = start;
    o.images = images, o.image_count = 2, o.tags = tags, o.tag_count = 2;
    gp_mark_options bad[9] = {o, o, o, o, o, o, o, o, o};
    bad[0].images = unknown;
    bad[1].images = odd, bad[1].image_count = 1;
    bad[2].tags = wrong;
    bad[3].untags = wrong + 1, bad[3].untag_count = 1;
    bad[4].tags = none, bad[4].tag_count = 1;
    bad[5].flag = 2;
    bad[6].stars = 6;
    bad[7].stars = -1;
    bad[8].images = NULL;
    marks_fail(cat, bad[0], GP_ERR_NOT_FOUND);
    for (size_t i = 1; i < 9; i++) marks_fail(cat, bad[i], GP_ERR_USAGE);
    assert_ok(gp_mark(cat, &o, &err));
    assert_tags(cat, 2, "castle, night");
    assert_int_equal(ask(cat, "SELECT count(*) FROM ratings"), 0);
    o = start;
    o.images = images, o.image_count = 1, o.untags = tags, o.untag_count = 1, o.flag = -1;
    assert_ok(gp_mark(cat, &o, &err));
    assert_tags(cat, 1, "night");
    assert_tags(cat, 2, "castle, night");
    o = start;
    o.images = images, o.image_count = 1, o.stars = 4;
    assert_ok(gp_mark(cat, &o, &err));
    assert_int_equal(ask(cat, "SELECT flag * 10 + stars FROM ratings"), -6);
    gp_cat_close(cat);
    cat = catalog_open(at("mark.db"), GP_CATALOG_READONLY);
    assert_int_equal(gp_mark(cat, &o, &err), GP_ERR_IO);
    gp_cat_close(cat);
}

/* The file of the first image is rewritten, and its new hash is the hash of another image in the catalog. goldpan
 * merges the other image into the first image only if the other image has no tags, because tags are the user's work. */
static void test_tagged_is_not_merged(void **state)
{
    (void)state;
    for (int tagged = 0; tagged < 2; tagged++) {
        gp_error err = {0};
        int64_t id = 0, first;
        bool fresh;
        gp_cat_image image = image_of(7);
        remove_catalog("merged.db");
        unlink(at("merged.marks.jsonl"));
        gp_catalog *cat = catalog_open(at("merged.db"), GP_CATALOG_CREATE);
        first = put_image(cat, 1, "/x/1.png");
        put_image(cat, 7, "/x/copy.png");
        if (tagged) tag(cat, 7, "castle", false);
        image.same_as = first;
        assert_ok(gp_cat_image_put(cat, &image, "/x/1.png", 1007, 78, &id, &fresh, &err));
        assert_int_equal(ask(cat, "SELECT count(*) FROM images"), tagged ? 2 : 1);
        assert_invariants(cat);
        gp_cat_close(cat);
    }
}

/* ------------------------------------------------------------------ the journal of marks */

static void test_catalog_lost(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_cat_brought brought;
    gp_catalog *cat = with_images("lost.db", 3);
    tag(cat, 1, "at night", false);
    tag(cat, 1, "quo\"ted\\", false);
    tag(cat, 2, "castle", false);
    tag(cat, 2, "castle", true);
    tag(cat, 3, "castle", false);
    gp_cat_close(cat);
    remove_catalog("lost.db");
    cat = with_images("lost.db", 2);
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.marks, 2);
    assert_int_equal(brought.waiting, 1); /* only the tag of image 3 waits for its image; a removed tag does not wait */
    assert_tags(cat, 1, "at night, quo\"ted\\");
    assert_tags(cat, 2, NULL);
    put_image(cat, 3, "/x/3.png");
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_int_equal(brought.marks, 1);
    assert_tags(cat, 3, "castle");
    assert_invariants(cat);
    gp_cat_close(cat);
}

/* Tags are added and removed in two copies of a catalog.  Merging keeps the newest change of each tag of each image. */
static void test_union(void **state)
{
    (void)state;
    gp_error err = {0};
    char sql[600];
    gp_catalog *cat = with_images("union.db", 2);
    tag(cat, 1, "old", false);
    tag(cat, 2, "kept", false);
    assert_ok(gp_db_exec(cat, "UPDATE tags SET at = 1000", &err));
    snprintf(sql, sizeof sql, "VACUUM INTO '%s'", at("copy.db"));
    assert_ok(gp_db_exec(cat, sql, &err));
    tag(cat, 1, "here", false);
    tag(cat, 1, "old", true);
    tag(cat, 2, "kept", true);
    gp_cat_close(cat);
    remove_catalog("union.db");
    gp_catalog *copy = catalog_open(at("copy.db"), 0);
    tag(copy, 1, "there", false);
    assert_ok(gp_db_exec(copy, "UPDATE tags SET at = unixepoch() + 1000 WHERE tag = 'kept'", &err));
    gp_cat_close(copy);
    unlink(at("copy.marks.jsonl"));
    char from[512];
    snprintf(from, sizeof from, "%s", at("copy.db"));
    assert_int_equal(rename(from, at("union.db")), 0);
    cat = catalog_open(at("union.db"), 0); /* merges the journal of the first catalog into the copy */
    assert_tags(cat, 1, "here, there");
    assert_tags(cat, 2, "kept"); /* the copy gave this tag later than the journal took it away */
    assert_invariants(cat);
    gp_cat_close(cat);
}

static void put_line(gp_str *out, const char *body)
{
    gp_str line = GP_STR_INIT;
    gp_str_puts(&line, body);
    gp_marks_line(out, &line);
    gp_str_clear(&line);
}

/* A journal from a stranger: lines with right checksums and wrong contents. */
static void test_hostile_journal(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_str text = GP_STR_INIT;
    char hex[33], body[4000];
    static const char *const tags[] = {"\"\"", "\"a,b\"", "\"a\\u0000b\"", "\"\\u0007\"",
                                       "7",    "null",    "[\"list\"]",    "\"\\ud800\""};
    gp_hash_hex(image_of(1).hash, hex);
    gp_marks_header(&text, "00000000000000000000000000000000");
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        snprintf(body, sizeof body, "{\"tag\":%s,\"image\":\"%s\",\"removed\":0,\"at\":5", tags[i], hex);
        put_line(&text, body);
    }
    snprintf(body, sizeof body, "{\"tag\":\"%02000d\",\"image\":\"%s\",\"at\":5", 7, hex);
    put_line(&text, body);
    put_line(&text, "{\"tag\":\"x\",\"image\":\"zz\",\"at\":5");
    snprintf(body, sizeof body, "{\"tag\":\"  fine \",\"image\":\"%s\",\"removed\":\"no\",\"at\":\"never\"", hex);
    put_line(&text, body);
    assert_false(text.failed);
    assert_ok(gp_file_replace(at("hostile.marks.jsonl"), text.data, text.size, &err));
    gp_catalog *cat = with_images("hostile.db", 1);
    gp_cat_brought brought;
    assert_ok(gp_cat_marks_bring(cat, &brought, &err));
    assert_tags(cat, 1, "fine, \xef\xbf\xbd"); /* half of a surrogate pair reads as U+FFFD */
    assert_invariants(cat);
    gp_cat_close(cat);
    gp_str_clear(&text);
}

static void on_update(void *user, int kind, char const *base, char const *table, sqlite3_int64 row)
{
    (void)kind, (void)base, (void)row;
    if (!strcmp(table, user)) raise(SIGKILL);
}

/* The process is killed while the rows change, or after the line was appended to the journal.  SQLite calls no update
 * hook for WITHOUT ROWID tables such as `tags`, so the first kill is at the rating that is stored in the same
 * transaction. */
static void test_killed(void **state)
{
    (void)state;
    static const char *const tables[] = {"ratings", "journal"};
    gp_cat_close(with_images("killed.db", 1));
    for (size_t i = 0; i < 2; i++) {
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            gp_error err = {0};
            gp_catalog *cat = NULL;
            gp_cat_rating r = {.hash = image_of(1).hash, .has_stars = true, .stars = 3};
            gp_cat_tagging t = {image_of(1).hash, tables[i], false};
            if (gp_cat_open(at("killed.db"), 0, &cat, &err) != GP_OK) _exit(2);
            sqlite3_update_hook(cat->db, on_update, (void *)(uintptr_t)tables[i]);
            _exit(gp_cat_marks_put(cat, &r, 1, &t, 1, NULL, &err) == GP_OK ? 0 : 3);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        gp_catalog *cat = catalog_open(at("killed.db"), 0);
        int64_t stars = ask(cat, "SELECT coalesce(max(stars), 0) FROM ratings");
        assert_tags(cat, 1, i ? "journal" : NULL); /* the tag is stored together with the rating, or not at all */
        assert_int_equal(stars, i ? 3 : 0);
        assert_invariants(cat);
        gp_cat_close(cat);
    }
}

static bool one_problem(void *user, const gp_catalog_problem *problem)
{
    (void)user;
    print_message("%s\n", problem->what);
    return true;
}

static void test_check(void **state)
{
    (void)state;
    gp_error err = {0};
    uint64_t problems = 9;
    gp_catalog *cat = with_images("check.db", 1);
    tag(cat, 1, "castle", false);
    tag(cat, 1, "night", false);
    tag(cat, 1, "night", true);
    gp_cat_close(cat);
    assert_ok(gp_cat_check(at("check.db"), NULL, NULL, one_problem, NULL, &problems, &err));
    assert_int_equal(problems, 0);
    cat = catalog_open(at("check.db"), 0);
    assert_ok(gp_db_exec(cat, "UPDATE tags SET removed = 0", &err)); /* the journal says that `night` was taken away */
    gp_cat_close(cat);
    assert_ok(gp_cat_check(at("check.db"), NULL, NULL, one_problem, NULL, &problems, &err));
    assert_int_equal(problems, 1);
    cat = catalog_open(at("check.db"), 0);
    assert_ok(gp_db_exec(cat, "DELETE FROM tags", &err));
    gp_cat_close(cat);
    assert_ok(gp_cat_check(at("check.db"), NULL, NULL, one_problem, NULL, &problems, &err));
    assert_int_equal(problems, 1); /* the journal has a tag that the catalog lacks */
}

/* ------------------------------------------------------------------ an older schema, rescue */

static void test_from_version_8(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    const gp_hash hash = gp_hash_of("one", 3);
    assert_ok(gp_db_open(at("eight.db"), GP_CATALOG_CREATE, eight, 8, &cat, &err));
    gp_q q = gp_q_open(cat, "INSERT INTO images(id, hash, bytes, format, width, height, orientation)"
                            " VALUES(1, ?, 1001, 'png', 64, 48, 1)");
    gp_q_hash(&q, 1, &hash);
    assert_ok(gp_q_run(&q, &err));
    assert_ok(gp_db_exec(cat,
                         "INSERT INTO paths(path, image, size, mtime_ns) VALUES('/x/1.png', 1, 1001, 77);"
                         "INSERT INTO ratings(image, flag, stars, at) VALUES(1, 1, 4, 99);"
                         "INSERT INTO saved(name, value) VALUES('high', '{}')",
                         &err));
    gp_cat_close(cat);
    options.out = at("eight-rescued.db");
    assert_ok(gp_cat_rescue(at("eight.db"), &options, &report, &err));
    /* writes 0: migrates a temporary copy; writes 1: migrates the file itself */
    for (int writes = 0; writes < 2; writes++) {
        cat = catalog_open(at("eight.db"), writes ? 0 : GP_CATALOG_READONLY);
        assert_int_equal(ask(cat, "PRAGMA user_version"), GP_DB_VERSION);
        assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE flag = 1 AND stars = 4 AND tags IS NULL"), 1);
        assert_int_equal(ask(cat, "SELECT at FROM ratings"), 99);
        assert_int_equal(ask(cat, "SELECT count(*) FROM saved"), 1);
        assert_tags(cat, 1, NULL);
        assert_invariants(cat);
        gp_cat_close(cat);
    }
    cat = catalog_open(at("eight.db"), 0);
    gp_cat_tagging t = {hash, "castle", false};
    assert_ok(gp_cat_marks_put(cat, NULL, 0, &t, 1, NULL, &err));
    assert_tags(cat, 1, "castle");
    gp_cat_close(cat);
    cat = catalog_open(at("eight-rescued.db"), 0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE stars = 4"), 1);
    gp_cat_close(cat);
}

static void test_rescue(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    gp_catalog *cat = with_images("rescue.db", 2);
    tag(cat, 1, "castle", false);
    tag(cat, 2, "castle", false);
    tag(cat, 2, "castle", true);
    gp_cat_close(cat);
    unlink(at("rescue.marks.jsonl")); /* only the rows of the catalog are left */
    options.out = at("rescued.db");
    assert_ok(gp_cat_rescue(at("rescue.db"), &options, &report, &err));
    cat = catalog_open(at("rescued.db"), 0);
    assert_tags(cat, 1, "castle");
    assert_tags(cat, 2, NULL);
    assert_int_equal(ask(cat, "SELECT count(*) FROM tags"), 2);
    gp_cat_close(cat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_image),   cmocka_unit_test(test_text),  cmocka_unit_test(test_give_and_take),
        cmocka_unit_test(test_rows_by_tag),  cmocka_unit_test(test_mark),  cmocka_unit_test(test_tagged_is_not_merged),
        cmocka_unit_test(test_catalog_lost), cmocka_unit_test(test_union), cmocka_unit_test(test_hostile_journal),
        cmocka_unit_test(test_killed),       cmocka_unit_test(test_check), cmocka_unit_test(test_from_version_8),
        cmocka_unit_test(test_rescue),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
