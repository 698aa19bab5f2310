/* SPDX-License-Identifier: MIT
 * Rows that are not independent: strata, the exchange of groups, and the permutation test on groups.  The test keeps
 * its error rate for any effect of the groups, finds planted slices, and does not depend on the number of threads. */
#include "plain.h"

#include "analyze/analyze.h"
#include "analyze/slice/significance.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 800 };
static double score[MOST];
static int32_t group[MOST];

static gp_blocks blocks_of(size_t n, const int32_t *of)
{
    gp_error err = {0};
    gp_scores s;
    gp_blocks b;
    gp_an_scores_init(&s, score, n);
    if (gp_an_blocks(&s, of, &b, &err) != GP_OK) fail_msg("%s", err.message);
    return b;
}

static void test_strata(void **state)
{
    (void)state;
    /* 3 groups of 8 rows, 5 groups of 4 rows, 2 groups of 3 rows, 25 rows without a group, and one group of 60 rows;
     * the first row has no score */
    size_t n = 0;
    int32_t g = 0;
    const int sizes[][2] = {{3, 8}, {5, 4}, {2, 3}, {25, 1}, {1, 60}};
    for (size_t k = 0; k < 5; k++)
        for (int i = 0; i < sizes[k][0]; i++, g++)
            for (int j = 0; j < sizes[k][1]; j++) group[n] = k == 3 ? -1 : g, score[n] = (double)n, n++;
    score[0] = NAN;
    gp_blocks b = blocks_of(n, group);
    assert_int_equal(b.rows, n - 1);
    assert_int_equal(b.count, 36);
    assert_int_equal(b.largest, 60);
    /* Four strata: the group of 60 rows; the groups of 8, 7 and 4 rows; the groups of 3 rows; the rows without a group.
     * The groups of 7 and 4 rows join the few groups of 8 rows, because they have at least half of 8 rows. One group
     * has 7 rows instead of 8, because its first row has no score. */
    assert_int_equal(b.strata, 4);
    const uint32_t first[] = {0, 1, 9, 11, 36};
    for (size_t s = 0; s <= 4; s++) assert_int_equal(b.first[s], first[s]);
    assert_int_equal(b.of[0], UINT32_MAX);
    for (size_t i = 0; i < b.rows; i++) assert_in_range(i, b.start[b.of[b.row[i]]], b.start[b.of[b.row[i]] + 1] - 1);
    gp_an_blocks_clear(&b);
    b = blocks_of(n, NULL);
    assert_int_equal(b.largest, 1);
    assert_int_equal(b.strata, 1);
    gp_an_blocks_clear(&b);
}

/* Groups of equal size are exchanged as a whole: each group gets all scores of one group, in another order. */
static void test_groups_stay_together(void **state)
{
    (void)state;
    enum { N = 200 };
    uint32_t order[N / 4];
    double hand[4], drawn[N];
    bool moved = false, mixed = false;
    for (int i = 0; i < N; i++) score[i] = i, group[i] = i / 4;
    gp_blocks b = blocks_of(N, group);
    for (uint64_t seed = 0; seed < 20; seed++) {
        bool seen[N / 4] = {false};
        gp_an_exchange(&b, seed, order, hand, drawn);
        for (size_t g = 0; g < b.count; g++) {
            const double *x = drawn + b.start[g];
            double mean = (N - 1) / 2.0;
            size_t from = (size_t)(x[0] + mean) / 4;
            double sum = x[0] + x[1] + x[2] + x[3] + 4 * mean;
            assert_false(seen[from]);
            seen[from] = true;
            assert_true(fabs(sum - (double)(from * 16 + 6)) < 1e-9);
            moved = moved || from != (size_t)group[b.row[b.start[g]]];
            mixed = mixed || x[0] > x[1];
        }
    }
    assert_true(moved && mixed);
    gp_an_blocks_clear(&b);
}

/* A stratum has one group of 6 rows and groups of 3 rows. A group of 3 that gets scores of the group of 6 gets 3
 * different ones. The group of 6 gets each score of a group of 3 at least once. */
static void test_groups_of_unequal_size(void **state)
{
    (void)state;
    uint32_t order[4];
    double hand[6], drawn[15];
    for (int i = 0; i < 15; i++) score[i] = i < 6 ? 100 + i : i, group[i] = i < 6 ? 0 : i / 3;
    gp_blocks b = blocks_of(15, group);
    assert_int_equal(b.strata, 1);
    for (uint64_t seed = 0; seed < 50; seed++) {
        gp_an_exchange(&b, seed, order, hand, drawn);
        for (size_t g = 0; g < b.count; g++) {
            size_t has = b.start[order[g] + 1] - b.start[order[g]], wants = b.start[g + 1] - b.start[g], distinct = 0;
            for (size_t i = 0; i < wants; i++) {
                bool own = false, again = false;
                for (size_t k = 0; k < has; k++) own = own || drawn[b.start[g] + i] == b.value[b.start[order[g]] + k];
                for (size_t k = 0; k < i; k++) again = again || drawn[b.start[g] + i] == drawn[b.start[g] + k];
                assert_true(own);
                distinct += !again;
            }
            assert_int_equal(distinct, has < wants ? has : wants);
        }
    }
    gp_an_blocks_clear(&b);
}

/* ------------------------------------------------------------------ the test of slices */

/* Makes a hierarchy of three levels (5, 25 and 125 clusters), in which each cluster holds consecutive rows.  The caller
 * frees it with gp_an_hierarchy_clear. */
static gp_hierarchy tree_of(size_t n)
{
    gp_hierarchy t = {.size = sizeof(gp_hierarchy), .n = n, .levels = 3};
    static const uint32_t sizes[3] = {125, 25, 5}; /* from fine to coarse */
    t.labels = gp_mem_new(3 * n, sizeof *t.labels);
    t.sizes = gp_mem_new(3, sizeof *t.sizes);
    t.parents = gp_mem_zero(3, sizeof *t.parents);
    assert_non_null(t.labels);
    for (size_t l = 0; l < 3; l++) {
        t.sizes[l] = sizes[l];
        for (size_t i = 0; i < n; i++) t.labels[l * n + i] = (uint32_t)(i * sizes[l] / n);
    }
    return t;
}

static size_t slices_of(size_t n, const int32_t *of, int threads, double *p)
{
    gp_error err = {0};
    static float vectors[MOST];
    gp_feature f = {.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = vectors, .d = 1};
    gp_slices_options o = GP_SLICES_DEFAULTS;
    gp_slices s = GP_INIT(gp_slices);
    gp_hierarchy t = tree_of(n);
    o.group = of, o.threads = threads, o.resamples = 400;
    if (gp_an_slices(&f, 1, score, n, &t, &o, &s, &err) != GP_OK) fail_msg("%s", err.message);
    size_t count = s.count;
    if (p) *p = count ? s.slices[0].p_corrected : 1;
    if (count && of) assert_true(s.slices[0].low <= s.slices[0].lift && s.slices[0].lift <= s.slices[0].high);
    assert_int_equal(s.groups, of ? n / 4 : n);
    gp_an_slices_clear(&s);
    gp_mem_free(t.labels);
    gp_mem_free(t.sizes);
    gp_mem_free(t.parents);
    return count;
}

/* Makes scores with groups of 4 rows.  The groups explain `share` (0 to 1) of the variance.  `shift` is added to the
 * scores of one cluster. */
static void make_scores(size_t n, double share, double shift, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        group[i] = (int32_t)(i / 4);
        score[i] =
            25 + sqrt(share) * (double)normal(seed, (uint64_t)group[i]) + sqrt(1 - share) * (double)normal(seed + 1, i);
        /* `shift` is added to the rows of one cluster of the middle level */
        if (i >= n / 5 && i < n / 5 + n / 25) score[i] += shift;
    }
}

static void test_the_level_holds_whatever_the_groups(void **state)
{
    (void)state;
    enum { TABLES = 60 };
    for (int share = 0; share <= 80; share += 40) {
        size_t by_group = 0, by_row = 0;
        for (uint64_t t = 0; t < TABLES; t++) {
            make_scores(MOST, share / 100.0, 0, 1000 * t + (uint64_t)share);
            by_group += slices_of(MOST, group, 1, NULL) > 0;
            by_row += slices_of(MOST, NULL, 1, NULL) > 0;
        }
        assert_in_range(by_group, 0, 3); /* at alpha 0.01, more than 3 of 60 tables have a slice with a probability of
                                          * 0.3 % */
        /* a test that ignores the groups reports too many slices */
        if (share == 80) assert_in_range(by_row, 15, TABLES);
    }
}

static void test_what_is_planted_is_found(void **state)
{
    (void)state;
    size_t found = 0;
    for (uint64_t t = 0; t < 20; t++) {
        make_scores(MOST, 0, 2, 77 * t);
        found += slices_of(MOST, group, 1, NULL) > 0;
    }
    assert_in_range(found, 18, 20);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    double one = 0, four = 0;
    make_scores(MOST, 0.4, 1.2, 5);
    assert_int_equal(slices_of(MOST, group, 1, &one), slices_of(MOST, group, 4, &four));
    assert_true(one == four && one < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strata),
        cmocka_unit_test(test_groups_stay_together),
        cmocka_unit_test(test_groups_of_unequal_size),
        cmocka_unit_test(test_the_level_holds_whatever_the_groups),
        cmocka_unit_test(test_what_is_planted_is_found),
        cmocka_unit_test(test_threads_change_nothing),
    };
    return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
