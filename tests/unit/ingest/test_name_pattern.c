/* SPDX-License-Identifier: MIT
 * Prompts in file names: patterns, names that can be divided in several ways, and wrong patterns. */
#include "ingest_support.h"

#include "base/mem.h"
#include "ingest/name_pattern.h"

typedef struct name_case {
    const char *pattern, *path, *prompt, *negative, *settings; /* prompt NULL: the path does not match */
} name_case;

static void test_names(void **state)
{
    (void)state;
    static const name_case cases[] = {
        {"{prompt}_{seed}", "/x/a_red_cat_42.png", "a_red_cat", NULL, "{\"seed\": 42}"},
        {"{prompt}_{seed}", "/x/18446744073709551615_18446744073709551615.png", "18446744073709551615", NULL,
         "{\"seed\": 18446744073709551615}"},
        {"{prompt}_{seed}", "/x/a_red_cat.png", NULL, NULL, NULL},
        {"{prompt}_{seed}", "/x/_42.png", NULL, NULL, NULL},
        {"{prompt}_{seed}", "/x/cat_-42.png", NULL, NULL, NULL},
        {"{seed}-{prompt}", "42-a-red-cat.jpeg", "a-red-cat", NULL, "{\"seed\": 42}"},
        {"{seed}-{prompt}", "/4/2-cat", "cat", NULL, "{\"seed\": 2}"},
        {"{prompt}/{*}", "/x/a red cat/0001.png", "a red cat", NULL, "{}"},
        {"{prompt}/{*}", "cat.png", NULL, NULL, NULL},
        {"{prompt}/{*}", "cat/1.png", "cat", NULL, "{}"},
        {"{prompt}", "/x.y/a, b v1.5.png", "a, b v1.5", NULL, "{}"},
        {"{model}/{prompt}-s{steps}-c{cfg}-{sampler}", "/a/sd 1.5/a-cat-s20-c7.5-euler-a.webp", "a-cat", NULL,
         "{\"steps\": 20, \"cfg_scale\": 7.5, \"model\": \"sd 1.5\", \"sampler\": \"euler-a\"}"},
        {"{prompt}-c{cfg}", "/a/cat-c7..5.png", NULL, NULL, NULL},
        {"{model}_{prompt}_{seed}", "/a/m_a_b_1.png", "a_b", NULL, "{\"seed\": 1, \"model\": \"m\"}"},
        {"{prompt}_{sampler}", "/a/a_b_euler.png", "a_b", NULL, "{\"sampler\": \"euler\"}"},
        {"{sampler}_{*}_{prompt}", "/a/euler_x_a_b.png", "a_b", NULL, "{\"sampler\": \"euler\"}"},
        {"{prompt} NOT {negative}", "/a/cat NOT dog.png", "cat", "dog", "{}"},
        {"img-{prompt}", "/a/pic-cat.png", NULL, NULL, NULL},
        {"img-{prompt}", "/a/my img-cat.png", NULL, NULL, NULL},
        {"{prompt}-end", "/a/cat-end-not.png", NULL, NULL, NULL},
        {"{prompt}", "/a/\xff.png", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        gp_error err = {0};
        gp_name_pattern pattern;
        gp_meta meta = {0};
        assert_ok(gp_name_pattern_read(cases[i].pattern, &pattern, &err));
        assert_ok(gp_name_read(&pattern, cases[i].path, &meta, &err));
        assert_int_equal(meta.found, cases[i].prompt != NULL);
        if (meta.found) {
            assert_string_equal(meta.prompt, cases[i].prompt);
            assert_string_equal(meta.negative ? meta.negative : "", cases[i].negative ? cases[i].negative : "");
            assert_string_equal(meta.settings_json, cases[i].settings);
            assert_string_equal(meta.tool, "name");
            assert_int_equal(meta.evidence, GP_EVIDENCE_DERIVED);
        }
        gp_meta_clear(&meta);
    }
}

static void test_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "{seed}",
                                        "{prompt}{seed}",
                                        "{prompt}{*}",
                                        "{prompt}_{prompt}",
                                        "{prompt}_{sead}",
                                        "{prompt}_{}",
                                        "{prompt}_{seed",
                                        "{prompt}_seed}",
                                        "{prompt{seed}}",
                                        "/{prompt}",
                                        "{prompt}_{*}_{*}_{*}_{*}_{*}_{*}_{*}_{*}_{*}_{*}_{*}_{*}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gp_error err = {0};
        gp_name_pattern pattern;
        assert_int_equal(gp_name_pattern_read(wrong[i], &pattern, &err), GP_ERR_USAGE);
        assert_non_null(strstr(err.message, "--prompt-from"));
    }
}

/* The comparison remembers where it failed, so a name with many possible divisions takes no exponential time. */
static void test_time(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_name_pattern pattern;
    gp_name_values values;
    char path[GP_NAME_LONGEST + 1];
    memset(path, '_', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_ok(gp_name_pattern_read("{prompt}_{*}_{*}_{*}_{*}_{*}_{*}_{*}_{seed}", &pattern, &err));
    assert_false(gp_name_match(&pattern, path, &values));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_wrong),
                                       cmocka_unit_test(test_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
