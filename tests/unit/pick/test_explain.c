/* SPDX-License-Identifier: MIT
 * The sentence for each filter, as users read it. */
#include "support.h"
#include "base/mem.h"
#include "pick/explain.h"
#include <math.h>

static const gp_pick_decision plain = {
    .score = 28.1,
    .corrected = 28.1,
    .limit = 31.2,
    .rank = 3,
    .of = 4,
    .prompt = "a cat on a mat",
    .category = "Animals",
    .slice = "oil portraits",
    .other = "out/b.png",
    .slice_value = 31.3,
    .overall = 26.7,
    .slice_support = 8,
    .likeness = 0.9834,
};

static void says(gp_pick_decision v, const char *wanted)
{
    gp_error err = {0};
    char *text = NULL;
    assert_ok(gp_explain(&v, &text, &err));
    assert_string_equal(text, wanted);
    gp_mem_free(text);
}

static gp_pick_decision at(gp_pick_filter filter)
{
    gp_pick_decision v = plain;
    v.filter = filter;
    return v;
}

static void test_picked(void **state)
{
    (void)state;
    gp_pick_decision v = at(GP_FILTERED_NOT);
    v.rank = 1;
    says(v, "picked as the best of 4 for the prompt 'a cat on a mat', score 28.10");
    v.rank = 2, v.prompt = NULL;
    says(v, "picked as the 2nd best of 4 for its prompt, score 28.10");
    v.rank = v.of = 1;
    says(v, "picked as the only candidate for its prompt, score 28.10");
    v.rank = 3, v.of = 40, v.strategy = GP_PICK_CATEGORY, v.by = GP_BY_CORRECTED, v.corrected = 2.306;
    says(v, "picked as the 3rd best of 40 in the category 'Animals', corrected score +2.31 (score 28.10)");
    v.no_category = true, v.category = NULL;
    says(v, "picked as the 3rd best of 40 in those of no category, corrected score +2.31 (score 28.10)");
    v = at(GP_FILTERED_NOT);
    v.rank = 1, v.by = GP_BY_DIFFICULTY, v.corrected = 30.666;
    says(v,
         "picked as the best of 4 for the prompt 'a cat on a mat', score 30.67 corrected for its prompt's difficulty "
         "(score 28.10)");
    v = at(GP_FILTERED_NOT);
    v.strategy = GP_PICK_SLICES, v.rank = 2, v.of = 8;
    says(v, "picked from the slice 'oil portraits', whose 8 images have mean 31.30 against 26.70 of all: the 2nd best "
            "of 8, score 28.10");
    v.strategy = GP_PICK_CATEGORY_SLICES, v.rank = 1, v.slice = NULL;
    says(v, "picked from its slice, whose 8 images have mean 31.30 against 26.70 of the category 'Animals': the best "
            "of 8, score 28.10");
}

static void test_alone(void **state)
{
    (void)state;
    gp_pick_decision v = at(GP_FILTERED_NO_SCORE);
    says(v, "not picked: its score 28.10 cannot be compared: it is of no category");
    v.by = GP_BY_Z_PROMPT;
    says(v, "not picked: its score 28.10 cannot be compared: z needs several different scores of one prompt");
    v.by = GP_BY_Z_CATEGORY;
    says(v, "not picked: its score 28.10 cannot be compared: z needs a category with several different scores");
    v.score = (double)NAN;
    says(v, "not picked: it has no score");
    gp_pick_decision unmet = at(GP_FILTERED_MEASURE);
    unmet.unmet = "its noise 12 does not pass 'noise<5'";
    says(unmet, "not picked: its noise 12 does not pass 'noise<5', score 28.10");
    says(at(GP_FILTERED_MIN_SCORE), "not picked: its score 28.10 is below the 31.20 asked for");
}

static void test_slices(void **state)
{
    (void)state;
    gp_pick_decision v = at(GP_FILTERED_NOT_IN_SLICE);
    v.strategy = GP_PICK_SLICES, v.slice_value = 27.2;
    says(v, "not picked: the slice 'oil portraits' does not stand out, because its 8 images have mean 27.20, less than "
            "31.20 "
            "(mean 26.70 of all), score 28.10");
    v.limit = (double)NAN, v.slice_support = 1, v.strategy = GP_PICK_CATEGORY_SLICES;
    says(v,
         "not picked: the slice 'oil portraits' does not stand out, because its 1 image is too few (mean 26.70 of the "
         "category 'Animals'), score 28.10");
    v.slice_support = 0;
    says(v, "not picked: in no slice that stands out from the mean 26.70 of the category 'Animals', score 28.10");
    v.strategy = GP_PICK_SLICES;
    says(v, "not picked: in no slice that stands out from the mean 26.70 of all, score 28.10");
    v.overall = (double)NAN;
    says(v, "not picked: in no slice that stands out, score 28.10");
}

static void test_places(void **state)
{
    (void)state;
    gp_pick_decision v = at(GP_FILTERED_PER_PROMPT);
    says(v, "not picked: 3rd of 4 for the prompt 'a cat on a mat', score 28.10; the last one taken, 'out/b.png', has "
            "score 31.20");
    v.strategy = GP_PICK_SLICES;
    says(v, "not picked: 3rd of 4 for the prompt 'a cat on a mat', score 28.10; a better one, 'out/b.png', has "
            "score 31.20");
    v.strategy = GP_PICK_PROMPT;
    v.filter = GP_FILTERED_PER_CATEGORY, v.rank = 11, v.of = 212, v.other = NULL;
    says(v, "not picked: 11th of 212 in the category 'Animals', score 28.10; the last one taken has score 31.20");
    v.filter = GP_FILTERED_PER_SLICE, v.rank = 22, v.limit = (double)NAN;
    says(v, "not picked: 22nd of 212 in the slice 'oil portraits', score 28.10");
    v = at(GP_FILTERED_TOP);
    v.rank = 101, v.of = 300, v.by = GP_BY_PERCENTILE, v.corrected = 71.25, v.limit = 93;
    says(v, "not picked: 101st of 300 over all, percentile 71.2 of its category (score 28.10); the last one taken, "
            "'out/b.png', has percentile 93.0 of its category");
    v.by = GP_BY_Z_CATEGORY, v.corrected = -0.5, v.limit = 1.25;
    says(v, "not picked: 101st of 300 over all, z -0.50 in its category (score 28.10); the last one taken, "
            "'out/b.png', has z +1.25 in its category");
}

static void test_likeness(void **state)
{
    (void)state;
    gp_pick_decision v = at(GP_FILTERED_DUPLICATE);
    says(v, "not picked: a near copy of 'out/b.png' (cosine 0.983), which has score 31.20; its own is 28.10");
    v.likeness = (double)NAN, v.other = NULL;
    says(v, "not picked: a near copy of another image, which has score 31.20; its own is 28.10");
    v = at(GP_FILTERED_DIVERSITY);
    v.by = GP_BY_Z_PROMPT, v.corrected = 1.5, v.limit = 1.75;
    says(v, "not picked: too like 'out/b.png' (cosine 0.983), which is picked with z +1.75 for its prompt; its own is "
            "+1.50 (score 28.10)");
}

/* A long prompt is cut between two characters. */
static void test_long_prompt(void **state)
{
    (void)state;
    gp_pick_decision v = at(GP_FILTERED_NOT);
    char prompt[125] = "", wanted[256] = "picked as the 3rd best of 4 for the prompt '";
    for (int i = 0; i < 62; i++) strcat(prompt, "\xC3\xA9"); /* the letter e with an acute accent */
    strncat(wanted, prompt, 120);
    strcat(wanted, "...', score 28.10");
    v.prompt = prompt;
    says(v, wanted);
    prompt[120] = 0; /* a prompt of exactly the maximum length is quoted completely */
    memcpy(wanted + strlen("picked as the 3rd best of 4 for the prompt '") + 120, "', score 28.10", 15);
    says(v, wanted);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    char *text = NULL;
    int64_t live = gp_mem_live();
    for (gp_pick_filter filter = GP_FILTERED_NOT; filter <= GP_FILTERED_TOP; filter++) {
        gp_pick_decision v = at(filter);
        gp_status st = GP_ERR_MEMORY;
        for (uint64_t n = 1; st == GP_ERR_MEMORY; n++) {
            gp_mem_fail_at(n);
            st = gp_explain(&v, &text, &err);
            if (st != GP_OK) assert_int_equal(gp_mem_live(), live);
        }
        gp_mem_fail_at(0);
        assert_int_equal(st, GP_OK);
        gp_mem_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picked),    cmocka_unit_test(test_alone),    cmocka_unit_test(test_slices),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_likeness), cmocka_unit_test(test_long_prompt),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
