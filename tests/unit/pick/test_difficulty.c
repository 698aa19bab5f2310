/* SPDX-License-Identifier: MIT
 * Scores corrected by the difficulty of prompts, compared with scikit-learn's regression fitted again without each
 * prompt, and cases with too little data. */
#include "picks_golden.h"
#include "base/rng.h"
#include "pick/difficulty.h"
#include <math.h>
#include <string.h>

enum { MOST = 256, NUMBERS = 1024 };

typedef struct golden {
    double score[MOST], corrected[MOST];
    int32_t prompt[MOST];
    float embeddings[NUMBERS];
    size_t n, prompts, d;
    gp_difficulty facts;
} golden;

static void golden_read(const gp_json *g, golden *out)
{
    static double numbers[NUMBERS];
    double predictions[MOST];
    out->n = golden_reals(g, "score", out->score, MOST);
    golden_reals(g, "corrected", out->corrected, MOST);
    golden_ints(g, "prompt", out->prompt, MOST);
    out->prompts = golden_reals(g, "predictions", predictions, MOST);
    out->d = (size_t)golden_real(g, "d");
    size_t count = golden_reals(g, "embeddings", numbers, NUMBERS);
    assert_int_equal(count, out->prompts * out->d);
    for (size_t i = 0; i < count; i++) out->embeddings[i] = (float)numbers[i];
    out->facts = (gp_difficulty){
        .prompts = out->prompts, .penalty = golden_real(g, "penalty"), .explained = golden_real(g, "explained")};
}

static const gp_difficulty_options *on(int threads)
{
    static gp_difficulty_options options = GP_DIFFICULTY_DEFAULTS;
    options.threads = threads;
    return &options;
}

static void test_as_fitted_without_each_prompt(void **state)
{
    (void)state;
    gp_error err = {0};
    static golden g;
    double got[MOST];
    gp_json *root = golden_file("tests/golden/analyze/picks/difficulty.json");
    for (size_t c = 0; c < 3; c++) {
        gp_difficulty facts = GP_INIT(gp_difficulty);
        golden_read(gp_json_at(gp_json_get(root, "cases"), c), &g);
        assert_ok(
            gp_difficulty_correct(g.score, g.prompt, g.n, g.embeddings, g.prompts, g.d, on(1), got, &facts, &err));
        assert_int_equal(facts.prompts, g.facts.prompts);
        assert_near(facts.penalty, g.facts.penalty, 1e-9 * g.facts.penalty);
        assert_near(facts.explained, g.facts.explained, 1e-9);
        for (size_t i = 0; i < g.n; i++) assert_near(got[i], g.corrected[i], 1e-9);
    }
    gp_json_free(root);
}

/* Images without a prompt, an embedding or a score do not change the results of other images. */
static void test_what_takes_no_part(void **state)
{
    (void)state;
    gp_error err = {0};
    static golden g;
    double got[MOST];
    gp_difficulty facts = GP_INIT(gp_difficulty);
    gp_json *root = golden_file("tests/golden/analyze/picks/difficulty.json");
    golden_read(gp_json_at(gp_json_get(root, "cases"), 0), &g);
    size_t n = g.n, k = g.prompts;
    for (size_t j = 0; j < g.d; j++) {
        g.embeddings[k * g.d + j] = 0;
        g.embeddings[(k + 1) * g.d + j] = j ? 1 : (float)NAN;
        g.embeddings[(k + 2) * g.d + j] = 1; /* this prompt has only one image, which has no score */
    }
    const struct {
        int32_t prompt;
        double score;
        bool has;
    } more[] = {{-1, 31, true},       {(int32_t)k, 32, true}, {(int32_t)k + 1, 33, true}, {(int32_t)k + 2, NAN, false},
                {0, INFINITY, false}, {1, NAN, false},        {-1, -INFINITY, false}};
    size_t extra = sizeof more / sizeof *more;
    for (size_t i = 0; i < extra; i++) g.prompt[n + i] = more[i].prompt, g.score[n + i] = more[i].score;
    assert_ok(gp_difficulty_correct(g.score, g.prompt, n + extra, g.embeddings, k + 3, g.d, on(2), got, &facts, &err));
    assert_int_equal(facts.prompts, k);
    for (size_t i = 0; i < n; i++) assert_near(got[i], g.corrected[i], 1e-9);
    for (size_t i = 0; i < extra; i++) {
        if (more[i].has) assert_near(got[n + i], more[i].score, 0);
        assert_true(more[i].has || isnan(got[n + i]));
    }
    g.prompt[0] = (int32_t)k + 3;
    assert_int_equal(gp_difficulty_correct(g.score, g.prompt, n, g.embeddings, k + 3, g.d, on(1), got, NULL, &err),
                     GP_ERR_USAGE);
    assert_string_equal(err.message, "image 0 has prompt 43, but there are 43 prompts");
    gp_json_free(root);
}

/* Two images per prompt; the embedding of the prompt determines a part of their scores. */
enum { PROMPTS = 700, DIMS = 90 };
typedef struct made {
    double score[2 * PROMPTS];
    int32_t prompt[2 * PROMPTS];
    float embeddings[PROMPTS * DIMS];
} made;

static double uniform(uint64_t seed, uint64_t i)
{
    return (double)(gp_rng_at(seed, i) >> 11) / 9007199254740992.0 - 0.5;
}

static void make(made *m, size_t prompts, size_t d)
{
    for (size_t k = 0; k < prompts; k++) {
        double hard = 0;
        for (size_t j = 0; j < d; j++) {
            double x = uniform(1, k * d + j) + (j == 0);
            m->embeddings[k * d + j] = (float)x;
            hard += x * uniform(2, j);
        }
        for (size_t i = 2 * k; i < 2 * k + 2; i++)
            m->prompt[i] = (int32_t)k, m->score[i] = 60 + 5 * hard + uniform(3, i);
    }
}

static void test_few_prompts(void **state)
{
    (void)state;
    gp_error err = {0};
    static made m;
    double got[2 * PROMPTS];
    gp_difficulty facts = GP_INIT(gp_difficulty);
    make(&m, GP_DIFFICULTY_MIN, 3);
    size_t few = GP_DIFFICULTY_MIN - 1;
    assert_ok(gp_difficulty_correct(m.score, m.prompt, 2 * few, m.embeddings, few, 3, on(1), got, &facts, &err));
    assert_int_equal(facts.prompts, few);
    assert_true(isnan(facts.penalty) && isnan(facts.explained));
    for (size_t i = 0; i < 2 * few; i++) assert_near(got[i], m.score[i], 0);
    assert_ok(
        gp_difficulty_correct(m.score, m.prompt, 2 * few + 2, m.embeddings, few + 1, 3, on(1), got, &facts, &err));
    assert_true(facts.penalty > 0 && facts.explained > 0.5);

    make(&m, 30, 4); /* all embeddings are equal, so nothing is left after their mean is subtracted */
    for (size_t i = 4; i < 120; i++) m.embeddings[i] = m.embeddings[i % 4];
    assert_ok(gp_difficulty_correct(m.score, m.prompt, 60, m.embeddings, 30, 4, on(1), got, &facts, &err));
    assert_int_equal(facts.prompts, 30);
    assert_true(isnan(facts.penalty));
    for (size_t i = 0; i < 60; i++) assert_near(got[i], m.score[i], 0);

    make(&m, 30, 1);
    for (size_t i = 0; i < 60; i++) m.score[i] = 25; /* all scores are equal, so there is nothing to predict */
    for (size_t k = 0; k < 30; k++) m.embeddings[k] = k % 2 ? 1 : -1;
    assert_ok(gp_difficulty_correct(m.score, m.prompt, 60, m.embeddings, 30, 1, on(1), got, &facts, &err));
    assert_true(facts.penalty > 0 && isnan(facts.explained));
    for (size_t i = 0; i < 60; i++) assert_near(got[i], 25, 0);
    assert_ok(gp_difficulty_correct(m.score, m.prompt, 0, m.embeddings, 0, 1, on(1), got, NULL, &err));
}

/* The number of threads does not change any bit of the result. The regression uses the smaller of X'X and XX'; the test
 * has a case for each. */
static void test_threads(void **state)
{
    (void)state;
    gp_error err = {0};
    static made m;
    static double one[2 * PROMPTS], many[2 * PROMPTS];
    const size_t prompts[2] = {PROMPTS, DIMS - 7};
    for (int form = 0; form < 2; form++) {
        size_t k = prompts[form];
        gp_difficulty facts = GP_INIT(gp_difficulty);
        make(&m, k, DIMS);
        assert_ok(gp_difficulty_correct(m.score, m.prompt, 2 * k, m.embeddings, k, DIMS, on(1), one, &facts, &err));
        if (form == 0) assert_true(facts.explained > 0.9);
        assert_true(facts.explained > 0);
        for (int threads = 0; threads < 8; threads += 3) {
            assert_ok(
                gp_difficulty_correct(m.score, m.prompt, 2 * k, m.embeddings, k, DIMS, on(threads), many, NULL, &err));
            assert_memory_equal(one, many, 2 * k * sizeof *one);
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    static made m;
    double got[2 * PROMPTS];
    int64_t live = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    uint64_t n = 0;
    make(&m, 20, 4);
    while (st == GP_ERR_MEMORY) {
        gp_mem_fail_at(++n);
        st = gp_calibrate_difficulty(m.score, m.prompt, 40, m.embeddings, 20, 4, on(2), got, NULL, &err);
        assert_int_equal(gp_mem_live(), live);
    }
    gp_mem_fail_at(0);
    assert_int_equal(st, GP_OK);
    assert_true(n > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_fitted_without_each_prompt),
        cmocka_unit_test(test_what_takes_no_part),
        cmocka_unit_test(test_few_prompts),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
