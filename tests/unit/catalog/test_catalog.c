/* SPDX-License-Identifier: MIT
 * The catalog as the stages use it: images by content, priority of prompts, remaining work, scores, picks, rows. */
#include "catalog_support.h"
#include "catalog/analysis.h"
#include <math.h>

static void test_image_by_content(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("content/deep/c.db"), GP_CATALOG_CREATE);
    gp_cat_image image = image_of(1);
    int64_t a = 0, b = 0, known = -1;
    bool fresh = false;
    assert_ok(gp_cat_image_put(cat, &image, "/x/a.png", 1001, 77, &a, &fresh, &err));
    assert_true(fresh);
    assert_ok(gp_cat_image_put(cat, &image, "/x/copy of a.png", 1001, 78, &b, &fresh, &err));
    assert_false(fresh);
    assert_int_equal(a, b);
    assert_ok(gp_cat_path_known(cat, "/x/a.png", 1001, 77, &known, NULL, &err));
    assert_int_equal(known, a);
    assert_ok(gp_cat_path_known(cat, "/x/a.png", 1001, 78, &known, NULL, &err));
    assert_int_equal(known, 0);
    assert_ok(gp_cat_path_known(cat, "/x/b.png", 1001, 77, &known, NULL, &err));
    assert_int_equal(known, 0);
    gp_counts counts = GP_INIT(gp_counts);
    assert_ok(gp_cat_counts(cat, &counts, &err));
    assert_int_equal(counts.images, 1);
    assert_int_equal(counts.paths, 2);
    gp_cat_close(cat);
}

/* The file at a path is replaced: the path belongs to the new image, and the results of the old image stay. */
static void test_file_replaced(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("replaced.db"), GP_CATALOG_CREATE);
    int64_t encoder = put_encoder(cat, "w");
    int64_t old = put_image(cat, 1, "/x/a.png");
    float v[DIMS] = {1, 0, 0, 0};
    gp_cat_todo todo;
    uint64_t lacking, having;
    put_prompt(cat, old, "a cat", "a1111", 2);
    assert_ok(gp_cat_image_embedding_put(cat, old, encoder, v, DIMS, &err));
    int64_t now = put_image(cat, 2, "/x/a.png");
    assert_int_not_equal(old, now);
    assert_ok(gp_cat_images_todo(cat, encoder, 0, 10, false, &todo, &err));
    assert_int_equal(todo.count, 1);
    assert_int_equal(todo.ids[0], now);
    assert_string_equal(todo.paths[0], "/x/a.png");
    gp_cat_todo_clear(&todo);
    /* If the same content appears at another path, there is no new image to encode or score. */
    assert_int_equal(put_image(cat, 1, "/y/a.png"), old);
    assert_ok(gp_cat_images_todo_count(cat, encoder, false, &lacking, &having, &err));
    assert_int_equal(lacking, 1);
    assert_int_equal(having, 1);
    int64_t prompt = 0;
    assert_ok(gp_cat_prompt_of(cat, old, &prompt, &err));
    assert_true(prompt > 0);
    assert_invariants(cat);
    gp_cat_close(cat);
}

static bool exists_in_y(void *user, const char *path)
{
    (void)user;
    return strncmp(path, "/y/", 3) == 0;
}

static void test_moved_and_missing(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("moved.db"), GP_CATALOG_CREATE);
    int64_t encoder = put_encoder(cat, "w"), known;
    int64_t moved = put_image(cat, 1, "/x/a.png"), gone = put_image(cat, 2, "/x/gone.png");
    gp_cat_todo todo;
    gp_counts counts = GP_INIT(gp_counts);
    uint64_t lost = 0;
    char name[64];
    /* there are so many paths that the search for missing paths needs more than one query */
    for (unsigned i = 10; i < 1400; i++) {
        snprintf(name, sizeof name, "/x/%u.png", i);
        put_image(cat, i, name);
    }
    assert_int_equal(put_image(cat, 1, "/y/a.png"), moved);
    assert_ok(gp_cat_paths_mark_missing(cat, exists_in_y, NULL, &lost, &err));
    assert_int_equal(lost, 1391); /* the image that was moved is not missing */
    assert_ok(gp_cat_counts(cat, &counts, &err));
    assert_int_equal(counts.missing_paths, 1392);
    assert_ok(gp_cat_images_todo(cat, encoder, 0, 10, false, &todo, &err));
    assert_int_equal(todo.count, 1);
    assert_int_equal(todo.ids[0], moved);
    assert_string_equal(todo.paths[0], "/y/a.png");
    gp_cat_todo_clear(&todo);
    /* Missing images are candidates again when their files are found again, for example after a disk was plugged
     * in. */
    assert_ok(gp_cat_path_known(cat, "/x/gone.png", 1002, 77, &known, NULL, &err));
    assert_int_equal(known, gone);
    assert_ok(gp_cat_images_todo(cat, encoder, moved, 10, false, &todo, &err));
    assert_int_equal(todo.count, 1);
    assert_int_equal(todo.ids[0], gone);
    gp_cat_todo_clear(&todo);
    gp_cat_close(cat);
}

static void test_prompt_precedence(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("prompts.db"), GP_CATALOG_CREATE);
    int64_t image = put_image(cat, 1, "/x/a.png");
    gp_cat_prompt sidecar = {"a dog", "a dog", NULL, "sidecar", 1, NULL, "stated", NULL};
    gp_cat_prompt meta = {"a cat", "(a cat:1.2)", "blurry", "a1111", 2, "{\"Steps\":\"20\"}", "stated", NULL};
    gp_cat_prompt table = {"a fox", "a fox", NULL, "table:p.csv", 3, NULL, "stated", NULL};
    bool changed;
    assert_ok(gp_cat_prompt_put(cat, image, &sidecar, &changed, &err));
    assert_true(changed);
    assert_ok(gp_cat_prompt_put(cat, image, &sidecar, &changed, &err));
    assert_false(changed);
    assert_ok(gp_cat_prompt_put(cat, image, &table, &changed, &err));
    assert_true(changed);
    assert_ok(gp_cat_prompt_put(cat, image, &sidecar, &changed, &err));
    assert_false(changed);
    assert_ok(gp_cat_prompt_put(cat, image, &meta, &changed, &err));
    assert_false(changed);
    assert_int_equal(ask(cat, "SELECT p.text = 'a fox' FROM image_prompts JOIN prompts p ON p.id = prompt"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM prompts"), 2); /* a prompt of lower priority is not stored */
    /* a corrected prompt from the table replaces the earlier prompt from the table */
    table.text = table.raw = "a red fox";
    assert_ok(gp_cat_prompt_put(cat, image, &table, &changed, &err));
    assert_true(changed);
    table.settings_json = "{\"category\":\"animals\"}";
    assert_ok(gp_cat_prompt_put(cat, image, &table, &changed, &err));
    assert_true(changed);
    assert_ok(gp_cat_prompt_put(cat, image, &table, &changed, &err));
    assert_false(changed);
    assert_int_equal(ask(cat, "SELECT count(*) FROM image_prompts"), 1);
    gp_cat_close(cat);
}

static void test_failures(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("failures.db"), GP_CATALOG_CREATE);
    int64_t encoder = put_encoder(cat, "w"), image = put_image(cat, 1, "/x/a.png");
    uint64_t lacking, having;
    assert_ok(gp_cat_failure_put(cat, "/x/bad.png", 9, 5, 0, "add", "not an image", false, &err));
    assert_ok(gp_cat_failure_put(cat, "/x/bad.png", 9, 6, 0, "add", "still not an image", false, &err));
    assert_ok(gp_cat_failure_put(cat, "/x/a.png", 1001, 77, image, "score", "truncated", false, &err));
    assert_ok(gp_cat_images_todo_count(cat, encoder, false, &lacking, &having, &err));
    assert_int_equal(lacking, 0);
    assert_ok(gp_cat_images_todo_count(cat, encoder, true, &lacking, &having, &err));
    assert_int_equal(lacking, 1);
    assert_ok(gp_cat_failure_clear(cat, image, "score", &err));
    assert_ok(gp_cat_images_todo_count(cat, encoder, false, &lacking, &having, &err));
    assert_int_equal(lacking, 1);
    put_image(cat, 3, "/x/bad.png"); /* the file was repaired */
    assert_int_equal(ask(cat, "SELECT count(*) FROM failures"), 0);
    /* If a valid file becomes damaged, its image counts as missing. */
    assert_ok(gp_cat_failure_put(cat, "/x/a.png", 4, 99, 0, "add", "empty file", false, &err));
    assert_ok(gp_cat_images_todo_count(cat, encoder, false, &lacking, &having, &err));
    assert_int_equal(lacking, 1);
    gp_cat_close(cat);
}

/* ------------------------------------------------------------------ scores, candidates, picks, rows */

typedef struct scoring {
    gp_catalog *cat;
    const char *scorer;
    int pairs;
} scoring;

static bool score_pair(void *user, const gp_cat_pairs *pairs)
{
    scoring *s = user;
    gp_error err = {0};
    for (size_t k = 0; k < pairs->count; k++) {
        double sum = 0;
        for (size_t i = k * pairs->dims; i < (k + 1) * pairs->dims; i++)
            sum += (double)(pairs->image_vectors[i] * (pairs->prompt_vectors ? pairs->prompt_vectors[i] : 1));
        assert_ok(gp_cat_score_put(s->cat, pairs->images[k], pairs->prompts[k], s->scorer, 100 * sum, &err));
        if (++s->pairs % 100 == 0) { /* commits during a visit */
            assert_ok(gp_cat_commit(s->cat, &err));
            assert_ok(gp_cat_begin(s->cat, &err));
        }
    }
    return true;
}

/* Adds `prompts` prompts with 4 images each; image c of a prompt has score 10 * c. */
static void fill_scored(gp_catalog *cat, unsigned prompts, const char *scorer)
{
    gp_error err = {0};
    char text[64], path[64];
    int64_t encoder = put_encoder(cat, "w");
    assert_ok(gp_cat_begin(cat, &err));
    for (unsigned p = 0; p < prompts; p++)
        for (unsigned c = 0; c < 4; c++) {
            float v[DIMS] = {0.1f * (float)c, 1, 0, 0};
            snprintf(path, sizeof path, "/x/%u_%u.png", p, c);
            snprintf(text, sizeof text, "prompt %u", p);
            int64_t image = put_image(cat, p * 4 + c, path);
            put_prompt(cat, image, text, "a1111", 2);
            assert_ok(gp_cat_image_embedding_put(cat, image, encoder, v, DIMS, &err));
        }
    gp_cat_todo todo;
    assert_ok(gp_cat_prompts_todo(cat, encoder, NULL, 0, 100000, &todo, &err));
    assert_int_equal(todo.count, prompts);
    for (size_t i = 0; i < todo.count; i++) {
        float v[DIMS] = {1, 0, 0, 0};
        assert_ok(gp_cat_prompt_embedding_put(cat, todo.ids[i], encoder, v, DIMS, 7, false, NULL, &err));
    }
    gp_cat_todo_clear(&todo);
    put_scorer(cat, scorer, encoder);
    scoring s = {cat, scorer, 0};
    assert_ok(gp_cat_pairs_todo(cat, scorer, false, score_pair, &s, &err));
    assert_int_equal(s.pairs, 4 * prompts);
    assert_ok(gp_cat_pairs_todo(cat, scorer, false, score_pair, &s, &err));
    assert_int_equal(s.pairs, 4 * prompts);
    assert_ok(gp_cat_commit(cat, &err));
    assert_invariants(cat);
}

static void test_scores_and_rows(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("rows.db"), GP_CATALOG_CREATE);
    char *last = NULL;
    gp_rows *rows;
    const gp_row *row;
    assert_int_equal(gp_cat_scorer_last(cat, &last, &err), GP_ERR_NOT_FOUND);
    assert_ok(gp_cat_rows_open(cat, NULL, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);
    fill_scored(cat, 200, "clip/w");
    int64_t bare = put_image(cat, 9999, "/x/no prompt.png");
    assert_ok(gp_cat_scorer_last(cat, &last, &err));
    assert_string_equal(last, "clip/w");
    gp_mem_free(last);

    int64_t best[200];
    uint32_t ranks[200];
    for (size_t p = 0; p < 200; p++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT image FROM paths WHERE path = '/x/%zu_3.png'", p);
        best[p] = ask(cat, sql), ranks[p] = 1;
    }
    assert_ok(gp_cat_picks_replace(cat, "clip/w", best, ranks, 200, "per_prompt=1", NULL, NULL, &err));
    assert_ok(gp_cat_picks_replace(cat, "clip/w", best, ranks, 200, "per_prompt=1", NULL, NULL, &err));

    assert_ok(gp_cat_rows_open(cat, NULL, &rows, &err));
    char before[64] = "";
    for (uint32_t n = 0; n < 801; n++) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        assert_non_null(row);
        if (n == 800) { /* in this order, images without a prompt come last */
            assert_int_equal(row->image, bare);
            assert_null(row->prompt);
            assert_false(row->has_score);
            assert_int_equal(row->rank, 0);
            assert_int_equal(row->candidates, 0);
            break;
        }
        assert_true(strcmp(before, row->prompt) <= 0);
        snprintf(before, sizeof before, "%s", row->prompt);
        assert_int_equal(row->rank, n % 4 + 1);
        assert_int_equal(row->candidates, 4);
        assert_true(fabs(row->score - 10.0 * (3 - n % 4)) < 1e-4);
        assert_int_equal(row->picked, n % 4 == 0);
        assert_string_equal(row->format, "png");
        assert_int_equal(strlen(row->hash), 32);
        assert_int_equal(row->path_count, 1);
    }
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);
    gp_cat_close(cat);
}

static void test_rows_filters(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("filters.db"), GP_CATALOG_CREATE);
    fill_scored(cat, 5, "clip/w");
    int64_t image = ask(cat, "SELECT image FROM paths WHERE path = '/x/3_2.png'");
    uint32_t rank = 2;
    gp_rows *rows;
    const gp_row *row;
    put_image(cat, 3 * 4 + 2, "/a/other name.png");
    assert_ok(gp_cat_picks_replace(cat, "clip/w", &image, &rank, 1, NULL, NULL, NULL, &err));
    assert_ok(gp_cat_failure_put(cat, "/x/3_2.png", 1, 1, image, "score", "oops", false, &err));

    gp_query query = GP_QUERY_DEFAULTS;
    query.path = "/x/../x/3_2.png";
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_non_null(row);
    assert_string_equal(row->path, "/x/3_2.png");
    assert_int_equal(row->path_count, 2);
    assert_int_equal(row->rank, 2);
    assert_int_equal(row->candidates, 4);
    assert_true(row->picked);
    assert_string_equal(row->failure, "oops");
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);

    query.path = "/x/unknown.png";
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);

    query.path = NULL;
    query.picked_only = true;
    query.order = GP_ORDER_SCORE;
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_string_equal(row->path, "/a/other name.png");
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);

    double previous = 1e9;
    query.picked_only = false;
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    for (;;) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        if (!row) break;
        assert_true(row->score <= previous);
        previous = row->score;
    }
    gp_cat_rows_close(rows);

    char before[256] = "";
    query.order = GP_ORDER_PATH;
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    for (;;) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        if (!row) break;
        assert_true(strcmp(before, row->path) < 0);
        snprintf(before, sizeof before, "%s", row->path);
    }
    gp_cat_rows_close(rows);

    query.scorer = "nobody";
    assert_int_equal(gp_cat_rows_open(cat, &query, &rows, &err), GP_ERR_NOT_FOUND);
    query.scorer = "clip/w";
    query.order = (gp_order)99;
    assert_int_equal(gp_cat_rows_open(cat, &query, &rows, &err), GP_ERR_USAGE);
    gp_cat_close(cat);
}

static bool exists_not_best(void *user, const char *path)
{
    (void)user;
    return strcmp(path, "/x/0_3.png") != 0;
}

/* A missing image has no rank and is not a candidate. If a missing image is a pick, it stays in `picks` until the next
 * call of gp_cat_picks_replace. */
static void test_gone_is_not_ranked(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("gone.db"), GP_CATALOG_CREATE);
    fill_scored(cat, 1, "clip/w");
    int64_t image = ask(cat, "SELECT image FROM paths WHERE path = '/x/0_3.png'");
    uint32_t rank = 1;
    gp_rows *rows;
    const gp_row *row;
    gp_cat_matrix m;
    assert_ok(gp_cat_picks_replace(cat, "clip/w", &image, &rank, 1, "r", NULL, NULL, &err));
    assert_ok(gp_cat_paths_mark_missing(cat, exists_not_best, NULL, NULL, &err));
    assert_ok(gp_cat_matrix_read(cat, "clip/w", &m, &err));
    assert_int_equal(m.n, 3);
    assert_non_null(m.texts[0]);
    assert_non_null(m.vectors);
    gp_cat_matrix_clear(&m);
    assert_ok(gp_cat_matrix_columns(cat, "clip/w", 0, &m, &err)); /* columns that are slow to read are read only on
                                                                   * request */
    assert_int_equal(m.n, 3);
    assert_null(m.texts[0]);
    assert_null(m.vectors);
    gp_cat_matrix_clear(&m);
    assert_ok(gp_cat_rows_open(cat, NULL, &rows, &err));
    for (uint32_t n = 1; n <= 4; n++) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        assert_non_null(row);
        assert_int_equal(row->rank, n <= 3 ? n : 0);
        assert_int_equal(row->candidates, 3);
        assert_int_equal(row->picked, n == 4);
    }
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_null(row);
    gp_cat_rows_close(rows);
    assert_ok(gp_cat_picks_replace(cat, "clip/w", NULL, NULL, 0, "r", NULL, NULL, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images"), 3);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE rank BETWEEN 1 AND 3 AND candidates = 3"), 3);
    gp_cat_close(cat);
}

/* An image whose prompt is a guess is scored only on request. An image without a prompt keeps its settings. The catalog
 * counts these two kinds of images. */
static void test_guesses(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_counts counts = GP_INIT(gp_counts);
    bool changed;
    gp_catalog *cat = catalog_open(at("guess.db"), GP_CATALOG_CREATE);
    fill_scored(cat, 1, "clip/w");
    gp_hash hashes[2] = {image_of(0).hash, image_of(3).hash};
    gp_cat_prompt guess = {
        .text = "prompt 0", .raw = "prompt 0", .source = "comfyui", .evidence = "guess", .file_read = &hashes[0]};
    gp_cat_prompt none = {.source = "comfyui", .settings_json = "{\"seed\":1}"}, nothing = {.source = "comfyui"};
    int64_t images[2] = {ask(cat, "SELECT min(id) FROM images"), ask(cat, "SELECT max(id) FROM images")};
    assert_ok(gp_cat_prompt_put(cat, images[0], &guess, &changed, &err));
    assert_true(changed);
    assert_ok(gp_cat_prompt_put(cat, images[1], &none, &changed, &err));
    assert_false(changed); /* the prompt from the file's metadata stays, because the file was not read again */
    none.file_read = &hashes[0];
    assert_ok(gp_cat_prompt_put(cat, images[1], &none, &changed, &err));
    assert_false(changed); /* the file differs from the image's first file, so its prompt stays */
    none.file_read = &hashes[1];
    assert_ok(gp_cat_prompt_put(cat, images[1], &none, &changed, &err));
    assert_true(changed);
    assert_ok(gp_cat_counts(cat, &counts, &err));
    assert_int_equal(counts.guesses, 1);
    assert_int_equal(counts.stated, 2);
    assert_int_equal(counts.images_with_prompt, 3);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE evidence = 'none' AND settings IS NOT NULL"), 1);
    assert_int_equal(ask(cat, "DELETE FROM scores RETURNING 1"), 1);
    scoring s = {cat, "clip/w", 0};
    assert_ok(gp_cat_pairs_todo(cat, "clip/w", false, score_pair, &s, &err));
    assert_int_equal(s.pairs, 2);
    assert_ok(gp_cat_pairs_todo(cat, "clip/w", true, score_pair, &s, &err));
    assert_int_equal(s.pairs, 3);
    assert_ok(gp_cat_prompt_put(cat, images[1], &nothing, &changed, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM image_prompts"), 3);
    gp_cat_close(cat);
}

static void test_nan_lower_and_two_scorers(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("nan.db"), GP_CATALOG_CREATE);
    fill_scored(cat, 1, "clip/w");
    int64_t encoder = put_encoder(cat, "w");
    int64_t prompt = ask(cat, "SELECT id FROM prompts"),
            image = ask(cat, "SELECT image FROM paths WHERE path = '/x/0_3.png'");
    gp_cat_matrix m;
    gp_rows *rows;
    const gp_row *row;
    assert_ok(gp_cat_score_put(cat, image, prompt, "clip/w", (double)NAN, &err));
    assert_ok(gp_cat_matrix_read(cat, "clip/w", &m, &err));
    assert_int_equal(m.n, 4);
    for (size_t i = 0; i < m.n; i++) assert_int_equal(isnan(m.scores[i]), strcmp(m.paths[i], "/x/0_3.png") == 0);
    gp_cat_matrix_clear(&m);
    scoring s = {cat, "clip/w", 0};
    assert_ok(gp_cat_pairs_todo(cat, "clip/w", false, score_pair, &s, &err));
    assert_int_equal(s.pairs, 0);
    gp_cat_scorer distance = {"distance/w", "distance", "0..2", encoder, false, NULL, "pair"};
    assert_ok(gp_cat_scorer_put(cat, &distance, &err));
    for (int i = 0; i < 4; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT image FROM paths WHERE path = '/x/0_%d.png'", i);
        assert_ok(gp_cat_score_put(cat, ask(cat, sql), prompt, "distance/w", i, &err));
    }
    /* for this scorer smaller values are better, so gp_cat_matrix_read returns negated scores */
    assert_ok(gp_cat_matrix_read(cat, "distance/w", &m, &err));
    for (size_t i = 0; i < m.n; i++) assert_true(m.scores[i] == -(double)(m.paths[i][5] - '0'));
    gp_cat_matrix_clear(&m);
    gp_query query = GP_QUERY_DEFAULTS; /* for the scorer used last, smaller values are better */
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    for (int i = 0; i < 4; i++) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        assert_true(row->score == i);
    }
    gp_cat_rows_close(rows);
    assert_int_equal(ask(cat, "SELECT rank FROM v_images WHERE path = '/x/0_0.png'"), 1);
    query.scorer = "clip/w";
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    for (int i = 0; i < 4; i++) {
        assert_ok(gp_cat_rows_next(rows, &row, &err));
        assert_int_equal(row->has_score, i < 3);
    }
    gp_cat_rows_close(rows);
    int64_t chosen = ask(cat, "SELECT image FROM paths WHERE path = '/x/0_2.png'");
    uint32_t rank = 1;
    assert_ok(gp_cat_picks_replace(cat, "clip/w", &chosen, &rank, 1, "by hand", NULL, NULL, &err));
    double score =
        (double)ask(cat, "SELECT round(1000 * value) FROM scores JOIN scorers s ON s.id = scorer"
                         " WHERE key = 'clip/w' AND image = (SELECT image FROM paths WHERE path = '/x/0_2.png')");
    query.scorer = NULL; /* the scores of picks are those of the scorer by which the picks were chosen */
    query.picked_only = true;
    assert_ok(gp_cat_rows_open(cat, &query, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_string_equal(row->path, "/x/0_2.png");
    assert_true(fabs(1000 * row->score - score) < 1);
    gp_cat_rows_close(rows);
    assert_int_equal(gp_cat_score_put(cat, image, prompt, "nobody", 1, &err), GP_ERR_USAGE);
    assert_int_equal(gp_cat_score_put(cat, image, prompt, "clip/w", (double)INFINITY, &err), GP_ERR_FORMAT);
    gp_cat_close(cat);
}

/* If a scorer is stored again, its row gets the new name and the new scale. */
static void test_scorer_again(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("again.db"), GP_CATALOG_CREATE);
    int64_t encoder = put_encoder(cat, "w");
    gp_cat_scorer scorer = {"linear/w+1/fp32/pre/", "old", "0..1", encoder, true, "1", "image"};
    assert_ok(gp_cat_scorer_put(cat, &scorer, &err));
    scorer.name = "new", scorer.scale = "0..10";
    assert_ok(gp_cat_scorer_put(cat, &scorer, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM scorers"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM scorers WHERE name = 'new' AND scale = '0..10'"), 1);
    gp_cat_close(cat);
}

/* The message about an unknown scorer contains the name that the caller gave, unless this name has the form of the
 * key of a scorer. */
static void test_scorer_unknown(void **state)
{
    (void)state;
    static const char *const paths[] = {"/a/b/c/d/e", "./a/b/c/d", "~/a/b/c/d", "../a/b/c/d"};
    gp_error err = {0};
    char *id = NULL, shown[40];
    gp_catalog *cat = catalog_open(at("unknown.db"), GP_CATALOG_CREATE);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(gp_cat_scorer_find(cat, paths[i], &id, &err), GP_ERR_NOT_FOUND);
        snprintf(shown, sizeof shown, "'%s' has no scores", paths[i]);
        assert_non_null(strstr(err.message, shown));
    }
    assert_int_equal(gp_cat_scorer_find(cat, "clip/w/fp32/pre/rule", &id, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "this model has no scores"));
    gp_cat_close(cat);
}

/* Paths are bytes: a path that is not UTF-8 is returned unchanged. */
static void test_names_are_bytes(void **state)
{
    (void)state;
    gp_error err = {0};
    static const char name[] = "/x/\xff\xfe \xc3\x28'\"\n.png";
    gp_catalog *cat = catalog_open(at("b\xff?%#.db"), GP_CATALOG_CREATE);
    int64_t id = put_image(cat, 1, name), known;
    gp_rows *rows;
    const gp_row *row;
    assert_ok(gp_cat_path_known(cat, name, 1001, 77, &known, NULL, &err));
    assert_int_equal(known, id);
    assert_ok(gp_cat_rows_open(cat, NULL, &rows, &err));
    assert_ok(gp_cat_rows_next(rows, &row, &err));
    assert_string_equal(row->path, name);
    gp_cat_rows_close(rows);
    gp_cat_close(cat);
    assert_int_equal(access(at("b\xff?%#.db"), R_OK), 0);
}

static void test_wrong_use(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("wrong.db"), GP_CATALOG_CREATE);
    int64_t encoder = put_encoder(cat, "w"), other = 0, image = put_image(cat, 1, "/x/a.png");
    float v[DIMS + 1] = {0};
    gp_cat_encoder changed = {"test/model", "w", "fp32", "pre", "keep-end", DIMS + 1};
    assert_int_equal(gp_cat_encoder_put(cat, &changed, &other, &err), GP_ERR_CATALOG);
    changed.dims = DIMS, changed.model = "the same by another name";
    assert_ok(gp_cat_encoder_put(cat, &changed, &other, &err));
    assert_int_equal(other, encoder);
    assert_int_equal(gp_cat_image_embedding_put(cat, image, encoder, v, DIMS + 1, &err), GP_ERR_USAGE);
    const float odd[] = {(float)NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        float bad[DIMS] = {0};
        bad[DIMS - 1] = odd[i];
        assert_int_equal(gp_cat_image_embedding_put(cat, image, encoder, bad, DIMS, &err), GP_ERR_FORMAT);
    }
    assert_int_equal(gp_cat_image_embedding_put(cat, 12345, encoder, v, DIMS, &err), GP_ERR_CATALOG);
    assert_int_equal(ask(cat, "SELECT count(*) FROM image_embeddings"), 0);
    assert_ok(gp_cat_begin(cat, &err));
    assert_int_equal(gp_cat_begin(cat, &err), GP_ERR_USAGE);
    put_image(cat, 2, "/x/b.png");
    gp_cat_rollback(cat);
    gp_cat_rollback(cat);
    assert_int_equal(ask(cat, "SELECT count(*) FROM images"), 1);
    gp_cat_close(cat);
}

/* A catalog in memory works as a catalog in a file, creates no file, and is separate from other catalogs in memory. */
static void test_in_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *a = NULL, *b = NULL;
    gp_counts counts = GP_INIT(gp_counts);
    gp_cat_image image = {.bytes = 1, .format = "png", .width = 1, .height = 1};
    int64_t id = 0;
    bool fresh = false;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(test_folder), 0);
    assert_ok(gp_cat_open_memory(&a, &err));
    assert_ok(gp_cat_open_memory(&b, &err));
    assert_ok(gp_cat_image_put(a, &image, "x.png", 1, 2, &id, &fresh, &err));
    assert_ok(gp_cat_counts(a, &counts, &err));
    assert_int_equal(counts.images, 1);
    assert_ok(gp_cat_counts(b, &counts, &err));
    assert_int_equal(counts.images, 0);
    assert_int_not_equal(access(":memory:", F_OK), 0);
    gp_cat_close(a), gp_cat_close(b);
    assert_int_equal(chdir(here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_by_content),
        cmocka_unit_test(test_file_replaced),
        cmocka_unit_test(test_moved_and_missing),
        cmocka_unit_test(test_prompt_precedence),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_scores_and_rows),
        cmocka_unit_test(test_guesses),
        cmocka_unit_test(test_rows_filters),
        cmocka_unit_test(test_gone_is_not_ranked),
        cmocka_unit_test(test_names_are_bytes),
        cmocka_unit_test(test_nan_lower_and_two_scorers),
        cmocka_unit_test(test_scorer_again),
        cmocka_unit_test(test_scorer_unknown),
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_wrong_use),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
