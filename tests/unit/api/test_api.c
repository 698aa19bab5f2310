/* SPDX-License-Identifier: MIT
 * Wrong use of goldpan.h: NULL, options that were not initialised, options of an older and of a newer goldpan, closing
 * of NULL, and no gp_error. */
#include "model_support.h"

static void test_closing_nothing(void **state)
{
    (void)state;
    gp_pixels none = GP_INIT(gp_pixels);
    gp_catalog_close(NULL);
    gp_rows_close(NULL);
    gp_model_close(NULL);
    gp_tokenizer_close(NULL);
    gp_paths_free(NULL, 0);
    gp_pixels_clear(&none);
    gp_free(NULL);
    assert_string_equal(gp_version(), GP_VERSION);
    assert_string_equal(gp_status_name(GP_ERR_NOT_FOUND), "not found");
    assert_string_equal(gp_status_name((gp_status)99), "unknown");
    assert_string_equal(gp_status_name((gp_status)-1), "unknown");
}

#define WRONG(call)                                                                                                    \
    do {                                                                                                               \
        assert_int_equal(call, GP_ERR_USAGE);                                                                          \
        assert_int_equal(err.status, GP_ERR_USAGE);                                                                    \
        assert_non_null(strstr(err.message, " is NULL"));                                                              \
        err = (gp_error){0};                                                                                           \
    } while (0)

static void test_null(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_catalog *cat = NULL;
    gp_counts counts = GP_INIT(gp_counts);
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_model *opened = NULL;
    gp_tokenizer *tokenizer = NULL;
    gp_pixels pixels = GP_INIT(gp_pixels);
    char *folder = NULL, **paths = NULL, hash[33];
    int32_t ids[77], *all = NULL;
    size_t count = 0;
    float x[8] = {0};
    bool ok[1];
    const char *texts[] = {"a"};
    WRONG(gp_catalog_open(NULL, 0, &cat, &err));
    WRONG(gp_catalog_open("c.db", 0, NULL, &err));
    WRONG(gp_catalog_counts(NULL, &counts, &err));
    WRONG(gp_catalog_failures(NULL, NULL, NULL, &err));
    WRONG(gp_catalog_find_image(NULL, "x", hash, &err));
    WRONG(gp_read_metadata(NULL, NULL, NULL, NULL, &err));
    WRONG(gp_read_metadata("x.png", NULL, NULL, NULL, &err));
    WRONG(gp_rows_open(NULL, NULL, &rows, &err));
    WRONG(gp_rows_next(NULL, &row, &err));
    WRONG(gp_mark(NULL, NULL, &err));
    WRONG(gp_model_open(NULL, NULL, &opened, &err));
    WRONG(gp_model_open("x", NULL, NULL, &err));
    WRONG(gp_model_find(NULL, NULL, &folder, &err));
    WRONG(gp_model_find("x", NULL, NULL, &err));
    WRONG(gp_model_list(NULL, NULL, &err));
    WRONG(gp_model_fetch(NULL, NULL, NULL, &err));
    WRONG(gp_add(NULL, NULL, NULL, &err));
    WRONG(gp_score(NULL, model, NULL, NULL, &err));
    WRONG(gp_pick(NULL, model, NULL, NULL, &err));
    WRONG(gp_export(NULL, NULL, NULL, &err));
    WRONG(gp_sheet(NULL, NULL, NULL, &err));
    WRONG(gp_run(NULL, model, NULL, NULL, &err));
    WRONG(gp_image_decode(NULL, 0, &pixels, &err));
    WRONG(gp_image_decode("x.png", 0, NULL, &err));
    WRONG(gp_preprocess(model, NULL, x, &err));
    WRONG(gp_tokens(NULL, "a", ids, 77, &count, NULL, &err));
    WRONG(gp_tokens(model, NULL, ids, 77, &count, NULL, &err));
    WRONG(gp_tokenizer_open(NULL, &tokenizer, &err));
    WRONG(gp_tokenizer_ids(NULL, "a", &all, &count, &err));
    WRONG(gp_encode_images(model, NULL, 1, NULL, x, &err));
    WRONG(gp_encode_texts(model, texts, 1, NULL, NULL, &err));
    WRONG(gp_embed_files(model, NULL, 1, NULL, x, ok, NULL, &err));
    WRONG(gp_find_images(NULL, 0, &paths, &count, &err));
    assert_int_equal(gp_catalog_open("/tmp/goldpan-nowhere.db", 64, &cat, &err), GP_ERR_UNSUPPORTED);
    /* every call also works if err is NULL */
    assert_int_equal(gp_catalog_open(NULL, 0, &cat, NULL), GP_ERR_USAGE);
    assert_int_equal(gp_image_decode("/tmp/goldpan-nowhere.png", 0, &pixels, NULL), GP_ERR_NOT_FOUND);
}

static void test_sizes_of_options(void **state)
{
    (void)state;
    struct {
        gp_model_options known;
        uint64_t later;
    } newer = {GP_MODEL_DEFAULTS, 7};
    char folder[1100];
    gp_error err = {0};
    gp_model *opened = NULL;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    snprintf(folder, sizeof folder, "%s", source_path("models/drawn-world-mini"));
    /* uninitialised options are an error */
    gp_model_options blank = {0};
    assert_int_equal(gp_model_open(folder, &blank, &opened, &err), GP_ERR_USAGE);
    assert_non_null(strstr(err.message, "DEFAULTS"));
    /* a newer caller's longer struct: unknown fields must be 0 */
    newer.known.size = sizeof newer;
    newer.known.engine = GP_ENGINE_PLAIN;
    assert_int_equal(gp_model_open(folder, &newer.known, &opened, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "gp_model_options has a field"));
    newer.later = 0;
    assert_ok(gp_model_open(folder, &newer.known, &opened, &err));
    gp_model_info(opened, &facts, NULL);
    assert_non_null(strstr(facts.engine, "plain"));
    gp_model_close(opened);
    /* an older caller's shorter struct: missing fields get their defaults */
    gp_model_options older = {.size = offsetof(gp_model_options, engine),
                              .precision = GP_PRECISION_BF16,
                              .engine = GP_ENGINE_PLAIN,
                              .revision = "no-such-revision",
                              .fast_decode = true};
    gp_model_options same = GP_MODEL_DEFAULTS;
    same.precision = GP_PRECISION_BF16;
    char wanted[64];
    assert_ok(gp_model_open(folder, &same, &opened, &err));
    gp_model_info(opened, &facts, NULL);
    snprintf(wanted, sizeof wanted, "%s", facts.engine);
    gp_model_close(opened);
    assert_ok(gp_model_open(folder, &older, &opened, &err));
    gp_model_info(opened, &facts, NULL);
    assert_string_equal(facts.engine, wanted);
    assert_string_equal(facts.precision, "bf16");
    assert_string_equal(facts.name, "drawn-world-mini");
    gp_model_close(opened);
}

static void test_parts(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_tokenizer *tokenizer = NULL;
    char **paths = NULL;
    int32_t *ids = NULL;
    size_t count = 0;
    const char *roots[] = {source_path("sample/drawn-world")};
    assert_ok(gp_find_images(roots, 1, &paths, &count, &err));
    assert_true(count >= 192);
    for (size_t i = 1; i < count; i++) assert_true(strcmp(paths[i - 1], paths[i]) < 0);
    assert_ok(gp_image_decode(paths[0], 0, &pixels, &err));
    assert_int_equal(gp_image_decode(paths[0], 10, &pixels, &err), GP_ERR_LIMIT);
    assert_non_null(strstr(err.message, paths[0]));
    gp_pixels_clear(&pixels);
    gp_paths_free(paths, count);
    assert_ok(gp_tokenizer_open(source_path("models/drawn-world-mini"), &tokenizer, &err));
    assert_ok(gp_tokenizer_ids(tokenizer, "a red cat", &ids, &count, &err));
    assert_int_equal(count, 5);
    assert_string_equal(gp_tokenizer_entry(tokenizer, ids[3]), "cat</w>");
    assert_null(gp_tokenizer_entry(tokenizer, -1));
    assert_null(gp_tokenizer_entry(tokenizer, 1000000));
    gp_free(ids);
    gp_tokenizer_close(tokenizer);
    /* 100 * max(cos, 0) */
    const float images[] = {1, 0, 0.6f, 0.8f, 0, 1}, texts[] = {-1, 0, 0.6f, 0.8f, 1, 0};
    double scores[3];
    gp_clip_score(images, texts, 3, 2, scores);
    assert_true(scores[0] == 0 && scores[1] > 99.999 && scores[1] < 100.001 && scores[2] == 0);
}

/* A call with 0 images or 0 texts does nothing and succeeds. */
static void test_none(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    float x[128] = {0};
    bool ok[1];
    const char *none[] = {NULL};
    assert_ok(gp_encode_images(model, x, 0, NULL, x, &err));
    assert_ok(gp_encode_texts(model, none, 0, NULL, x, &err));
    assert_ok(gp_embed_files(model, none, 0, NULL, x, ok, &report, &err));
    assert_int_equal(report.done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closing_nothing), cmocka_unit_test(test_null), cmocka_unit_test(test_sizes_of_options),
        cmocka_unit_test(test_parts),           cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
