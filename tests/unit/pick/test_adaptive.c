/* SPDX-License-Identifier: MIT
 * Which prompts get more images, and how labels are recognised in prompts. */
#include "support.h"

#include "pick/adaptive.h"
#include "pick/label_words.h"

#include <math.h>

enum { PROMPTS = 6 };

static void choose(const double values[PROMPTS][8], const uint32_t *counts, uint64_t budget, uint32_t *wanted)
{
    const double *rows[PROMPTS];
    for (int i = 0; i < PROMPTS; i++) rows[i] = values[i];
    gp_adaptive a = {.min_gain = 0.1, .least = 2, .most = 8};
    assert_int_equal(gp_adaptive_choose(&a, rows, counts, PROMPTS, budget, wanted, NULL), GP_OK);
}

static void test_adaptive(void **state)
{
    (void)state;
    static const double values[PROMPTS][8] = {
        /* the best score is far above the prompt's other scores, and no score of another prompt exceeds it, so the
         * expected gain is 0 */
        {20, 21, 35},
        {20, 20.5, 21}, /* the scores are low and close to each other, so the prompt gets more images */
        {22, 23},       /* more images */
        {10},           /* this prompt has only one image so far, so it gets another image */
        /* all images of this prompt were refused or failed, so it has no scores and gets no more images */
        {NAN, NAN},
        {1, 2, 3, 4, 5, 6, 7, 8}, /* this prompt already has the maximum number of images */
    };
    static const uint32_t counts[PROMPTS] = {3, 3, 2, 1, 2, 8};
    uint32_t wanted[PROMPTS];
    choose(values, counts, 100, wanted);
    assert_int_equal(wanted[0], 0);
    assert_int_equal(wanted[1], 1);
    assert_int_equal(wanted[2], 1);
    assert_int_equal(wanted[3], 1);
    assert_int_equal(wanted[4], 0);
    assert_int_equal(wanted[5], 0);
    choose(values, counts, 1, wanted); /* prompts with too few images come first */
    assert_int_equal(wanted[1] + wanted[2], 0);
    assert_int_equal(wanted[3], 1);
    choose(values, counts, 0, wanted);
    for (int i = 0; i < PROMPTS; i++) assert_int_equal(wanted[i], 0);
}

static void test_label_words(void **state)
{
    (void)state;
    static const char *const labels[] = {"people", "animals=cat|dog|wild cat", "caf\xc3\xa9"};
    static const struct {
        const char *prompt, *label;
    } cases[] = {{"two people and a cat", "people"},
                 {"a Cat among people", "animals"},
                 {"three cats", "animals"},
                 {"a wild cat", "animals"},
                 {"a catalog of boxes", NULL},
                 {"at the caf\xc3\xa9", "caf\xc3\xa9"},
                 {"at the caf\xc3\xa9t\xc3\xa9ria", NULL},
                 {"", NULL},
                 {NULL, NULL}};
    gp_label_words words = {0};
    assert_int_equal(gp_label_words_read(labels, 3, &words, NULL), GP_OK);
    assert_int_equal(words.count, 5);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *label = gp_label_words_match(&words, cases[i].prompt);
        if (cases[i].label)
            assert_string_equal(label, cases[i].label);
        else
            assert_null(label);
    }
    gp_label_words_clear(&words);
    static const char *const wrong[] = {"", "=cat", "animals=", "animals=cat||dog"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        gp_label_words bad = {0};
        gp_error err = {0};
        assert_int_equal(gp_label_words_read(&wrong[i], 1, &bad, &err), GP_ERR_USAGE);
        assert_non_null(strstr(err.message, "has an empty word"));
        gp_label_words_clear(&bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_adaptive), cmocka_unit_test(test_label_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
