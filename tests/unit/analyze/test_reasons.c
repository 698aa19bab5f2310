/* SPDX-License-Identifier: MIT
 * Words, rules and titles of slices; groups of near-duplicates. */
#include "plain.h"

#include "analyze/slice/reasons.h"
#include "base/mem.h"
#include "base/str.h"

/* Checks the log odds of three words of the example below, with a medium, a weak and a strong prior (alpha0). */
static void test_log_odds(void **state)
{
    (void)state;
    static const struct {
        double in, out, alpha0, delta, z;
    } want[] = {{5, 9, 81.0, -0.061521184570807019, -0.1984452748111673},
                {3, 1, 81.0, 0.50134687981144666, 0.85621279901589298},
                {0, 3, 81.0, -0.57334598074732446, -0.81083366190496964},
                {5, 9, 10.0, -0.15279207985350962, -0.31070036817052771},
                {3, 1, 10.0, 1.2507300858829797, 1.2794293456633028},
                {0, 3, 10.0, -1.9183706116523602, -1.1081808469878298},
                {5, 9, 500.0, -0.013744437428192313, -0.093914311573501691},
                {3, 1, 500.0, 0.11194867023694854, 0.40868082749814394},
                {0, 3, 500.0, -0.12324286528309125, -0.38881241703426989}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        double delta, z;
        gp_an_log_odds(want[i].in, 32, want[i].out, 49, want[i].alpha0, (want[i].in + want[i].out) / 81, &delta, &z);
        assert_true(fabs(delta - want[i].delta) < 1e-9 && fabs(z - want[i].z) < 1e-9);
    }
}

static const char *const prompts[12] = {"a portrait of an old man, oil painting, dramatic light",
                                        "Portrait of a woman, oil painting",
                                        "an old man with a hat, oil painting, dramatic",
                                        "a portrait of a king, dramatic light, oil painting",
                                        "a city at night, neon light",
                                        "a red car in the rain, photo",
                                        "a dog on the beach, photo",
                                        "mountain lake at dawn, photo, wide",
                                        "a cat with a hat, cartoon",
                                        "a bowl of fruit, photo",
                                        "robot in a city, neon, cartoon",
                                        NULL};
static const bool inside[12] = {true, true, true, true};

static const gp_reasons_options *most(size_t each)
{
    static gp_reasons_options options = GP_REASONS_DEFAULTS;
    options.max_each = each;
    return &options;
}

static const gp_reason *find(const gp_reasons *r, const char *kind, const char *text)
{
    for (size_t i = 0; i < r->count; i++)
        if (!strcmp(r->reason[i].kind, kind) && (!text || !strcmp(r->reason[i].text, text))) return &r->reason[i];
    return NULL;
}

static void test_words_and_title(void **state)
{
    (void)state;
    gp_reasons_input in = {.size = sizeof(gp_reasons_input), .n = 12, .texts = prompts};
    gp_reasons r = GP_INIT(gp_reasons);
    assert_int_equal(gp_reasons_find(&in, inside, most(4), &r, NULL), GP_OK);
    const gp_reason *oil = find(&r, "phrase", "oil painting");
    assert_non_null(oil);
    assert_true(oil->inside == 1 && oil->outside == 0 && oil->strength > 1);
    /* "painting" is not listed, because it is a part of a phrase that is listed */
    assert_null(find(&r, "word", "painting"));
    assert_null(find(&r, "word", "a"));   /* a stop word */
    assert_null(find(&r, "word", "hat")); /* equally frequent outside */
    assert_non_null(strstr(r.title, "oil painting"));
    gp_reasons_clear(&r);
}

/* A prompt counts once, whatever the number of its images: nine images of one prompt do not make its words typical. */
static void test_a_prompt_counts_once(void **state)
{
    (void)state;
    const char *texts[40];
    bool in[40];
    for (int i = 0; i < 40; i++)
        in[i] = i < 10, texts[i] = i < 9    ? "zebra in snow"
                                   : i == 9 ? "lion, grass"
                                   : i % 2  ? "lion at dusk"
                                            : "bird, tree";
    gp_reasons_input input = {.size = sizeof(gp_reasons_input), .n = 40, .texts = texts};
    gp_reasons r = GP_INIT(gp_reasons);
    assert_int_equal(gp_reasons_find(&input, in, most(4), &r, NULL), GP_OK);
    assert_null(find(&r, "word", "zebra"));
    gp_reasons_clear(&r);
}

static void test_settings_categories_and_a_rule(void **state)
{
    (void)state;
    enum { N = 200 };
    double steps[N], seed[N];
    const char *sampler[N];
    bool in[N];
    for (size_t i = 0; i < N; i++) {
        steps[i] = (double)(10 + gp_rng_at(1, i) % 40), seed[i] = (double)(gp_rng_at(2, i) % 100000);
        sampler[i] = gp_rng_at(3, i) % 2 ? "Euler a" : "DDIM";
        in[i] = steps[i] > 30 && *sampler[i] == 'E';
    }
    gp_feature f[3] = {{.size = sizeof(gp_feature), .name = "steps", .kind = GP_FEATURE_NUMBER, .numbers = steps},
                       {.size = sizeof(gp_feature), .name = "sampler", .kind = GP_FEATURE_CATEGORY, .words = sampler},
                       {.size = sizeof(gp_feature), .name = "seed", .kind = GP_FEATURE_NUMBER, .numbers = seed}};
    gp_reasons_input input = {.size = sizeof(gp_reasons_input), .n = N, .features = f, .feature_count = 3};
    gp_reasons r = GP_INIT(gp_reasons);
    assert_int_equal(gp_reasons_find(&input, in, most(4), &r, NULL), GP_OK);
    assert_non_null(find(&r, "category", "sampler = Euler a"));
    const gp_reason *setting = find(&r, "setting", NULL), *rule = find(&r, "rule", NULL);
    assert_true(setting && gp_str_starts(setting->text, "steps 3"));
    assert_non_null(rule);
    if (strcmp(rule->text, "steps > 30.5 and sampler = Euler a") != 0 &&
        strcmp(rule->text, "sampler = Euler a and steps > 30.5") != 0)
        fail_msg("%s", rule->text);
    assert_true(rule->inside == 1 && rule->outside == 0);
    gp_reasons_clear(&r);
    double importance[3], share_in, share_out;
    char *text;
    assert_int_equal(gp_an_rules(f, 3, N, in, importance, NULL, &text, &share_in, &share_out, NULL), GP_OK);
    assert_true(fabs(importance[0] + importance[1] - 1) < 1e-12 && importance[2] == 0);
    gp_mem_free(text);
}

/* A worked example: the slice has rows 0 to 3 of twelve rows on a line. The importance of feature "x" is 1, the
 * importance of feature "zero" is 0, and the rule for the slice is x <= 12.55. */
static void test_tree_of_the_worked_example(void **state)
{
    (void)state;
    double x[12] = {0, 1, 4, 5.1, 20, 21, 24, 25.2, 50, 51, 54, 55.3}, zero[12] = {0};
    bool in[12] = {true, true, true, true};
    gp_feature f[2] = {{.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_NUMBER, .numbers = x},
                       {.size = sizeof(gp_feature), .name = "zero", .kind = GP_FEATURE_NUMBER, .numbers = zero}};
    double importance[2], share_in, share_out;
    char *rule;
    assert_int_equal(gp_an_rules(f, 2, 12, in, importance, NULL, &rule, &share_in, &share_out, NULL), GP_OK);
    assert_true(importance[0] == 1 && importance[1] == 0 && share_in == 1 && share_out == 0);
    assert_string_equal(rule, "x <= 12.55");
    gp_mem_free(rule);
}

static void test_probes(void **state)
{
    (void)state;
    float rows[20 * 3], probes[6] = {1, 0, 0, 0, 1, 0};
    const char *names[2] = {"a cat", "a dog"};
    bool in[20];
    for (int i = 0; i < 20; i++) in[i] = i < 5, rows[3 * i] = i < 5, rows[3 * i + 1] = 0, rows[3 * i + 2] = i >= 5;
    gp_reasons_input input = {.size = sizeof(gp_reasons_input),
                              .n = 20,
                              .vectors = rows,
                              .d = 3,
                              .probes = probes,
                              .probe_names = names,
                              .probe_count = 2};
    gp_reasons r = GP_INIT(gp_reasons);
    assert_int_equal(gp_reasons_find(&input, in, most(3), &r, NULL), GP_OK);
    assert_int_equal(r.count, 1);
    assert_true(find(&r, "probe", "a cat")->strength == 1);
    assert_string_equal(r.title, "cat");
    gp_reasons_clear(&r);
}

static void test_a_title_is_never_empty(void **state)
{
    (void)state;
    bool in[3] = {true, true, false};
    gp_reasons_input input = {.size = sizeof(gp_reasons_input), .n = 3};
    gp_reasons r = GP_INIT(gp_reasons);
    assert_int_equal(gp_reasons_find(&input, in, most(3), &r, NULL), GP_OK);
    assert_string_equal(r.title, "2 images");
    gp_reasons_clear(&r);
}

/* ------------------------------------------------------------------ duplicates */

/* Computes the groups of near-duplicates by their definition, without optimisations. */
static void plain_groups(const float *rows, size_t n, size_t d, const double *worth, const uint64_t *phashes,
                         double least, unsigned bits, int32_t *group)
{
    int32_t groups = 0;
    bool done[600] = {0};
    for (size_t i = 0; i < n; i++) group[i] = -1;
    for (size_t step = 0; step < n; step++) {
        size_t best = SIZE_MAX, members = 0;
        for (size_t i = 0; i < n; i++)
            if (!done[i] && (best == SIZE_MAX || worth[i] > worth[best])) best = i;
        done[best] = true;
        if (group[best] >= 0) continue;
        for (size_t i = 0; i < n; i++) {
            if (i == best || group[i] >= 0 ||
                1 - plain_distance(rows + best * d, rows + i * d, d, GP_METRIC_COSINE) < least)
                continue;
            if (phashes && (unsigned)__builtin_popcountll(phashes[i] ^ phashes[best]) > bits) continue;
            group[i] = groups, members++;
        }
        if (members) group[best] = groups++;
    }
}

static void test_duplicates_are_what_they_are_defined_as(void **state)
{
    (void)state;
    enum { N = 500, D = 12 };
    float *rows = random_rows(12, N, D, 25, true);
    double worth[N];
    uint64_t phashes[N];
    for (size_t i = 0; i < N; i++) worth[i] = uniform(5, i), phashes[i] = gp_rng_at(6, i % 9) ^ (1u << (i % 13));
    for (int with = 0; with < 2; with++) {
        static const double least[] = {0.9, 0.98, 0.999};
        for (int c = 0; c < 3; c++) {
            int32_t want[N];
            gp_duplicates_options o = GP_DUPLICATES_DEFAULTS;
            gp_duplicates g = GP_INIT(gp_duplicates);
            o.min_cosine = least[c];
            plain_groups(rows, N, D, worth, with ? phashes : NULL, o.min_cosine, o.max_bits, want);
            assert_int_equal(gp_duplicates_find(rows, N, D, worth, NULL, with ? phashes : NULL, &o, &g, NULL), GP_OK);
            assert_true(g.groups > 0);
            for (size_t i = 0; i < N; i++) assert_int_equal(g.group[i], want[i]);
            for (size_t k = 0; k < g.groups; k++) assert_int_equal(g.group[g.keeper[k]], k);
            gp_duplicates_clear(&g);
        }
    }
    free(rows);
}

static void test_no_chains(void **state)
{
    (void)state;
    enum { N = 40 };
    float rows[2 * N];
    double worth[N];
    gp_duplicates g = GP_INIT(gp_duplicates);
    gp_duplicates_options o = GP_DUPLICATES_DEFAULTS;
    for (int i = 0; i < N; i++)
        rows[2 * i] = cosf(0.05f * (float)i), rows[2 * i + 1] = sinf(0.05f * (float)i), worth[i] = -i;
    o.min_cosine = cos(0.101);
    assert_int_equal(gp_duplicates_find(rows, N, 2, worth, NULL, NULL, &o, &g, NULL), GP_OK);
    assert_int_equal(g.groups, 13); /* the rows form groups of three; the last row is in no group */
    gp_duplicates_clear(&g);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    double steps[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    gp_feature f = {.size = sizeof(gp_feature), .name = "steps", .kind = GP_FEATURE_NUMBER, .numbers = steps};
    gp_reasons_input in = {
        .size = sizeof(gp_reasons_input), .n = 12, .texts = prompts, .features = &f, .feature_count = 1};
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_reasons r = GP_INIT(gp_reasons);
        gp_mem_fail_at(i);
        st = gp_reasons_find(&in, inside, most(3), &r, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_reasons_clear(&r);
        assert_int_equal(gp_mem_live(), before);
    }
    float rows[40] = {1, 0, 1, 0, 1, 0, 0, 1, 0, 1};
    gp_duplicates_options o = GP_DUPLICATES_DEFAULTS;
    o.threads = 1;
    st = GP_ERR_MEMORY;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_duplicates g = GP_INIT(gp_duplicates);
        gp_mem_fail_at(i);
        st = gp_duplicates_find(rows, 5, 2, NULL, NULL, NULL, &o, &g, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_duplicates_clear(&g);
        assert_int_equal(gp_mem_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_log_odds),
                                       cmocka_unit_test(test_words_and_title),
                                       cmocka_unit_test(test_a_prompt_counts_once),
                                       cmocka_unit_test(test_settings_categories_and_a_rule),
                                       cmocka_unit_test(test_tree_of_the_worked_example),
                                       cmocka_unit_test(test_probes),
                                       cmocka_unit_test(test_a_title_is_never_empty),
                                       cmocka_unit_test(test_duplicates_are_what_they_are_defined_as),
                                       cmocka_unit_test(test_no_chains),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
