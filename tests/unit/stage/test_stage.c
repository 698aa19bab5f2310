/* SPDX-License-Identifier: MIT
 * Whole stages through goldpan.h, with the bundled model and small images made here.  Only missing work is done,
 * results do not depend on threads or batches, and a run that continues after a stop gives the results of one run. */
#include "place.h"

static void test_second_run_does_nothing(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    place_make(&p);
    put_many(&p, 20);
    put_picture(&p, "wordless.png", 99, NULL);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.add.done, 21);
    assert_int_equal(report.add.without_prompt, 1);
    assert_int_equal(report.score.done, 21);
    assert_int_equal(report.score.without_prompt, 1);
    assert_int_equal(report.pick.done, 4);
    gp_counts counts = counts_of(&p);
    assert_int_equal(counts.prompts, 4);
    assert_int_equal(counts.prompt_embeddings, 4); /* each distinct text once */
    assert_int_equal(counts.scores, 20);
    char *before = dump(&p);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.add.done, 0);
    assert_int_equal(report.score.done, 0);
    assert_int_equal(report.score.skipped, 21);
    char *after = dump(&p);
    assert_string_equal(before, after);
    /* only the new image */
    put_picture(&p, "new.png", 1234, "a red cat");
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.add.done, 1);
    assert_int_equal(report.score.done, 1);
    gp_mem_free(before);
    gp_mem_free(after);
    place_remove(&p);
}

static void test_threads_and_batches_change_nothing(void **state)
{
    (void)state;
    static const plan plans[] = {{.threads = 1, .batch = 1}, {.threads = 2}, {.threads = 5, .batch = 7}};
    char *first = NULL;
    for (size_t i = 0; i < 3; i++) {
        place p;
        gp_error err = {0};
        run_counts report = {0};
        place_make(&p);
        put_many(&p, 33);
        assert_ok(run_plan(&p, &plans[i], &report, &err));
        char *now = dump(&p);
        if (first)
            assert_string_equal(first, now);
        else
            first = gp_str_dup(now);
        gp_mem_free(now);
        place_remove(&p);
    }
    gp_mem_free(first);
}

static void test_bad_files(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    gp_bytes good = {0};
    place_make(&p);
    put_many(&p, 4);
    put_picture(&p, "whole.png", 50, "a red cat");
    assert_ok(gp_file_read(in(&p, "whole.png"), 1 << 20, &good, &err));
    put_bytes(in(&p, "empty.png"), "", 0);
    put_text(in(&p, "text.jpg"), "not a picture at all");
    put_bytes(in(&p, "cut.png"), good.data, good.size / 2);
    put_bytes(in(&p, "head.webp"), "RIFF\x10\0\0\0WEBPVP8 ", 16);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.add.failed + report.score.failed, 4);
    gp_counts counts = counts_of(&p);
    assert_int_equal(counts.failures, 4);
    assert_int_equal(counts.scores, 5);
    /* a file that exceeds a limit also counts as failed; the failure is removed when the limit is raised */
    plan tight = {.max_pixels = 100};
    place q;
    place_make(&q);
    put_many(&q, 2);
    assert_ok(run_plan(&q, &tight, &report, &err));
    assert_int_equal(report.add.failed, 2);
    assert_ok(run_plan(&q, NULL, &report, &err));
    assert_int_equal(counts_of(&q).failures, 0);
    assert_int_equal(counts_of(&q).scores, 2);
    place_remove(&q);
    /* after the repair the failure is removed, and the image gets a score */
    put_bytes(in(&p, "cut.png"), good.data, good.size);
    put_picture(&p, "text.png", 51, NULL);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(counts_of(&p).failures, 3);
    gp_bytes_clear(&good);
    place_remove(&p);
}

static void test_moved_and_doubled(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    char to[256];
    place_make(&p);
    put_many(&p, 8);
    assert_ok(run_plan(&p, NULL, &report, &err));
    snprintf(to, sizeof to, "%s", in(&p, "moved.png"));
    assert_int_equal(rename(in(&p, "003.png"), to), 0);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.score.done, 0); /* the embedding and score of the moved image are kept */
    gp_counts counts = counts_of(&p);
    assert_int_equal(counts.images, 8);
    assert_int_equal(counts.missing_paths, 1);
    gp_bytes bytes = {0};
    assert_ok(gp_file_read(in(&p, "000.png"), 1 << 20, &bytes, &err));
    put_bytes(in(&p, "double.png"), bytes.data, bytes.size);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_int_equal(report.add.duplicates, 1);
    assert_int_equal(report.score.done, 0);
    assert_int_equal(counts_of(&p).images, 8);
    gp_bytes_clear(&bytes);
    place_remove(&p);
}

static void test_table_beats_sidecar(void **state)
{
    (void)state;
    place p;
    run_counts report = {0};
    gp_error err = {0};
    char table[160];
    place_make(&p);
    put_many(&p, 4);
    assert_ok(run_plan(&p, NULL, &report, &err));
    snprintf(table, sizeof table, "%s/prompts.csv", p.root);
    put_text(table, "file_name,prompt,category\n000.png,\"a green tree, at night\",plants\nabsent.png,a dog,animals\n");
    plan how = {.prompts = table};
    assert_ok(run_plan(&p, &how, &report, &err));
    assert_int_equal(report.add.rows_without_image, 1);
    char *rows = dump(&p);
    assert_non_null(strstr(rows, "000.png|a green tree, at night|table:prompts.csv|1|"));
    assert_non_null(strstr(rows, "001.png|two blue cars|sidecar|1|"));
    gp_mem_free(rows);
    /* the sidecar file does not replace the prompt from the table */
    put_picture(&p, "000.png", 1, "a red cat");
    assert_ok(run_plan(&p, NULL, &report, &err));
    rows = dump(&p);
    assert_non_null(strstr(rows, "000.png|a green tree, at night|table:prompts.csv|1|"));
    gp_mem_free(rows);
    /* if the caller names a column that does not exist, the call fails with GP_ERR_USAGE */
    put_text(table, "a,b\n1,2\n");
    assert_int_equal(run_plan(&p, &how, &report, &err), GP_ERR_USAGE);
    place_remove(&p);
}

/* ------------------------------------------------------------------ stopping */

typedef struct stopper {
    int calls, stop_at;
} stopper;

static bool stop_sometime(void *user, const gp_progress *progress)
{
    stopper *s = user;
    (void)progress;
    return ++s->calls != s->stop_at;
}

static void test_stop_and_go_on(void **state)
{
    (void)state;
    place whole, parts;
    run_counts report = {0};
    gp_error err = {0};
    place_make(&whole);
    put_many(&whole, 40);
    assert_ok(run_plan(&whole, NULL, &report, &err));
    char *expected = dump(&whole);
    place_make(&parts);
    put_many(&parts, 40);
    int stops = 0;
    for (int at = 1;; at++) { /* progress is reported at most ten times a second, so a short run gets only the first
                               * calls */
        stopper s = {.stop_at = at > 3 ? 0 : at};
        plan how = {.threads = 2, .batch = 3, .progress = stop_sometime, .user = &s};
        gp_status st = run_plan(&parts, &how, &report, &err);
        if (st == GP_OK) break;
        assert_int_equal(st, GP_ERR_STOPPED);
        assert_true(++stops < 10);
    }
    assert_true(stops > 0);
    char *got = dump(&parts);
    assert_string_equal(expected, got);
    gp_mem_free(expected);
    gp_mem_free(got);
    place_remove(&whole);
    place_remove(&parts);
}

/* ------------------------------------------------------------------ other cases */

static void test_long_prompt(void **state)
{
    (void)state;
    int32_t ids[77];
    size_t count = 0, full = 0;
    gp_str s = GP_STR_INIT;
    gp_error err = {0};
    for (int i = 0; i < 200; i++) gp_str_puts(&s, "a red cat ");
    assert_ok(gp_tokens(model, s.data, ids, 77, &count, &full, &err));
    assert_int_equal(count, 77);
    assert_int_equal(full, 602);
    assert_int_equal(ids[76], 862); /* the end token is kept */
    assert_int_equal(gp_tokens(model, "x", ids, 5, &count, &full, &err), GP_ERR_USAGE);
    gp_str_clear(&s);
}

static void test_embed_without_catalog(void **state)
{
    (void)state;
    place p;
    gp_error err = {0};
    gp_embed_options one = GP_EMBED_DEFAULTS, many = GP_EMBED_DEFAULTS;
    char *paths[6];
    float a[6 * 128], b[6 * 128];
    bool ok[6];
    gp_report report = GP_INIT(gp_report);
    place_make(&p);
    put_many(&p, 5);
    for (size_t i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03zu.png", i);
        paths[i] = gp_str_dup(in(&p, name)); /* the last path of the list does not exist */
    }
    one.threads = one.batch = 1;
    many.threads = 3, many.batch = 4;
    assert_ok(gp_embed_files(model, (const char *const *)paths, 6, &one, a, ok, &report, &err));
    assert_true(ok[0] && ok[4] && !ok[5]);
    assert_int_equal(report.failed, 1);
    assert_ok(gp_embed_files(model, (const char *const *)paths, 6, &many, b, ok, &report, &err));
    assert_memory_equal(a, b, sizeof a);
    /* planes computed by gp_preprocess give the same row */
    gp_pixels pixels = GP_INIT(gp_pixels);
    static float planes[3 * 112 * 112], row[128];
    assert_ok(gp_image_decode(paths[2], 0, &pixels, &err));
    assert_ok(gp_preprocess(model, &pixels, planes, &err));
    assert_ok(gp_encode_images(model, planes, 1, NULL, row, &err));
    assert_memory_equal(row, a + 2 * 128, sizeof row);
    gp_pixels_clear(&pixels);
    for (size_t i = 0; i < 6; i++) gp_mem_free(paths[i]);
    place_remove(&p);
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_model *none = NULL;
    assert_int_equal(gp_catalog_open(NULL, 0, &cat, &err), GP_ERR_USAGE);
    assert_int_equal(gp_catalog_open("/tmp/goldpan-absent/none.db", 0, &cat, &err), GP_ERR_NOT_FOUND);
    assert_int_equal(gp_add(NULL, NULL, NULL, &err), GP_ERR_USAGE);
    assert_int_equal(gp_model_open("no/such-model", NULL, &none, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "goldpan model get no/such-model"));
    assert_int_equal(gp_model_open("../etc/passwd", NULL, &none, NULL), GP_ERR_NOT_FOUND);
    /* an older caller's shorter struct: missing fields get their defaults */
    gp_query old = {.size = offsetof(gp_query, picked_only), .picked_only = true};
    place p;
    run_counts report = {0};
    place_make(&p);
    put_many(&p, 8);
    assert_ok(run_plan(&p, NULL, &report, &err));
    assert_ok(gp_catalog_open(p.catalog, 0, &cat, &err));
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    size_t n = 0;
    assert_ok(gp_rows_open(cat, &old, &rows, &err));
    for (;; n++) {
        assert_ok(gp_rows_next(rows, &row, &err));
        if (!row) break;
    }
    assert_int_equal(n, 8);
    gp_rows_close(rows);
    gp_catalog_close(cat);
    place_remove(&p);
}

static void test_no_memory(void **state)
{
    (void)state;
    place p;
    place_make(&p);
    put_many(&p, 3);
    put_picture(&p, "wordless.png", 99, NULL);
    int64_t before = gp_mem_live();
    uint64_t n = 1;
    for (;; n += 1 + n / 8) {
        gp_error err = {0};
        run_counts report = {0};
        plan how = {.threads = 1};
        unlink(p.catalog);
        gp_mem_fail_at(n);
        gp_status st = run_plan(&p, &how, &report, &err);
        bool reached = gp_mem_fail_at(0) >= n;
        assert_int_equal(gp_mem_live(), before);
        if (st == GP_OK && !reached) break;
        assert_true(n < 1000000);
    }
    assert_true(n > 100);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_run_does_nothing),
        cmocka_unit_test(test_threads_and_batches_change_nothing),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_moved_and_doubled),
        cmocka_unit_test(test_table_beats_sidecar),
        cmocka_unit_test(test_stop_and_go_on),
        cmocka_unit_test(test_long_prompt),
        cmocka_unit_test(test_embed_without_catalog),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
