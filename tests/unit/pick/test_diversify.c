/* SPDX-License-Identifier: MIT
 * Greedy selections compared with slow and simple ones, with golden values, and with the best possible set. */
#include "picks_golden.h"
#include "base/rng.h"
#include "pick/diversify.h"
#include <math.h>

enum { MOST = 64, D = 6 };

static void unit_rows(float *v, size_t n, size_t d, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        double length = 0;
        for (size_t k = 0; k < d; k++) {
            v[i * d + k] = (float)((double)(gp_rng_at(seed, i * d + k) >> 40) / 8388608.0 - 1.0);
            length += (double)v[i * d + k] * (double)v[i * d + k];
        }
        for (size_t k = 0; k < d; k++) v[i * d + k] = (float)((double)v[i * d + k] / sqrt(length));
    }
}

static void assert_picks(const gp_json *wanted, const uint32_t *chosen, size_t count)
{
    int32_t want[MOST];
    size_t n = golden_ints(wanted, "picks", want, MOST);
    assert_int_equal(count, n);
    for (size_t i = 0; i < n; i++) assert_int_equal(chosen[i], want[i]);
}

static void test_golden(void **state)
{
    (void)state;
    gp_error err = {0};
    static double real[1024], worth[MOST], demand[MOST], bonus[MOST], gains[MOST], want[MOST];
    static float vectors[MOST * D], likeness[1024];
    int32_t groups[MOST];
    uint32_t chosen[MOST];
    size_t count = 0;
    gp_json *root = picks_golden();
    for (size_t c = 0; c < 2; c++) {
        const gp_json *g = gp_json_at(gp_json_get(root, "choices"), c);
        size_t n = (size_t)golden_real(g, "n"), k = (size_t)golden_real(g, "k");
        for (size_t i = golden_reals(g, "vectors", real, 1024); i-- > 0;) vectors[i] = (float)real[i];
        for (size_t i = golden_reals(g, "likeness", real, 1024); i-- > 0;) likeness[i] = (float)real[i];
        golden_reals(g, "worth", worth, MOST);
        golden_ints(g, "groups", groups, MOST);
        for (size_t b = 0; b < 4; b++) {
            const gp_json *m = gp_json_at(gp_json_get(g, "mmr"), b);
            assert_ok(gp_diversify_mmr(vectors, n, D, worth, NULL, k, golden_real(m, "balance"), chosen, &count, &err));
            assert_picks(m, chosen, count);
        }
        assert_ok(gp_diversify_mmr(vectors, n, D, worth, groups, k, 0.7, chosen, &count, &err));
        assert_picks(gp_json_get(g, "mmr_one_of_group"), chosen, count);
        assert_ok(gp_diversify_facility(vectors, n, D, worth, NULL, k, 0, chosen, &count, &err));
        assert_picks(gp_json_get(g, "facility"), chosen, count);
        const gp_json *w = gp_json_get(g, "weighted");
        golden_reals(w, "demand", demand, MOST);
        golden_reals(w, "bonus", bonus, MOST);
        golden_reals(w, "gains", want, MOST);
        assert_ok(gp_diversify_facility_greedy(likeness, n, demand, bonus, NULL, k, chosen, gains, &count, &err));
        assert_picks(w, chosen, count);
        for (size_t i = 0; i < k; i++) assert_true(fabs(gains[i] - want[i]) < 1e-5);
    }
    gp_json_free(root);
}

/* ------------------------------------------------------------------ slow and simple versions */

static double cosine(const float *v, size_t d, size_t i, size_t j)
{
    return gp_diversify_similarity(v + i * d, v + j * d, d);
}

/* Scales relevance to 0..1 as pick/diversify.h says; NaN stays NaN. */
static void scale(const double *worth, size_t n, double *out)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) low = fmin(low, worth[i]), high = fmax(high, worth[i]);
    for (size_t i = 0; i < n; i++)
        out[i] = isnan(worth[i]) ? worth[i] : high > low ? (worth[i] - low) / (high - low) : 0;
}

static bool may_be_chosen(size_t i, const double *worth, const int32_t *group, const uint32_t *chosen, size_t count)
{
    if (isnan(worth[i])) return false;
    for (size_t c = 0; c < count; c++)
        if (chosen[c] == i || (group && group[i] >= 0 && group[chosen[c]] == group[i])) return false;
    return true;
}

static size_t slow_mmr(const float *v, size_t n, size_t d, const double *worth, const int32_t *group, size_t k,
                       double balance, uint32_t *chosen)
{
    double r[MOST];
    scale(worth, n, r);
    for (size_t count = 0; count < k; count++) {
        size_t best = n;
        double most = 0;
        for (size_t i = 0; i < n; i++) {
            if (!may_be_chosen(i, worth, group, chosen, count)) continue;
            double near = count ? -2 : 0;
            for (size_t c = 0; c < count; c++) near = fmax(near, cosine(v, d, i, chosen[c]));
            double value = balance * r[i] - (1 - balance) * near;
            if (best == n || value > most) best = i, most = value;
        }
        if (best == n) return count;
        chosen[count] = (uint32_t)best;
    }
    return k;
}

/* Returns F(S) as pick/diversify.h defines it, for the set `chosen` [count]; k: the number of picks requested. */
static double slow_value(const float *v, size_t n, size_t d, const double *worth, size_t k, double balance,
                         const uint32_t *chosen, size_t count)
{
    double r[MOST], cover = 0, total = 0, sum = 0, rows = 0;
    scale(worth, n, r);
    for (size_t i = 0; i < n; i++) {
        if (isnan(r[i])) continue;
        double most = 0, w = 1 - balance + balance * r[i];
        for (size_t c = 0; c < count; c++) most = fmax(most, cosine(v, d, i, chosen[c]));
        cover += w * most, total += w, rows++;
    }
    for (size_t c = 0; c < count; c++) sum += r[chosen[c]];
    return balance * sum + (total > 0 ? (1 - balance) * fmin((double)k, rows) / total * cover : 0);
}

static size_t slow_facility(const float *v, size_t n, size_t d, const double *worth, const int32_t *group, size_t k,
                            double balance, uint32_t *chosen)
{
    for (size_t count = 0; count < k; count++) {
        size_t best = n;
        double most = 0;
        for (size_t i = 0; i < n; i++) {
            if (!may_be_chosen(i, worth, group, chosen, count)) continue;
            chosen[count] = (uint32_t)i;
            double value = slow_value(v, n, d, worth, k, balance, chosen, count + 1);
            if (best == n || value > most + 1e-9) best = i, most = value;
        }
        if (best == n) return count;
        chosen[count] = (uint32_t)best;
    }
    return k;
}

/* The lazy search must choose the same rows as the plain greedy search. Some rows are copies of others, have no
 * relevance, or belong to groups. */
static void test_lazy_is_plain_greedy(void **state)
{
    (void)state;
    gp_error err = {0};
    static float v[40 * 19];
    double worth[40];
    int32_t group[40];
    for (uint64_t seed = 1; seed < 40; seed++) {
        size_t n = 10 + seed % 30, d = seed % 3 ? 3 : 19;
        unit_rows(v, n, d, seed);
        memcpy(v + (n - 1) * d, v, d * sizeof *v);
        memcpy(v + (n - 3) * d, v + d, d * sizeof *v);
        for (size_t i = 0; i < n; i++) {
            worth[i] = 20 + (double)(gp_rng_at(seed * 3, i) % 9);
            if (gp_rng_at(seed * 5, i) % 11 == 0) worth[i] = (double)NAN;
            group[i] = (int32_t)(gp_rng_at(seed * 7, i) % n) - 2;
            if (group[i] < 0) group[i] = -1;
        }
        for (size_t k = 1; k < n + 3; k += 4)
            for (int b = 0; b <= 4; b++)
                for (int grouped = 0; grouped < 2; grouped++) {
                    uint32_t want[64], got[64];
                    size_t count = 99, expected;
                    const int32_t *g = grouped ? group : NULL;
                    expected = slow_mmr(v, n, d, worth, g, k, b / 4.0, want);
                    assert_ok(gp_diversify_mmr(v, n, d, worth, g, k, b / 4.0, got, &count, &err));
                    assert_int_equal(count, expected);
                    assert_memory_equal(got, want, count * sizeof *got);
                    expected = slow_facility(v, n, d, worth, g, k, b / 4.0, want);
                    assert_ok(gp_diversify_facility(v, n, d, worth, g, k, b / 4.0, got, &count, &err));
                    assert_int_equal(count, expected);
                    for (size_t i = 0; i < count; i++) { /* equal gains may differ by rounding, so compare the values */
                        double a = slow_value(v, n, d, worth, k, b / 4.0, got, i + 1);
                        double e = slow_value(v, n, d, worth, k, b / 4.0, want, i + 1);
                        if (got[i] != want[i] && fabs(a - e) > 1e-6) fail_msg("step %zu: %.9g, not %.9g", i, a, e);
                        if (got[i] != want[i]) break;
                    }
                }
    }
}

/* Returns the best F of all sets of k rows with at most one row per group. */
static double optimum(const float *v, size_t n, size_t d, const double *worth, const int32_t *group, size_t k,
                      double balance)
{
    double best = 0;
    for (uint32_t set = 0; set < 1u << n; set++) {
        uint32_t rows[16];
        size_t count = 0;
        bool allowed = true;
        for (size_t i = 0; i < n && allowed; i++) {
            if (!(set >> i & 1)) continue;
            allowed = count < k && may_be_chosen(i, worth, group, rows, count);
            if (allowed) rows[count++] = (uint32_t)i;
        }
        if (allowed && count) best = fmax(best, slow_value(v, n, d, worth, k, balance, rows, count));
    }
    return best;
}

static void test_guarantee(void **state)
{
    (void)state;
    gp_error err = {0};
    float v[11 * 4];
    double worth[11], worst = 2, worst_grouped = 2;
    int32_t group[11];
    for (uint64_t seed = 100; seed < 130; seed++) {
        unit_rows(v, 11, 4, seed);
        for (size_t i = 0; i < 11; i++) {
            worth[i] = (double)(gp_rng_at(seed, 500 + i) % 1000);
            group[i] = (int32_t)(gp_rng_at(seed, 700 + i) % 4);
        }
        for (size_t k = 1; k <= 5; k += 2)
            for (int b = 0; b <= 4; b += 2) {
                uint32_t chosen[16];
                size_t count;
                assert_ok(gp_diversify_facility(v, 11, 4, worth, NULL, k, b / 4.0, chosen, &count, &err));
                double best = optimum(v, 11, 4, worth, NULL, k, b / 4.0);
                worst = fmin(worst, slow_value(v, 11, 4, worth, k, b / 4.0, chosen, count) / best);
                assert_ok(gp_diversify_facility(v, 11, 4, worth, group, k, b / 4.0, chosen, &count, &err));
                best = optimum(v, 11, 4, worth, group, k, b / 4.0);
                worst_grouped = fmin(worst_grouped, slow_value(v, 11, 4, worth, k, b / 4.0, chosen, count) / best);
            }
    }
    print_message("greedy reaches at least %.3f of the best set, %.3f with groups\n", worst, worst_grouped);
    assert_true(worst >= 1 - exp(-1) && worst <= 1 + 1e-6);
    assert_true(worst_grouped >= 0.5 && worst_grouped <= 1 + 1e-6);
}

/* Negative similarities must be clipped to 0, because the set function would otherwise not be monotone. */
static void test_opposites(void **state)
{
    (void)state;
    gp_error err = {0};
    const float v[4 * 2] = {1, 0, -1, 0, 0, 1, 1, 0};
    const double worth[4] = {1, 1, 1, 1};
    uint32_t chosen[4];
    size_t count;
    assert_ok(gp_diversify_facility(v, 4, 2, worth, NULL, 3, 0, chosen, &count, &err));
    assert_int_equal(count, 3);
    /* row 0 also represents its copy, row 3. The next picks are the opposite and the perpendicular row, never the
     * copy */
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 1);
    assert_int_equal(chosen[2], 2);
}

static void test_more_than_the_pool(void **state)
{
    (void)state;
    gp_error err = {0};
    enum { N = GP_DIVERSIFY_POOL + 300, WIDE = 8 };
    float *v = malloc((size_t)N * WIDE * sizeof *v);
    double *worth = malloc(N * sizeof *worth);
    int32_t *group = malloc(N * sizeof *group);
    uint32_t *chosen = malloc(N * sizeof *chosen);
    bool *seen = calloc(N, sizeof *seen);
    size_t count;
    unit_rows(v, N, WIDE, 5);
    for (size_t i = 0; i < N; i++) worth[i] = (double)(i * 7919 % N), group[i] = -1;
    for (size_t i = 0; i < N; i++)
        if (worth[i] == 0 || worth[i] == 5) group[i] = 3; /* both expected rows are outside the pool */
    assert_ok(gp_diversify_facility(v, N, WIDE, worth, NULL, 50, 0.2, chosen, &count, &err));
    assert_int_equal(count, 50);
    for (size_t i = 0; i < count; i++) assert_true(worth[chosen[i]] >= 300); /* rows of the pool */
    assert_ok(gp_diversify_facility(v, N, WIDE, worth, group, N, 0.2, chosen, &count, &err));
    assert_int_equal(count, N - 1);
    for (size_t i = 0; i < count; i++) {
        assert_false(seen[chosen[i]]);
        seen[chosen[i]] = true;
        /* after the rows of the pool, the other rows follow by relevance */
        if (i > GP_DIVERSIFY_POOL) assert_true(worth[chosen[i]] < worth[chosen[i - 1]]);
    }
    assert_false(seen[0]); /* its relevance is 0 */
    free(seen), free(chosen), free(group), free(worth), free(v);
}

static void test_edges_and_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    float v[5 * D];
    uint32_t chosen[5];
    size_t count = 9;
    const double none[5] = {(double)NAN, (double)NAN, (double)INFINITY, (double)-INFINITY, (double)NAN};
    const double worth[5] = {1, 5, 2, 4, 3};
    const int32_t group[5] = {0, -1, 0, -1, 4};
    unit_rows(v, 5, D, 9);
    for (int which = 0; which < 2; which++) {
        gp_status (*choose)(const float *, size_t, size_t, const double *, const int32_t *, size_t, double, uint32_t *,
                            size_t *, gp_error *) = which ? gp_diversify_facility : gp_diversify_mmr;
        assert_ok(choose(v, 5, D, none, NULL, 3, 0.5, chosen, &count, &err));
        assert_int_equal(count, 0);
        assert_ok(choose(NULL, 0, D, NULL, NULL, 3, 0.5, chosen, &count, &err));
        assert_int_equal(count, 0);
        assert_ok(choose(v, 5, D, worth, NULL, 0, 0.5, chosen, &count, &err));
        assert_int_equal(count, 0);
        assert_ok(choose(v, 5, D, worth, NULL, 3, 1, chosen, &count, &err)); /* relevance only */
        assert_int_equal(count, 3);
        assert_int_equal(chosen[0], 1);
        assert_int_equal(chosen[1], 3);
        assert_int_equal(chosen[2], 4);
        int64_t live = gp_mem_live();
        gp_status st = GP_ERR_MEMORY;
        uint64_t n = 0;
        while (st == GP_ERR_MEMORY) {
            gp_mem_fail_at(++n);
            st = choose(v, 5, D, worth, group, 3, 0.5, chosen, &count, &err);
            assert_int_equal(gp_mem_live(), live);
        }
        gp_mem_fail_at(0);
        assert_int_equal(st, GP_OK);
        assert_true(n > 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_lazy_is_plain_greedy),
        cmocka_unit_test(test_guarantee),
        cmocka_unit_test(test_opposites),
        cmocka_unit_test(test_more_than_the_pool),
        cmocka_unit_test(test_edges_and_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
