/* SPDX-License-Identifier: MIT
 * Export: every mode, equal names, existing files, missing files, and the tables read back. */
#include "report_support.h"
#include "base/json.h"
#include "base/own.h"
#include "table/table.h"
#include "report/export.h"
#include <errno.h>
#include <sys/statvfs.h>

static const candidate cats[] = {
    {.name = "a/x.png",
     .prompt = "a cat",
     .score = 31.25,
     .picked = true,
     .settings = "{\"Seed\":18446744073709551615,\"Model\":\"m, \\\"1\\\"\"}",
     .negative = "blurry, \"low\nres\"",
     .raw = "(a cat:1.2)"},
    {.name = "b/x.png",
     .prompt = "a dog",
     .score = 0.1 + 0.2,
     .picked = true,
     .settings = "{\"Steps\":20,\"Model\":null,\"l\":[1,2]}"},
    {.name = "c/x.png", .prompt = "an eel,\r\nlong", .score = 20, .picked = true},
    {.name = "a/y.png", .prompt = "a cat", .score = 11},
};
enum { CATS = sizeof cats / sizeof *cats };

static gp_report export_to(gp_catalog *cat, const char *folder, gp_export_mode mode)
{
    gp_error err = {0};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    options.folder = folder;
    options.mode = mode;
    options.jsonl = true;
    options.imagefolder = mode != GP_EXPORT_NONE;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    return report;
}

static void assert_counts(gp_report report, uint64_t done, uint64_t skipped, uint64_t failed)
{
    assert_int_equal(report.done, done);
    assert_int_equal(report.skipped, skipped);
    assert_int_equal(report.failed, failed);
}

static bool same_content(const char *a, const char *b)
{
    gp_hash x = file_hash(a), y = file_hash(b);
    return memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0;
}

static bool same_inode(const char *a, const char *b)
{
    struct stat x, y;
    return lstat(a, &x) == 0 && lstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void test_copy(void **state)
{
    (void)state;
    gp_catalog *cat = candidates_catalog("copy.db", cats, CATS);
    const char *out = at("copy/deep");
    assert_counts(export_to(cat, out, GP_EXPORT_COPY), 3, 0, 0);
    /* the folder has three images, three tables and two lists of goldpan's files, but no temporary files */
    assert_int_equal(files_in(out), 8);
    assert_true(same_content(at("a/x.png"), at("copy/deep/x.png")));
    assert_true(same_content(at("b/x.png"), at("copy/deep/x-2.png")));
    assert_true(same_content(at("c/x.png"), at("copy/deep/x-3.png")));
    assert_false(same_inode(at("a/x.png"), at("copy/deep/x.png")));
    struct stat a, b;
    assert_int_equal(stat(at("a/x.png"), &a), 0);
    assert_int_equal(stat(at("copy/deep/x.png"), &b), 0);
    assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
    gp_cat_close(cat);
}

static void test_links(void **state)
{
    (void)state;
    char target[1024] = "";
    gp_catalog *cat = candidates_catalog("links.db", cats, CATS);
    assert_counts(export_to(cat, at("hard"), GP_EXPORT_HARDLINK), 3, 0, 0);
    assert_true(same_inode(at("a/x.png"), at("hard/x.png")));
    assert_true(same_inode(at("c/x.png"), at("hard/x-3.png")));
    assert_counts(export_to(cat, at("soft"), GP_EXPORT_SYMLINK), 3, 0, 0);
    assert_true(readlink(at("soft/x-2.png"), target, sizeof target - 1) > 0);
    assert_string_equal(target, at("b/x.png"));
    assert_counts(export_to(cat, at("hard"), GP_EXPORT_HARDLINK), 0, 3, 0);
    assert_counts(export_to(cat, at("soft"), GP_EXPORT_SYMLINK), 0, 3, 0);
    assert_counts(export_to(cat, at("tables"), GP_EXPORT_NONE), 3, 0, 0);
    assert_int_equal(files_in(at("tables")), 3);
    gp_cat_close(cat);
}

static gp_bytes content_of(const char *path)
{
    gp_error err = {0};
    gp_bytes bytes = {0};
    assert_ok(gp_file_read(path, 1 << 20, &bytes, &err));
    return bytes;
}

static void test_again_is_nothing(void **state)
{
    (void)state;
    gp_catalog *cat = candidates_catalog("again.db", cats, CATS);
    static const char *const tables[] = {"again/picks.csv", "again/picks.jsonl", "again/metadata.csv"};
    gp_bytes first[3], second;
    assert_counts(export_to(cat, at("again"), GP_EXPORT_COPY), 3, 0, 0);
    for (size_t i = 0; i < 3; i++) first[i] = content_of(at(tables[i]));
    assert_counts(export_to(cat, at("again"), GP_EXPORT_COPY), 0, 3, 0);
    assert_int_equal(files_in(at("again")), 8);
    for (size_t i = 0; i < 3; i++) {
        second = content_of(at(tables[i]));
        assert_int_equal(first[i].size, second.size);
        assert_memory_equal(first[i].data, second.data, second.size);
        gp_bytes_clear(&first[i]);
        gp_bytes_clear(&second);
    }
    assert_int_equal(unlink(at("again/x-2.png")), 0);
    assert_counts(export_to(cat, at("again"), GP_EXPORT_COPY), 1, 2, 0);
    assert_true(same_content(at("b/x.png"), at("again/x-2.png")));
    gp_cat_close(cat);
}

/* A user's own file with the same name stays unchanged. */
static void test_file_in_the_way(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("way.db", cats, CATS);
    assert_ok(gp_folder_make(at("way"), &err));
    assert_ok(gp_file_replace(at("way/x.png"), "mine", 4, &err));
    assert_int_equal(symlink("/nowhere at all", at("way/x-3.png")), 0);
    assert_counts(export_to(cat, at("way"), GP_EXPORT_COPY), 3, 0, 0);
    gp_bytes mine = content_of(at("way/x.png"));
    assert_int_equal(mine.size, 4);
    assert_memory_equal(mine.data, "mine", 4);
    gp_bytes_clear(&mine);
    assert_true(same_content(at("a/x.png"), at("way/x-2.png")));
    assert_true(same_content(at("b/x.png"), at("way/x-4.png")));
    assert_counts(export_to(cat, at("way"), GP_EXPORT_COPY), 0, 3, 0);
    gp_cat_close(cat);
}

static void test_foreign_table_in_the_way(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("foreign.db", cats, CATS);
    static const char *const names[] = {"picks.csv", "picks.jsonl", "metadata.csv"};
    options.jsonl = options.imagefolder = true;
    for (size_t i = 0; i < 3; i++) {
        char folder[32], path[64];
        snprintf(folder, sizeof folder, "foreign%zu", i);
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        options.folder = at(folder);
        assert_ok(gp_folder_make(options.folder, &err));
        assert_ok(gp_file_replace(at(path), "file_name,mine\n", 15, &err));
        assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_USAGE);
        assert_non_null(strstr(err.message, names[i]));
        assert_int_equal(files_in(at(folder)), 1);
    }
    gp_cat_close(cat);
}

static bool find_export_failure(void *user, const gp_failure *failure)
{
    bool *found = user;
    *found |= strcmp(failure->stage, "export") == 0 && strstr(failure->path, "b/x.png");
    return true;
}

static void test_missing_and_changed(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("missing.db", cats, CATS);
    bool found = false;
    for (gp_export_mode mode = GP_EXPORT_COPY; mode <= GP_EXPORT_SYMLINK; mode++) {
        char name[32], table[64];
        snprintf(name, sizeof name, "missing%d", (int)mode);
        snprintf(table, sizeof table, "%s/picks.csv", name);
        unlink(at("b/x.png"));
        assert_counts(export_to(cat, at(name), mode), 2, 0, 1);
        gp_table *t = NULL;
        assert_ok(gp_table_open(at(table), &t, &err));
        assert_int_equal(gp_table_rows(t), 3);
        assert_string_equal(gp_table_cell(t, 1, gp_table_find(t, "prompt")), "a dog");
        const char *file = gp_table_cell(t, 1, gp_table_find(t, "file"));
        assert_true(!file || !*file);
        gp_table_close(t);
        snprintf(table, sizeof table, "%s/metadata.csv", name);
        assert_ok(gp_table_open(at(table), &t, &err));
        assert_int_equal(gp_table_rows(t), 2);
        gp_table_close(t);
    }
    assert_ok(gp_cat_failures(cat, find_export_failure, &found, &err));
    assert_true(found);
    assert_ok(gp_file_replace(at("b/x.png"), "another picture", 15, &err));
    assert_counts(export_to(cat, at("changed"), GP_EXPORT_COPY), 2, 0, 1);
    candidate_put(cat, &cats[1], put_encoder(cat, "w")); /* the file exists again */
    assert_counts(export_to(cat, at("changed"), GP_EXPORT_COPY), 1, 2, 0);
    assert_int_equal(ask(cat, "SELECT count(*) FROM failures"), 0);
    gp_cat_close(cat);
}

/* A catalog from somebody else may have the path and the hash of a private file that is not an image; export must not
 * copy such a file. */
static void test_no_image(void **state)
{
    (void)state;
    gp_error err = {0};
    const candidate secret = {.name = "secret/x.png", .prompt = "a cat", .score = 1, .picked = true};
    gp_catalog *cat = candidates_catalog("stranger.db", &secret, 1);
    char hex[33], sql[200];
    assert_ok(gp_file_replace(at("secret/x.png"), "root:x:0:0", 10, &err));
    gp_hash_hex(file_hash(at("secret/x.png")), hex);
    snprintf(sql, sizeof sql, "UPDATE images SET hash = x'%s'", hex);
    assert_int_equal(sqlite3_exec(cat->db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (gp_export_mode mode = GP_EXPORT_COPY; mode <= GP_EXPORT_SYMLINK; mode++) {
        char name[32];
        snprintf(name, sizeof name, "stranger%d", (int)mode);
        assert_counts(export_to(cat, at(name), mode), 0, 0, 1);
        assert_int_equal(access(at(name), F_OK), 0);
        snprintf(name, sizeof name, "stranger%d/x.png", (int)mode);
        assert_int_not_equal(access(at(name), F_OK), 0);
    }
    gp_cat_close(cat);
}

static const char *cell(gp_table *t, size_t row, const char *column)
{
    size_t at_column = gp_table_find(t, column);
    if (at_column == SIZE_MAX) fail_msg("no column %s", column);
    return gp_table_cell(t, row, at_column);
}

static void test_csv(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *t = NULL;
    char hex[33];
    gp_catalog *cat = candidates_catalog("csv.db", cats, CATS);
    export_to(cat, at("csv"), GP_EXPORT_COPY);
    assert_ok(gp_table_open(at("csv/picks.csv"), &t, &err));
    assert_int_equal(gp_table_rows(t), 3);
    assert_int_equal(gp_table_columns(t), 16 + 4);
    assert_string_equal(cell(t, 0, "tags"), "");
    assert_string_equal(cell(t, 0, "file"), "x.png");
    assert_string_equal(cell(t, 1, "file"), "x-2.png");
    assert_string_equal(cell(t, 0, "score"), "31.25");
    assert_true(strtod(cell(t, 1, "score"), NULL) == 0.1 + 0.2);
    assert_string_equal(cell(t, 0, "rank"), "1");
    assert_string_equal(cell(t, 0, "candidates"), "2");
    assert_string_equal(cell(t, 0, "negative"), "blurry, \"low\nres\"");
    assert_string_equal(cell(t, 0, "prompt_raw"), "(a cat:1.2)");
    assert_string_equal(cell(t, 0, "path"), at("a/x.png"));
    assert_string_equal(cell(t, 0, "width"), "64");
    assert_string_equal(cell(t, 0, "height"), "48");
    assert_string_equal(cell(t, 0, "prompt_source"), "table:p.csv");
    assert_string_equal(cell(t, 0, "evidence"), "stated");
    gp_hash_hex(file_hash(at("a/x.png")), hex);
    assert_string_equal(cell(t, 0, "hash"), hex);
    assert_string_equal(cell(t, 2, "prompt"), "an eel,\r\nlong");
    assert_string_equal(cell(t, 0, "settings.Seed"), "18446744073709551615");
    assert_string_equal(cell(t, 0, "settings.Model"), "m, \"1\"");
    assert_string_equal(cell(t, 1, "settings.Steps"), "20");
    assert_string_equal(cell(t, 1, "settings.l"), "[1,2]");
    assert_string_equal(cell(t, 2, "settings.l"), "");
    gp_table_close(t);
    gp_bytes bytes = content_of(at("csv/picks.csv")); /* rows of a CSV table end in CR LF, as in RFC 4180 */
    assert_true(bytes.size > 2 && memcmp(bytes.data + bytes.size - 2, "\r\n", 2) == 0);
    gp_bytes_clear(&bytes);
    gp_cat_close(cat);
}

/* A spreadsheet runs neither a prompt nor a file name; goldpan reads both back. */
static void test_formulas(void **state)
{
    (void)state;
    static const candidate risky[] = {{.name = "f/=x.png", .prompt = "=cmd|x", .score = 20, .picked = true}};
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("formulas.db", risky, 1);
    static const char *const names[] = {"formulas/picks.csv", "formulas/metadata.csv"};
    export_to(cat, at("formulas"), GP_EXPORT_COPY);
    for (size_t i = 0; i < 2; i++) {
        gp_table *t = NULL;
        gp_bytes bytes = content_of(at(names[i]));
        assert_non_null(memmem(bytes.data, bytes.size, "\r\n./=x.png,", 11));
        assert_non_null(memmem(bytes.data, bytes.size, ",'=cmd|x,", 9));
        assert_null(memmem(bytes.data, bytes.size, ",=", 2));
        gp_bytes_clear(&bytes);
        assert_ok(gp_table_open(at(names[i]), &t, &err));
        assert_string_equal(cell(t, 0, i ? "text" : "prompt"), "=cmd|x");
        assert_string_equal(cell(t, 0, i ? "file_name" : "file"), "./=x.png");
        gp_table_close(t);
    }
    gp_cat_close(cat);
}

static void test_jsonl(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = candidates_catalog("jsonl.db", cats, CATS);
    export_to(cat, at("jsonl"), GP_EXPORT_COPY);
    gp_bytes bytes = content_of(at("jsonl/picks.jsonl"));
    size_t rows = 0;
    for (char *line = strtok((char *)bytes.data, "\n"); line; line = strtok(NULL, "\n"), rows++) {
        gp_json *row = NULL;
        double score = 0;
        uint64_t number = 0;
        assert_ok(gp_json_parse(line, strlen(line), true, 64, &row, &err)); /* parsed strictly */
        const gp_json *settings = gp_json_get(row, "settings");
        assert_int_equal(gp_json_kind_of(settings), GP_JSON_OBJECT);
        assert_string_equal(gp_json_text(gp_json_get(row, "prompt"), NULL), cats[rows].prompt);
        assert_string_equal(gp_json_text(gp_json_get(row, "path"), NULL), at(cats[rows].name));
        assert_true(gp_json_real(gp_json_get(row, "score"), &score) && score == cats[rows].score);
        assert_true(gp_json_u64(gp_json_get(row, "rank"), &number) && number == 1);
        if (rows == 0) {
            assert_true(gp_json_u64(gp_json_get(settings, "Seed"), &number) && number == UINT64_MAX);
            assert_string_equal(gp_json_text(gp_json_get(row, "negative"), NULL), cats[0].negative);
            assert_string_equal(gp_json_text(gp_json_get(row, "prompt_raw"), NULL), cats[0].raw);
            assert_string_equal(gp_json_text(gp_json_get(row, "file"), NULL), "x.png");
        }
        gp_json_free(row);
    }
    assert_int_equal(rows, 3);
    gp_bytes_clear(&bytes);
    gp_cat_close(cat);
}

static void test_imagefolder_and_all(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *t = NULL;
    gp_catalog *cat = candidates_catalog("all.db", cats, CATS);
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    options.folder = at("all");
    options.imagefolder = options.all = true;
    options.csv = false;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_counts(report, 4, 0, 0);
    assert_int_equal(files_in(at("all")), 7);
    assert_ok(gp_table_open(at("all/metadata.csv"), &t, &err));
    assert_int_equal(gp_table_rows(t), 4);
    for (size_t i = 0; i < 4; i++) { /* every file_name in the table exists, relative to the export folder */
        char name[64];
        snprintf(name, sizeof name, "all/%s", cell(t, i, "file_name"));
        assert_true(file_there(at(name)));
    }
    assert_string_equal(cell(t, 1, "text"), "a cat");
    assert_string_equal(cell(t, 1, "rank"), "2");
    assert_string_equal(cell(t, 1, "score"), "11");
    gp_table_close(t);
    options.mode = GP_EXPORT_NONE;
    assert_int_equal(gp_report_export(cat, &options, &report, &err), GP_ERR_USAGE);
    gp_cat_close(cat);
}

/* Another model was used after the pick: the picks are exported with the scores by which they were picked. */
static void test_scores_of_the_pick(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *t = NULL;
    gp_catalog *cat = candidates_catalog("scorer.db", cats, CATS);
    put_scorer(cat, "clip/other", put_encoder(cat, "other"));
    assert_ok(gp_cat_score_put(cat, 1, 1, "clip/other", 5, &err));
    assert_counts(export_to(cat, at("scorer"), GP_EXPORT_COPY), 3, 0, 0);
    assert_ok(gp_table_open(at("scorer/picks.csv"), &t, &err));
    assert_int_equal(gp_table_rows(t), 3);
    assert_string_equal(cell(t, 0, "score"), "31.25");
    gp_table_close(t);
    gp_cat_close(cat);
}

static void test_nothing_picked(void **state)
{
    (void)state;
    gp_catalog *cat = candidates_catalog("none.db", cats + 3, 1);
    assert_counts(export_to(cat, at("none"), GP_EXPORT_COPY), 0, 0, 0);
    assert_false(file_there(at("none")));
    gp_cat_close(cat);
}

static bool stop_at_once(void *user, const gp_progress *progress)
{
    gp_progress *seen = user;
    *seen = *progress;
    return false;
}

static void test_stopped(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_progress seen = {0};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("stopped.db", cats, CATS);
    options.folder = at("stopped");
    options.progress = stop_at_once;
    options.user = &seen;
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_STOPPED);
    assert_string_equal(seen.stage, "export");
    assert_int_equal(seen.total, 3);
    /* after the stop, finished files are kept, and no table is written */
    assert_true(file_there(at("stopped/x.png")));
    assert_false(file_there(at("stopped/picks.csv")));
    assert_counts(export_to(cat, at("stopped"), GP_EXPORT_COPY), 2, 1, 0);
    gp_cat_close(cat);
}

/* Exports to another disk: copies work; hard links are not possible, and the message says what to use in place of
 * them. */
static void test_other_disk(void **state)
{
    (void)state;
    gp_error err = {0};
    struct stat here, there;
    char folder[] = "/dev/shm/goldpan-test-XXXXXX";
    if (stat(test_folder, &here) != 0 || stat("/dev/shm", &there) != 0 || here.st_dev == there.st_dev ||
        !mkdtemp(folder))
        skip();
    gp_catalog *cat = candidates_catalog("disk.db", cats, CATS);
    gp_export_options options = GP_EXPORT_DEFAULTS;
    options.folder = folder;
    options.mode = GP_EXPORT_HARDLINK;
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, at("a/x.png")));
    assert_non_null(strstr(err.message, folder));
    assert_non_null(strstr(err.message, "--copy"));
    assert_int_equal(files_in(folder), 0);
    assert_counts(export_to(cat, folder, GP_EXPORT_COPY), 3, 0, 0);
    assert_int_equal(files_in(folder), 8);
    folder_remove_tree(folder);
    gp_cat_close(cat);
}

/* Decisions of the user have priority over goldpan's picks. The catalog has three picks: images 0 and 1, and one more.
 * Its other images are not picks. */
static void test_by_hand(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_table *t = NULL;
    gp_report report = GP_INIT(gp_report);
    gp_export_options options = GP_EXPORT_DEFAULTS;
    size_t other = 0;
    while (cats[other].picked) other++;
    gp_catalog *cat = candidates_catalog("hand.db", cats, CATS);
    gp_cat_rating list[] = {
        {.hash = file_hash(at(cats[0].name)), .has_flag = true, .flag = -1, .has_stars = true, .stars = 5},
        {.hash = file_hash(at(cats[other].name)), .has_flag = true, .flag = 1, .has_stars = true, .stars = 3}};
    assert_ok(gp_cat_ratings_put(cat, list, 2, NULL, &err));
    assert_ok(gp_db_exec(cat, "DELETE FROM scores WHERE image = (SELECT image FROM ratings WHERE flag = 1)", &err));
    options.folder = at("hand");
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_int_equal(report.done, 3); /* one of three picks is rejected, and another image is picked although it has no
                                       * score */
    assert_ok(gp_table_open(at("hand/picks.csv"), &t, &err));
    size_t hand = 0;
    for (size_t i = 0; i < gp_table_rows(t); i++) {
        assert_string_not_equal(cell(t, i, "path"), at(cats[0].name));
        if (strcmp(cell(t, i, "flag"), "1") != 0) continue;
        hand++;
        assert_string_equal(cell(t, i, "path"), at(cats[other].name));
        assert_string_equal(cell(t, i, "stars"), "3");
        assert_string_equal(cell(t, i, "score"), "");
    }
    assert_int_equal(hand, 1);
    gp_table_close(t);
    options.folder = at("stars"), options.min_stars = 4;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_int_equal(report.done, 1); /* with --stars, the stars of an image select it, whatever its flag is */
    gp_cat_tagging tagged[] = {
        {list[0].hash, "red \"x\"", false}, {list[0].hash, "cat", false}, {list[1].hash, "cat", false}};
    assert_ok(gp_cat_marks_put(cat, NULL, 0, tagged, 3, NULL, &err));
    options.folder = at("tags"), options.min_stars = 0, options.jsonl = true;
    options.tags = (const char *[]){"cat", "dog"}, options.tag_count = 2;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_int_equal(report.done, 2); /* only the tags count, not flag and score */
    assert_ok(gp_table_open(at("tags/picks.csv"), &t, &err));
    size_t first = strcmp(cell(t, 0, "path"), at(cats[0].name)) != 0;
    assert_string_equal(cell(t, first, "tags"), "cat, red \"x\"");
    assert_string_equal(cell(t, 1 - first, "tags"), "cat");
    gp_table_close(t);
    gp_bytes bytes = content_of(at("tags/picks.jsonl"));
    assert_non_null(strstr((const char *)bytes.data, "\"tags\":[\"cat\",\"red \\\"x\\\"\"]"));
    gp_bytes_clear(&bytes);
    options.folder = at("tagged"), options.min_stars = 5;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_int_equal(report.done, 1); /* both the tag and the stars */
    gp_cat_close(cat);
}

static uint64_t count_of(gp_catalog *cat, gp_export_options options)
{
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    options.folder = at("choice"), options.mode = GP_EXPORT_NONE;
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_int_equal(report.failed, 0);
    return report.done;
}

/* Four ways to select images: only the user's picks; the user's picks and goldpan's suggestions; the default; named
 * images. The catalog has four images: goldpan suggests 0, 1 and 2; the user rejects 1, and picks 3, which has the
 * prompt of image 0. */
static void test_choices(void **state)
{
    (void)state;
    gp_error err = {0};
    char hex[3][33] = {"", "", "00112233445566778899aabbccddeeff"};
    const char *const named[] = {hex[0], hex[1], hex[2], hex[0]};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("choice.db", cats, CATS);
    gp_cat_rating list[] = {{.hash = file_hash(at(cats[3].name)), .has_flag = true, .flag = 1},
                            {.hash = file_hash(at(cats[1].name)), .has_flag = true, .flag = -1}};
    options.mine = options.suggested = true;
    assert_int_equal(count_of(cat, options), 3);
    options.suggested = false;
    assert_int_equal(count_of(cat, options), 0);
    assert_ok(gp_cat_ratings_put(cat, list, 2, NULL, &err));
    assert_int_equal(count_of(cat, options), 1);
    options.suggested = true;
    assert_int_equal(count_of(cat, options), 2); /* 3 takes the place of 0 */
    options.mine = options.suggested = false;
    assert_int_equal(count_of(cat, options), 3); /* 0, 2 and 3 */
    gp_hash_hex(file_hash(at(cats[1].name)), hex[0]);
    gp_hash_hex(file_hash(at(cats[3].name)), hex[1]);
    options.images = named, options.image_count = 4;
    /* named images are exported whatever their marks are; the fourth hash repeats the first */
    memcpy(hex[2], hex[1], 33);
    assert_int_equal(count_of(cat, options), 2);
    options.image_count = 0;
    assert_int_equal(count_of(cat, options), 0);
    gp_cat_close(cat);
}

static void test_wrong_choices(void **state)
{
    (void)state;
    const char *const named[] = {"abc", NULL};
    const gp_export_options start = GP_EXPORT_DEFAULTS;
    gp_export_options wrong[7];
    gp_catalog *cat = candidates_catalog("wrong.db", cats, CATS);
    for (size_t i = 0; i < 7; i++) wrong[i] = start, wrong[i].folder = at("wrong");
    wrong[0].suggested = true;
    wrong[1].mine = wrong[1].all = true;
    wrong[2].mine = true, wrong[2].min_stars = 1;
    wrong[3].mine = true, wrong[3].images = named;
    wrong[4].images = named, wrong[4].image_count = 1;
    wrong[5].images = named + 1, wrong[5].image_count = 1;
    wrong[6].mine = true, wrong[6].tags = named, wrong[6].tag_count = 1;
    for (size_t i = 0; i < 7; i++) {
        gp_error err = {0};
        assert_int_equal(gp_report_export(cat, &wrong[i], NULL, &err), GP_ERR_USAGE);
    }
    gp_cat_close(cat);
}

static bool message_of_copy(void *user, const gp_failure *failure)
{
    if (strcmp(failure->path, at("b/x.png")) == 0) snprintf(user, 200, "%s", failure->message);
    return true;
}

/* A named image counts as failed if its file is missing, or if the catalog does not have its hash. */
static void test_named_but_lost(void **state)
{
    (void)state;
    gp_error err = {0};
    char hex[3][33] = {"", "", "00112233445566778899aabbccddeeff"}, message[200] = "";
    const char *const named[] = {hex[0], hex[1], hex[2], hex[1]};
    gp_report report = GP_INIT(gp_report);
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("lost.db", cats, CATS);
    gp_hash_hex(file_hash(at(cats[0].name)), hex[0]);
    gp_hash_hex(file_hash(at(cats[1].name)), hex[1]);
    assert_ok(gp_db_exec(cat, "DELETE FROM picks", &err)); /* the rows of picks stay even without a file */
    assert_ok(gp_cat_path_gone(cat, at("b/x.png"), &err));
    options.images = named, options.image_count = 4, options.folder = at("lost");
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_counts(report, 1, 0, 2);
    assert_ok(gp_cat_failures(cat, message_of_copy, message, &err));
    assert_string_equal(message, "the catalog records this file as missing: add it again");
    assert_int_equal(unlink(at("b/x.png")), 0);
    options.images = named + 1, options.image_count = 1, options.folder = at("lost too");
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_counts(report, 0, 0, 1);
    assert_ok(gp_cat_failures(cat, message_of_copy, message, &err));
    assert_string_equal(message, "the file does not exist");
    assert_false(file_there(at("lost too")));
    gp_cat_close(cat);
}

/* The sum of the file sizes is larger than the free space of the disk. The files are sparse, so they use no space. */
static void test_no_space(void **state)
{
    (void)state;
    gp_error err = {0};
    struct statvfs disk;
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("space.db", cats, CATS);
    assert_int_equal(statvfs(test_folder, &disk), 0);
    uint64_t room = (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize;
    assert_ok(gp_export_check_space(at("space"), 1, &err));
    assert_int_equal(gp_export_check_space(at("space/deep"), room + (10ull << 30), &err), GP_ERR_IO);
    for (size_t i = 0; i < CATS; i++) /* files of a third of the space each, because the size of a file has a limit */
        if (cats[i].picked) assert_int_equal(truncate(at(cats[i].name), (off_t)(room / 3 + (1 << 30))), 0);
    options.folder = at("space");
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, at("space")));
    assert_non_null(strstr(err.message, "--symlink"));
    assert_false(file_there(at("space")));
    /* links need no space: this export fails only because the files have changed */
    options.mode = GP_EXPORT_SYMLINK;
    gp_report report = GP_INIT(gp_report);
    assert_ok(gp_report_export(cat, &options, &report, &err));
    assert_counts(report, 0, 0, 3);
    /* a file in the export folder may be a copy of an earlier export, so its size counts as available space */
    assert_int_equal(rename(at(cats[0].name), at("space/x.png")), 0);
    assert_ok(gp_export_check_space(at("space"), room + 1, &err));
    for (size_t i = 1; i < CATS; i++) assert_int_equal(unlink(at(cats[i].name)), 0);
    gp_cat_close(cat);
}

static void test_folder_not_possible(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("no.db", cats, CATS);
    assert_ok(gp_file_replace(at("a file"), "x", 1, &err));
    options.folder = at("a file");
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "a file"));
    gp_cat_close(cat);
}

static void test_list_of_copies(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_own_names names;
    struct stat info;
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("list.db", cats, CATS);
    options.folder = at("list");
    assert_ok(gp_folder_make(at("list"), &err));
    assert_ok(gp_file_replace(at("list/" GP_MARK_EXPORT), "x.png\nold.png", 13, &err));
    assert_ok(gp_report_export(cat, &options, NULL, &err));
    assert_ok(gp_own_names_read(at("list"), &names, &err));
    assert_int_equal(names.count, 4); /* each name once */
    assert_true(gp_own_names_have(&names, "old.png"));
    assert_true(gp_own_names_have(&names, "x-3.png"));
    gp_own_names_clear(&names);
    assert_int_equal(stat(at("list/" GP_MARK_EXPORT), &info), 0);
    ino_t before = info.st_ino;
    assert_ok(gp_report_export(cat, &options, NULL, &err));
    assert_int_equal(stat(at("list/" GP_MARK_EXPORT), &info), 0);
    assert_int_equal(info.st_ino, before); /* there is no name to add, so goldpan does not write the list again */
    const off_t size = ((off_t)64 << 20) + 1;
    assert_int_equal(truncate(at("list/" GP_MARK_EXPORT), size), 0);
    assert_int_equal(gp_report_export(cat, &options, NULL, &err), GP_ERR_LIMIT);
    assert_non_null(strstr(err.message, GP_MARK_EXPORT));
    assert_int_equal(stat(at("list/" GP_MARK_EXPORT), &info), 0);
    assert_true(info.st_size == size); /* a list that cannot be read stays unchanged */
    options.folder = at("a/../a");
    assert_ok(gp_report_export(cat, &options, NULL, &err));
    assert_ok(gp_own_names_read(at("a"), &names, &err));
    assert_int_equal(names.count, 2);
    /* this file is an original image, so it is not in the list of exported files */
    assert_false(gp_own_names_have(&names, "x.png"));
    gp_own_names_clear(&names);
    gp_cat_close(cat);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("memory.db", cats, CATS);
    options.jsonl = options.imagefolder = true;
    options.folder = at("memory");
    for (uint64_t n = 1; n < 5000; n++) {
        int64_t live = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = gp_report_export(cat, &options, NULL, &err);
        bool failed = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), live);
        if (failed) {
            assert_int_equal(st, GP_ERR_MEMORY);
            continue;
        }
        assert_int_equal(st, GP_OK);
        assert_int_equal(files_in(at("memory")), 8);
        gp_cat_close(cat);
        return;
    }
    fail_msg("never enough memory");
}

static void test_no_memory_for_named(void **state)
{
    (void)state;
    gp_error err = {0};
    char hex[2][33];
    const char *const named[] = {hex[0], hex[1]};
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_catalog *cat = candidates_catalog("named.db", cats, CATS);
    for (size_t i = 0; i < 2; i++) gp_hash_hex(file_hash(at(cats[3 * i].name)), hex[i]);
    assert_ok(gp_cat_path_gone(cat, at(cats[3].name), &err)); /* this image is not a pick, so it gets no row */
    options.images = named, options.image_count = 2, options.folder = at("named");
    for (uint64_t n = 1; n < 5000; n++) {
        gp_report report = GP_INIT(gp_report);
        int64_t live = gp_mem_live();
        gp_mem_fail_at(n);
        gp_status st = gp_report_export(cat, &options, &report, &err);
        bool failed = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), live);
        if (failed) {
            assert_int_equal(st, GP_ERR_MEMORY);
            continue;
        }
        assert_int_equal(st, GP_OK);
        assert_int_equal(report.done + report.skipped, 1);
        assert_int_equal(report.failed, 1);
        gp_cat_close(cat);
        return;
    }
    fail_msg("never enough memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_again_is_nothing),
        cmocka_unit_test(test_file_in_the_way),
        cmocka_unit_test(test_foreign_table_in_the_way),
        cmocka_unit_test(test_missing_and_changed),
        cmocka_unit_test(test_no_image),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_imagefolder_and_all),
        cmocka_unit_test(test_scores_of_the_pick),
        cmocka_unit_test(test_nothing_picked),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_other_disk),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_wrong_choices),
        cmocka_unit_test(test_named_but_lost),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_folder_not_possible),
        cmocka_unit_test(test_list_of_copies),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_for_named),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
