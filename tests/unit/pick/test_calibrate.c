/* SPDX-License-Identifier: MIT
 * Corrected scores compared with scipy and statsmodels, and cases without enough data for a correction. */
#include "picks_golden.h"
#include "pick/calibrate.h"
#include <math.h>

enum { MOST = 2048 };

static void test_within_groups(void **state)
{
    (void)state;
    gp_error err = {0};
    double score[64], want[64], got[64];
    int32_t group[64];
    gp_json *root = picks_golden();
    const gp_json *g = gp_json_get(root, "within");
    size_t n = golden_reals(g, "score", score, 64);
    assert_int_equal(golden_ints(g, "group", group, 64), n);
    assert_ok(gp_calibrate_z(score, group, n, 5, got, &err));
    golden_reals(g, "z", want, 64);
    for (size_t i = 0; i < n; i++) assert_near(got[i], want[i], 1e-12);
    assert_ok(gp_calibrate_percentile(score, group, n, 5, got, &err));
    golden_reals(g, "percentile", want, 64);
    for (size_t i = 0; i < n; i++) assert_near(got[i], want[i], 1e-12);
    gp_json_free(root);
}

static gp_status shrunken(const double *score, const int32_t *group, size_t n, size_t groups, double *residual,
                          double *weight, gp_error *err)
{
    gp_moments *m = NULL;
    gp_status st = gp_moments_of(score, group, n, groups, &m, err);
    if (st == GP_OK) st = gp_calibrate_shrunken(m, score, group, n, groups, residual, weight, err);
    gp_mem_free(m);
    return st;
}

static void test_shrunken(void **state)
{
    (void)state;
    gp_error err = {0};
    static double score[MOST], got[MOST], want[64], weight[64], means[64];
    static int32_t group[MOST];
    gp_json *root = picks_golden();
    for (size_t c = 0; c < 3; c++) {
        const gp_json *g = gp_json_at(gp_json_get(root, "shrinkage"), c);
        size_t n = golden_reals(g, "score", score, MOST - 1), groups = golden_reals(g, "weight", want, 64);
        golden_ints(g, "group", group, MOST);
        golden_reals(g, "shrunken", means, 64);
        /* a score without a group is compared with the centre of all groups, and has no effect on this centre */
        score[n] = 30, group[n] = -1;
        assert_ok(shrunken(score, group, n + 1, groups, got, weight, &err));
        for (size_t k = 0; k < groups; k++) assert_near(weight[k], want[k], 1e-11);
        for (size_t i = 0; i < n; i++) assert_near(got[i], score[i] - means[group[i]], 1e-11);
        assert_near(got[n], 30 - golden_real(g, "centre"), 1e-11);
    }
    gp_json_free(root);
}

/* Tests groups with too little data for a z-score. */
static void test_little_to_go_by(void **state)
{
    (void)state;
    gp_error err = {0};
    const double nan = (double)NAN;
    double got[6], weight[4];
    const double score[6] = {20, 26, 26, 26, nan, (double)INFINITY};
    const int32_t group[6] = {0, 1, 1, 2, 1, 0};
    assert_ok(gp_calibrate_z(score, group, 6, 4, got, &err));
    for (size_t i = 0; i < 6; i++) assert_true(isnan(got[i])); /* there is no z without a spread or a score */
    assert_ok(gp_calibrate_percentile(score, group, 6, 4, got, &err));
    for (size_t i = 0; i < 4; i++) assert_near(got[i], 50, 0);
    assert_true(isnan(got[4]) && isnan(got[5]));

    /* because of rounding, the computed mean of these values differs from 0.1 */
    const double thirds[3] = {0.1, 0.1, 0.1};
    const int32_t same[3] = {0, 0, 0};
    assert_ok(gp_calibrate_z(thirds, same, 3, 1, got, &err));
    for (size_t i = 0; i < 3; i++) assert_true(isnan(got[i]));

    const double single[3] = {20, 26, 35}; /* if every group has one member, the variance within groups is unknown, so
                                            * no score is corrected */
    const int32_t alone[3] = {0, 1, 2};
    assert_ok(shrunken(single, alone, 3, 4, got, weight, &err));
    for (size_t i = 0; i < 3; i++) assert_near(got[i], single[i] - 27, 1e-12);
    for (size_t i = 0; i < 4; i++) assert_near(weight[i], 0, 0);

    const double exact[4] = {20, 20, 30, 30}; /* if there is no variance within groups, the group means are exact and
                                               * explain all scores */
    const int32_t pairs[4] = {0, 0, 1, 1};
    assert_ok(shrunken(exact, pairs, 4, 3, got, weight, &err));
    for (size_t i = 0; i < 4; i++) assert_near(got[i], 0, 1e-12);
    assert_near(weight[0], 1, 0);
    assert_near(weight[2], 0, 0);

    const int32_t none[3] = {-1, -1, -1};
    assert_ok(shrunken(single, none, 3, 0, got, NULL, &err));
    assert_near(got[0], -7, 1e-12);
    assert_ok(shrunken(NULL, NULL, 0, 0, got, NULL, &err));
}

/* One image is far above the others of its small group: its residual stays large, and the residuals of a large group do
 * not change. */
static void test_small_groups_do_not_explode(void **state)
{
    (void)state;
    gp_error err = {0};
    double score[43], got[43], weight[3], z[43];
    int32_t group[43];
    for (size_t i = 0; i < 40; i++) group[i] = (int32_t)(i / 20), score[i] = (i < 20 ? 22.0 : 30.0) + (double)(i % 5);
    for (size_t i = 40; i < 42; i++) group[i] = 2, score[i] = 34 + 0.01 * (double)i;
    assert_ok(shrunken(score, group, 42, 3, got, weight, &err));
    assert_ok(gp_calibrate_z(score, group, 42, 3, z, &err));
    assert_true(weight[2] < weight[0] && weight[0] > 0.95);
    assert_true(fabs(got[0]) < 2.5); /* the corrected score is nearly the residual in the row's own group */
    assert_true(got[41] > got[40]);  /* the order within a group stays */
    assert_true(fabs(got[41]) < 3);  /* in a group of two scores with a tiny difference, z is not large */
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    const double score[4] = {1, 2, 3, 5};
    const int32_t group[4] = {0, 0, 1, 1};
    const double percentile[4] = {25, 75, 25, 75};
    double out[4];
    int64_t live = gp_mem_live();
    for (int which = 0; which < 4; which++) {
        gp_status st = GP_ERR_MEMORY;
        uint64_t n = 0;
        while (st == GP_ERR_MEMORY) {
            gp_mem_fail_at(++n);
            st = which == 0   ? gp_calibrate_z(score, group, 4, 2, out, &err)
                 : which == 1 ? gp_calibrate_percentile(score, group, 4, 2, out, &err)
                 : which == 2 ? shrunken(score, group, 4, 2, out, NULL, &err)
                              : gp_calibrate_corrected(score, group, 4, 2, percentile, out, NULL, &err);
            assert_int_equal(gp_mem_live(), live);
        }
        gp_mem_fail_at(0);
        assert_int_equal(st, GP_OK);
        assert_true(n > 1);
    }
}

/* Computes the percentiles, and from these the corrected scores. */
static gp_status corrected_of(const double *score, const int32_t *group, size_t n, size_t groups, double *got,
                              gp_error *err)
{
    static double percentile[MOST];
    gp_status st = gp_calibrate_percentile(score, group, n, groups, percentile, err);
    return st == GP_OK ? gp_calibrate_corrected(score, group, n, groups, percentile, got, NULL, err) : st;
}

/* If there is only one group, its scores are matched to its own quantiles and do not change.  Without a group or a
 * score, a value does not change either. */
static void test_corrected_without_groups(void **state)
{
    (void)state;
    gp_error err = {0};
    const double score[7] = {3, 1, 4, 1, 5, 9, NAN};
    const int32_t one[7] = {0, 0, 0, 0, 0, 0, 0}, none[7] = {-1, -1, -1, -1, -1, -1, -1};
    double got[7];
    assert_ok(corrected_of(score, one, 7, 1, got, &err));
    for (int i = 0; i < 6; i++) assert_near(got[i], score[i], 1e-12);
    assert_true(isnan(got[6]));
    assert_ok(corrected_of(score, none, 7, 0, got, &err));
    for (int i = 0; i < 6; i++) assert_near(got[i], score[i], 0);
    assert_true(isnan(got[6]));
}

/* The metric raises the scores of one kind of image, and increases the spread of another kind. After the correction,
 * each kind has its share of the best tenth. A correction of the means alone would give nearly all of the best tenth
 * to the kind with the larger spread. */
static void test_corrected_takes_off_level_and_spread(void **state)
{
    (void)state;
    enum { N = 900 };
    gp_error err = {0};
    static double score[N], got[N], residual[N];
    static int32_t group[N];
    const double level[3] = {25, 33, 25}, spread[3] = {1, 1, 3};
    for (int i = 0; i < N; i++) {
        group[i] = i % 3;
        score[i] = level[i % 3] + spread[i % 3] * ((i / 3 * 7919 % 300) / 150.0 - 1); /* uniform in -1..1 */
    }
    assert_ok(corrected_of(score, group, N, 3, got, &err));
    assert_ok(shrunken(score, group, N, 3, residual, NULL, &err));
    int best[3] = {0}, by_level[3] = {0};
    for (int i = 0; i < N; i++) {
        int above = 0, above_level = 0;
        for (int k = 0; k < N; k++) above += got[k] > got[i], above_level += residual[k] > residual[i];
        best[group[i]] += above < 90, by_level[group[i]] += above_level < 90;
        for (int k = i % 3; k < i; k += 3) /* the order within a group stays */
            assert_true((score[k] < score[i]) == (got[k] < got[i]));
        assert_in_range((uint64_t)got[i], 22, 34); /* on the scale of the score */
    }
    for (int g = 0; g < 3; g++) assert_in_range(best[g], 27, 33);
    assert_in_range(by_level[2], 85, 95);
}

/* Three rows do not determine a spread, so their corrected scores depend mostly on the scores of all groups. */
static void test_corrected_in_small_groups(void **state)
{
    (void)state;
    enum { N = 203 };
    gp_error err = {0};
    double score[N], got[N];
    int32_t group[N];
    for (int i = 0; i < N; i++) group[i] = i < 200 ? i % 2 : 2, score[i] = 20 + i / 2 * 0.1;
    score[200] = 24.9, score[201] = 25, score[202] = 25.1;
    assert_ok(corrected_of(score, group, N, 3, got, &err));
    /* with only the percentiles within the group, this difference would be 6.7 */
    assert_true(got[202] - got[200] > 0.2 && got[202] - got[200] < 3.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_within_groups),
        cmocka_unit_test(test_shrunken),
        cmocka_unit_test(test_little_to_go_by),
        cmocka_unit_test(test_small_groups_do_not_explode),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_corrected_without_groups),
        cmocka_unit_test(test_corrected_takes_off_level_and_spread),
        cmocka_unit_test(test_corrected_in_small_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
