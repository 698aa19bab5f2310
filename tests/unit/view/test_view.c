/* SPDX-License-Identifier: MIT
 * The view compared with docs/api.md: the data for the page equals what was stored in the catalog. */
#include "../catalog/analysis_support.h"
#include "base/json.h"
#include "view/view.h"

static gp_view *view_of(gp_catalog *cat)
{
    gp_error err = {0};
    gp_view *view = NULL;
    assert_ok(gp_view_new(cat, NULL, &view, &err));
    return view;
}

/* Returns the manifest, parsed as strictly as by a browser. */
static gp_json *manifest_of(const gp_view *view, bool live)
{
    gp_error err = {0};
    gp_str text = GP_STR_INIT;
    gp_json *root = NULL;
    const uint32_t thumbs[] = {256, 512};
    gp_view_manifest m = {.live = live, .search_text = true, .revision = 17, .thumbs = thumbs, .thumb_count = 2};
    assert_ok(gp_view_write_manifest(view, &m, &text, &err));
    assert_ok(gp_json_parse(text.data, text.size, true, 64, &root, &err));
    gp_str_clear(&text);
    return root;
}

/* Returns the number of the column `name`, and checks its type unless `type` is NULL; SIZE_MAX: no such column. */
static size_t place_of(const gp_view *view, const char *name, const char *type)
{
    gp_json *root = manifest_of(view, true);
    const gp_json *columns = gp_json_get(root, "columns");
    size_t found = SIZE_MAX;
    assert_int_equal(gp_json_count(columns), gp_view_columns(view));
    for (size_t i = 0; i < gp_json_count(columns); i++) {
        const gp_json *c = gp_json_at(columns, i);
        char file[64];
        if (strcmp(gp_json_text(gp_json_get(c, "name"), NULL), name) != 0) continue;
        if (type) assert_string_equal(gp_json_text(gp_json_get(c, "type"), NULL), type);
        snprintf(file, sizeof file, "data/col/%zu.bin?r=17", i);
        assert_string_equal(gp_json_text(gp_json_get(c, "file"), NULL), file);
        found = i;
    }
    gp_json_free(root);
    return found;
}

static const void *data_of(const gp_view *view, const char *name, const char *type, size_t element)
{
    size_t size = 0, place = place_of(view, name, type);
    assert_int_not_equal(place, SIZE_MAX);
    const void *data = gp_view_column(view, place, &size);
    assert_int_equal(size, element * gp_view_count(view));
    return data;
}

/* Returns text i of a table, in a static buffer; checks the head of the table. */
static const char *text_in(const void *table, size_t size, uint32_t i)
{
    static char buffers[4][512];
    static int turn;
    const uint8_t *bytes = table;
    uint32_t count, from, to;
    memcpy(&count, bytes, 4);
    assert_true(i < count && size >= 8 + 4 * (size_t)count);
    memcpy(&from, bytes + 4 + 4 * i, 4);
    memcpy(&to, bytes + 8 + 4 * i, 4);
    assert_true(from <= to && 8 + 4 * (size_t)count + to <= size);
    char *out = buffers[turn++ & 3];
    snprintf(out, sizeof buffers[0], "%.*s", (int)(to - from), (const char *)bytes + 8 + 4 * (size_t)count + from);
    return out;
}

/* Returns the word that a column of codes has for a row; NULL: the row has no value. */
static const char *word_of(const gp_view *view, const char *name, size_t row)
{
    const uint32_t *codes = data_of(view, name, "code", 4);
    size_t size = 0;
    const void *words = gp_view_words(view, place_of(view, name, NULL), &size);
    assert_non_null(words);
    return codes[row] == UINT32_MAX ? NULL : text_in(words, size, codes[row]);
}

static int64_t *ids(size_t n)
{
    int64_t *images = calloc(n, sizeof *images);
    for (size_t i = 0; i < n; i++) images[i] = (int64_t)i + 1;
    return images;
}

/* ------------------------------------------------------------------ tests */

static void an_empty_catalog(void **state)
{
    (void)state;
    size_t size = 0;
    gp_catalog *cat = catalog_open(at("empty.db"), GP_CATALOG_CREATE);
    gp_view *view = view_of(cat);
    gp_hash none = gp_hash_of("x", 1);
    gp_json *root = manifest_of(view, false);
    assert_int_equal(gp_view_count(view), 0);
    assert_int_equal(gp_view_find(view, &none), SIZE_MAX);
    assert_int_equal(gp_json_kind_of(gp_json_get(root, "catalog")), GP_JSON_NULL);
    assert_int_equal(gp_json_count(gp_json_get(root, "slices")), 0);
    assert_null(gp_view_slices(view, &size));
    assert_int_equal(place_of(view, "corrected", NULL), SIZE_MAX); /* the catalog has no analysis, so it has no column
                                                                    * of categories */
    assert_int_equal(place_of(view, "x", NULL), SIZE_MAX);
    gp_json_free(root);
    gp_view_free(view);
    gp_cat_close(cat);
}

static void what_was_analysed(void **state)
{
    (void)state;
    enum { N = 40 };
    gp_error err = {0};
    size_t size = 0;
    gp_catalog *cat = catalog_open(at("found.db"), GP_CATALOG_CREATE);
    assert_ok(fill(cat, N, "clip/w", &err));
    int64_t *images = ids(N);
    float map[2 * N];
    for (size_t i = 0; i < 2 * N; i++) map[i] = (float)i / 4;
    put_analysis(cat, "clip/w", images, N, 3);
    assert_ok(gp_db_exec(cat, "UPDATE analyses SET settings = '{\"remark\":\"too few\"}'", &err));
    assert_ok(gp_cat_map_put(cat, 1, "{}", images, map, N - 1, true, &err));
    gp_view *view = view_of(cat);
    assert_int_equal(gp_view_count(view), N);
    const float *score = data_of(view, "score", "f32", 4), *corrected = data_of(view, "corrected", "f32", 4);
    const float *x = data_of(view, "x", "f32", 4), *z = data_of(view, "z_prompt", "f32", 4);
    const uint32_t *rank = data_of(view, "rank", "u32", 4), *group = data_of(view, "duplicate", "u32", 4);
    const uint8_t *keeper = data_of(view, "keeper", "u8", 1);
    for (size_t i = 0; i < N; i++) {
        char prompt[32];
        snprintf(prompt, sizeof prompt, "prompt %zu", i / 4);
        assert_string_equal(word_of(view, "prompt", i), prompt);
        assert_float_equal(score[i], (float)(10 + i % 4), 0);
        assert_int_equal(rank[i], 4 - i % 4);
        assert_float_equal(corrected[i], (float)(3003 + i), 0);
        assert_int_equal(isnan(z[i]), i % 5 == 4);
        if (i % 7 == 6)
            assert_null(word_of(view, "category", i));
        else
            assert_string_equal(word_of(view, "category", i), i % 2 ? "houses 3" : "animals 3");
        assert_int_equal(group[i], i < 10 ? i / 2 : UINT32_MAX);
        assert_int_equal(keeper[i], i < 10 && i % 2);
        if (i < N - 1) assert_float_equal(x[i], (float)(2 * i) / 4, 0);
    }
    assert_true(isnan(x[N - 1]));
    const uint32_t *csr = gp_view_slices(view, &size);
    assert_int_equal(size, (4 + N + N / 2 + N / 3) * 4);
    assert_int_equal(csr[0], 0);
    assert_int_equal(csr[1], N);
    assert_int_equal(csr[2], N + N / 2);
    assert_int_equal(csr[4 + 5], 5);
    gp_json *root = manifest_of(view, true);
    assert_string_equal(gp_json_text(gp_json_get(root, "remark"), NULL), "too few");
    const gp_json *slice = gp_json_at(gp_json_get(root, "slices"), 2);
    double lift = 0;
    assert_string_equal(gp_json_text(gp_json_get(slice, "title"), NULL), "red foxes 3");
    assert_string_equal(gp_json_text(gp_json_get(slice, "category"), NULL), "houses 3");
    assert_true(gp_json_real(gp_json_get(slice, "drop"), &lift) && lift == 7);
    assert_int_equal(gp_json_kind_of(gp_json_get(slice, "high")), GP_JSON_NULL); /* NaN becomes null */
    assert_int_equal(gp_json_count(gp_json_get(root, "categories")), 2);
    gp_json_free(root);
    gp_view_free(view);
    free(images);
    gp_cat_close(cat);
}

/* Adds two scorers to a catalog of `fill`: "clip" by another model, which orders the images of a prompt in the other
 * direction and has not scored prompt 1, and "blur", of which lower scores are better. */
static void add_scorers(gp_catalog *cat)
{
    gp_error err = {0};
    gp_cat_encoder by = {"test/other", "w2", "fp32", "pre", "keep-end", 4};
    gp_cat_scorer clip = {"clip/w2", "clip", "100*max(cos,0)", 0, true, NULL, "pair"};
    gp_cat_scorer blur = {"blur", "blur", "", 0, false, NULL, "pixels"};
    assert_ok(gp_cat_encoder_put(cat, &by, &clip.encoder, &err));
    assert_ok(gp_cat_scorer_put(cat, &clip, &err));
    assert_ok(gp_cat_scorer_put(cat, &blur, &err));
    assert_ok(gp_db_exec(cat,
                         "INSERT INTO scores(scorer, prompt, image, value)"
                         " SELECT (SELECT id FROM scorers WHERE key = 'clip/w2'), prompt, image, 20 - (image - 1) % 4"
                         " FROM image_prompts WHERE (image - 1) / 4 <> 1;"
                         "INSERT INTO scores(scorer, prompt, image, value)"
                         " SELECT (SELECT id FROM scorers WHERE key = 'blur'), prompt, image, (image - 1) % 4"
                         " FROM image_prompts",
                         &err));
}

static void each_scorer_has_a_column(void **state)
{
    (void)state;
    enum { N = 12 };
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("scorers.db"), GP_CATALOG_CREATE);
    assert_ok(fill(cat, N, "clip/w", &err));
    gp_view *view = view_of(cat);
    assert_int_equal(place_of(view, "agree", NULL), SIZE_MAX); /* there is only one scorer */
    gp_view_free(view);
    add_scorers(cat);
    view = view_of(cat);
    const float *own = data_of(view, "score", "f32", 4), *first = data_of(view, "score.clip.model", "f32", 4);
    const float *other = data_of(view, "score.clip.other", "f32", 4), *agree = data_of(view, "agree", "f32", 4);
    const uint32_t *rank = data_of(view, "rank", "u32", 4);
    for (size_t i = 0; i < N; i++) {
        const size_t place = i % 4;
        const bool all = i / 4 != 1;
        assert_float_equal(own[i], (float)place, 0); /* the scorer used last */
        assert_int_equal(rank[i], place + 1);
        assert_float_equal(first[i], (float)(10 + place), 0);
        if (all)
            assert_float_equal(other[i], (float)(20 - place), 0);
        else
            assert_true(isnan(other[i]));
        const float best = all ? 2 / 3.f : 0.5f; /* blur, and clip of test/other if it scored the prompt */
        assert_float_equal(agree[i], place == 0 ? best : place == 3 ? 1 - best : 0, 1e-6);
    }
    gp_json *root = manifest_of(view, true);
    const gp_json *columns = gp_json_get(root, "columns");
    size_t lower = 0;
    for (size_t i = 0; i < gp_json_count(columns); i++)
        if (gp_json_get(gp_json_at(columns, i), "lower_better")) lower++;
    assert_int_equal(lower, 1);
    gp_json_free(root);
    gp_view_free(view);
    gp_cat_close(cat);
}

static void settings_become_columns(void **state)
{
    (void)state;
    gp_error err = {0};
    static const char *const settings[] = {
        "{\"steps\": 30, \"seed\": 18446744073709551615, \"sampler\": \"Euler a\", \"cfg\": \"7.5\", \"x\": [1], "
        "\"hires\": true}",
        "{\"steps\": 20.5, \"seed\": 7, \"sampler\": \"DPM++ \\u00e9\", \"cfg\": 8, \"mixed\": 1, \"empty\": \"\"}",
        "{\"sampler\": \"Euler a\", \"mixed\": \"one\", \"nested\": {\"a\": 1}, \"none\": null}", NULL, "no JSON"};
    gp_catalog *cat = catalog_open(at("settings.db"), GP_CATALOG_CREATE);
    for (unsigned i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "/x/%u.png", i);
        int64_t id = put_image(cat, i, path);
        gp_cat_prompt p = {.text = i == 2 ? "zw\xC3\xB6lf F\xC3\xBC"
                                            "chse"
                                          : "a fox",
                           .raw = "raw",
                           .source = "a1111",
                           .strength = 2};
        p.settings_json = i < 4 ? settings[i] : NULL;
        assert_ok(gp_cat_prompt_put(cat, id, &p, NULL, &err));
    }
    gp_view *view = view_of(cat);
    const double *steps = data_of(view, "settings.steps", "f64", 8), *cfg = data_of(view, "settings.cfg", "f64", 8);
    assert_true(steps[0] == 30);
    assert_true(steps[1] == 20.5);
    assert_true(isnan(steps[2]));
    assert_true(cfg[0] == 7.5);
    assert_string_equal(word_of(view, "settings.seed", 0), "18446744073709551615");
    assert_string_equal(word_of(view, "settings.seed", 1), "7");
    assert_string_equal(word_of(view, "settings.sampler", 1), "DPM++ \xC3\xA9");
    assert_string_equal(word_of(view, "settings.mixed", 1), "1");
    assert_string_equal(word_of(view, "settings.mixed", 2), "one");
    assert_string_equal(word_of(view, "settings.hires", 0), "true");
    assert_null(word_of(view, "settings.sampler", 3));
    for (const char *const *none =
             (const char *const[]){"settings.x", "settings.nested", "settings.none", "settings.empty", NULL};
         *none; none++)
        assert_int_equal(place_of(view, *none, NULL), SIZE_MAX);
    assert_string_equal(word_of(view, "prompt", 2), "zw\xC3\xB6lf F\xC3\xBC"
                                                    "chse");
    gp_view_free(view);
    gp_cat_close(cat);
}

/* Rows for a missing file, an image rotated by EXIF, an image without a prompt, and an image with several paths. */
static void rows_and_files(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("files.db"), GP_CATALOG_CREATE);
    put_image(cat, 0, "/z/b.png");
    put_image(cat, 0, "/z/a.png");
    put_image(cat, 1, "/z/gone.png");
    int64_t turned = put_image(cat, 2, "/z/turned.png");
    assert_ok(gp_db_exec(cat, "UPDATE paths SET missing = 1 WHERE path = '/z/gone.png' OR path = '/z/a.png'", &err));
    assert_ok(gp_db_exec(cat, "UPDATE images SET orientation = 6 WHERE id = 3", &err));
    gp_view *view = view_of(cat);
    assert_int_equal(gp_view_count(view), 2);
    assert_int_equal(gp_view_image(view, 1), turned);
    const uint32_t *width = data_of(view, "width", "u32", 4), *height = data_of(view, "height", "u32", 4);
    assert_int_equal(width[0], 64);
    assert_int_equal(width[1], 48);
    assert_int_equal(height[1], 64);
    char *path = NULL;
    assert_ok(gp_view_path(view, 0, &path, &err));
    assert_string_equal(path, "/z/b.png");
    gp_mem_free(path);
    gp_hash gone = image_of(1).hash, here = image_of(2).hash;
    assert_int_equal(gp_view_find(view, &gone), SIZE_MAX);
    assert_int_equal(gp_view_find(view, &here), 1);
    assert_string_equal(gp_view_format(view, 1), "png");
    gp_str detail = GP_STR_INIT;
    gp_json *root = NULL;
    assert_ok(gp_view_write_detail(view, cat, 0, false, &detail, &err));
    assert_ok(gp_json_parse(detail.data, detail.size, true, 64, &root, &err));
    assert_int_equal(gp_json_count(root), 2);
    const gp_json *paths = gp_json_get(gp_json_at(root, 0), "paths");
    assert_int_equal(gp_json_count(paths), 2);
    /* the view shows the path of the first file that exists */
    assert_string_equal(gp_json_text(gp_json_at(paths, 0), NULL), "/z/b.png");
    gp_json_free(root);
    gp_str_reset(&detail);
    assert_ok(gp_view_write_detail(view, cat, 0, true, &detail, &err));
    assert_null(strstr(detail.data, "/z/"));
    assert_int_equal(gp_view_write_detail(view, cat, 1, true, &detail, &err), GP_ERR_NOT_FOUND);
    gp_str_clear(&detail);
    gp_view_free(view);
    gp_cat_close(cat);
}

static void ratings_are_kept(void **state)
{
    (void)state;
    gp_error err = {0};
    size_t changed = 0;
    gp_catalog *cat = catalog_open(at("rated.db"), GP_CATALOG_CREATE);
    for (unsigned i = 0; i < 3; i++) put_image(cat, i, (const char *[]){"/r/0.png", "/r/1.png", "/r/2.png"}[i]);
    gp_cat_rating list[] = {{.hash = image_of(0).hash, .has_flag = true, .flag = 1},
                            {.hash = image_of(1).hash, .has_stars = true, .stars = 4},
                            {.hash = image_of(9).hash, .has_stars = true, .stars = 4}};
    assert_ok(gp_cat_ratings_put(cat, list, 3, &changed, &err));
    assert_int_equal(changed, 2);
    gp_cat_rating more[] = {{.hash = image_of(0).hash, .has_stars = true, .stars = 5}};
    assert_ok(gp_cat_ratings_put(cat, more, 1, &changed, &err));
    gp_view *view = view_of(cat);
    const int8_t *flag = data_of(view, "flag", "i8", 1);
    const uint8_t *stars = data_of(view, "stars", "u8", 1);
    assert_int_equal(flag[0], 1); /* a field that the rating does not contain stays unchanged */
    assert_int_equal(stars[0], 5);
    assert_int_equal(stars[1], 4);
    assert_int_equal(flag[2], 0);
    gp_view_rate(view, 2, -1, 3);
    assert_int_equal(flag[2], -1);
    gp_view_free(view);
    /* if one rating is invalid, no rating is stored */
    gp_cat_rating wrong[] = {{.hash = image_of(1).hash, .has_flag = true, .flag = -1},
                             {.hash = image_of(2).hash, .has_stars = true, .stars = 6}};
    assert_int_not_equal(gp_cat_ratings_put(cat, wrong, 2, &changed, &err), GP_OK);
    assert_int_equal(ask(cat, "SELECT count(*) FROM ratings WHERE flag = -1 OR stars = 6"), 0);
    assert_int_equal(ask(cat, "SELECT flag FROM v_images WHERE path = '/r/0.png'"), 1);
    assert_int_equal(ask(cat, "SELECT count(*) FROM v_images WHERE stars = 0 AND flag = 0"), 1);
    gp_cat_close(cat);
}

static bool last_saved(void *user, const char *name, const char *json)
{
    snprintf(user, 100, "%s=%s", name, json);
    return true;
}

static void views_are_kept_by_name(void **state)
{
    (void)state;
    gp_error err = {0};
    char seen[100] = "";
    gp_catalog *cat = catalog_open(at("saved.db"), GP_CATALOG_CREATE);
    assert_ok(gp_cat_saved_put(cat, "foxes", "{\"a\":1}", &err));
    assert_ok(gp_cat_saved_put(cat, "foxes", "{\"a\":2}", &err));
    assert_ok(gp_cat_saved_visit(cat, last_saved, seen, &err));
    assert_string_equal(seen, "foxes={\"a\":2}");
    assert_ok(gp_cat_saved_put(cat, "foxes", NULL, &err));
    assert_int_equal(ask(cat, "SELECT count(*) FROM saved"), 0);
    gp_cat_close(cat);
}

static void memory_may_fail(void **state)
{
    (void)state;
    enum { N = 24 };
    gp_error err = {0};
    gp_catalog *cat = catalog_open(at("memory.db"), GP_CATALOG_CREATE);
    assert_ok(fill(cat, N, "clip/w", &err));
    int64_t *images = ids(N);
    put_analysis(cat, "clip/w", images, N, 3);
    assert_ok(
        gp_db_exec(cat, "UPDATE image_prompts SET settings = '{\"a\": 1, \"b\": \"x\"}', negative = 'bad'", &err));
    /* the first read prepares SQL statements, whose memory stays allocated, so it comes before the count of memory */
    gp_view_free(view_of(cat));
    add_scorers(cat);
    int64_t live = gp_mem_live();
    gp_mem_fail_at(0);
    gp_view_free(view_of(cat));
    uint64_t seen = gp_mem_fail_at(0);
    assert_true(seen > 20);
    for (uint64_t k = 1; k <= seen; k++) {
        gp_view *view = NULL;
        gp_mem_fail_at(k);
        gp_status st = gp_view_new(cat, NULL, &view, &err);
        gp_mem_fail_at(0);
        if (st == GP_OK)
            gp_view_free(view);
        else
            assert_int_equal(st, GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), live);
    }
    free(images);
    gp_cat_close(cat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_catalog),         cmocka_unit_test(what_was_analysed),
        cmocka_unit_test(settings_become_columns),  cmocka_unit_test(rows_and_files),
        cmocka_unit_test(ratings_are_kept),         cmocka_unit_test(views_are_kept_by_name),
        cmocka_unit_test(each_scorer_has_a_column), cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
