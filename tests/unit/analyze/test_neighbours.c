/* SPDX-License-Identifier: MIT
 * Neighbours compared with brute force in double: every id must be one of the k nearest, except for exact ties. */
#include "plain.h"

#include "analyze/neighbour/sq8.h"
#include "analyze/neighbour/neighbours.h"
#include "base/mem.h"
#include "npy.h"
#include "sanitized.h"

/* Checks that the neighbour at index j has the right distance, and that at most j rows are nearer. Also checks that no
 * id occurs twice, and that no row is its own neighbour. */
static void check_rows(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                       gp_metric metric, int threads)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_error err = {0};
    size_t q = queries ? m : n;
    uint32_t *ids = malloc(q * k * sizeof *ids);
    float *distances = malloc(q * k * sizeof *distances);
    double *all = malloc(n * sizeof *all);
    o.metric = metric, o.threads = threads;
    assert_int_equal(gp_neighbours(rows, n, d, queries, m, k, &o, ids, distances, &err), GP_OK);
    for (size_t i = 0; i < q; i++) {
        const float *x = (queries ? queries : rows) + i * d;
        for (size_t j = 0; j < n; j++) all[j] = plain_distance(x, rows + j * d, d, metric);
        for (size_t j = 0; j < k; j++) {
            uint32_t id = ids[i * k + j];
            size_t nearer = 0;
            assert_true(id < n && (queries || id != i));
            for (size_t l = 0; l < j; l++) assert_true(ids[i * k + l] != id);
            for (size_t l = 0; l < n; l++) nearer += (queries || l != i) && all[l] < all[id] - 1e-13 * (1 + all[id]);
            assert_true(nearer <= j);
            assert_true(fabs(distances[i * k + j] - all[id]) <= 1e-6 * (1 + all[id]));
            if (j) assert_true(distances[i * k + j] >= distances[i * k + j - 1]);
        }
    }
    free(all);
    free(distances);
    free(ids);
}

static void test_random_shapes(void **state)
{
    (void)state;
    static const struct {
        size_t n, d, k, blobs;
        bool repeats;
    } cases[] = {{2, 1, 1, 0, false},    {5, 3, 4, 0, false},      {17, 7, 3, 2, false},   {100, 2, 15, 6, true},
                 {333, 33, 15, 9, true}, {700, 64, 15, 20, false}, {1000, 5, 40, 0, true}, {260, 512, 15, 12, false}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        float *x = random_rows(7 + c, cases[c].n, cases[c].d, cases[c].blobs, cases[c].repeats);
        float *y = random_rows(90 + c, 19, cases[c].d, cases[c].blobs, false);
        for (int metric = 0; metric < 2; metric++) {
            check_rows(x, cases[c].n, cases[c].d, NULL, 0, cases[c].k, (gp_metric)metric, 1 + (int)c % 3);
            check_rows(x, cases[c].n, cases[c].d, y, 19, cases[c].k, (gp_metric)metric, 2);
        }
        free(x);
        free(y);
    }
}

/* Far from the origin, distances that are computed from fp32 dot products lose their precision by cancellation. The
 * error bound must still keep every possible neighbour. */
static void test_far_from_the_origin(void **state)
{
    (void)state;
    float *x = random_rows(3, 400, 16, 5, true);
    for (size_t i = 0; i < 400 * 16; i++) x[i] += 3000;
    check_rows(x, 400, 16, NULL, 0, 10, GP_METRIC_EUCLIDEAN, 2);
    check_rows(x, 400, 16, NULL, 0, 10, GP_METRIC_COSINE, 2);
    free(x);
}

/* Squares of floats overflow beyond 1.8e19 and become 0 below 1e-23. */
static void test_any_scale(void **state)
{
    (void)state;
    static const float factors[] = {1e30f, 1e19f, 1e-24f, 1e-36f};
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        float *x = random_rows(4, 300, 8, 6, false), *y = random_rows(6, 20, 8, 6, false);
        uint32_t ids[300 * 5], scaled[300 * 5];
        float distances[300 * 5];
        gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
        for (int queries = 0; queries < 2; queries++)
            for (int metric = 0; metric < 2; metric++) {
                float *x2 = malloc(300 * 8 * sizeof *x), *y2 = malloc(20 * 8 * sizeof *y);
                size_t m = queries ? 20 : 300;
                o.metric = (gp_metric)metric;
                for (size_t i = 0; i < 300 * 8; i++) x2[i] = x[i] * factors[f];
                for (size_t i = 0; i < 20 * 8; i++) y2[i] = y[i] * factors[f];
                assert_int_equal(gp_neighbours(x, 300, 8, queries ? y : NULL, 20, 5, &o, ids, distances, NULL), GP_OK);
                assert_int_equal(gp_neighbours(x2, 300, 8, queries ? y2 : NULL, 20, 5, &o, scaled, distances, NULL),
                                 GP_OK);
                assert_memory_equal(ids, scaled, m * 5 * sizeof *ids);
                free(y2);
                free(x2);
            }
        free(y);
        free(x);
    }
}

static void test_ties_go_to_the_smaller_id(void **state)
{
    (void)state;
    float x[200 * 3];
    uint32_t ids[200 * 5];
    float distances[200 * 5];
    gp_error err = {0};
    for (size_t i = 0; i < 600; i++) x[i] = (float)(i % 3 + 1);
    assert_int_equal(gp_neighbours(x, 200, 3, NULL, 0, 5, NULL, ids, distances, &err), GP_OK);
    for (uint32_t i = 0; i < 200; i++)
        for (uint32_t j = 0; j < 5; j++) assert_int_equal(ids[i * 5 + j], j + (j >= i && i < 5));
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    float *x = random_rows(5, 500, 48, 8, true), d1[500 * 7], d2[500 * 7];
    static uint32_t a[500 * 7], b[500 * 7];
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_error err = {0};
    o.threads = 1;
    assert_int_equal(gp_neighbours(x, 500, 48, NULL, 0, 7, &o, a, d1, &err), GP_OK);
    o.threads = 4;
    assert_int_equal(gp_neighbours(x, 500, 48, NULL, 0, 7, &o, b, d2, &err), GP_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(d1, d2, sizeof d1);
    free(x);
}

static bool stop_at_once(void *user, const gp_progress *p)
{
    (void)user, (void)p;
    return false;
}

static void test_what_cannot_be(void **state)
{
    (void)state;
    float x[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}, distances[12];
    uint32_t ids[12];
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_error err = {0};
    assert_int_equal(gp_neighbours(x, 4, 3, NULL, 0, 4, NULL, ids, distances, &err), GP_ERR_USAGE);
    assert_int_equal(gp_neighbours(x, 4, 3, NULL, 0, 0, NULL, ids, distances, &err), GP_ERR_USAGE);
    assert_int_equal(gp_neighbours(x, 0, 3, NULL, 0, 1, NULL, ids, distances, &err), GP_ERR_USAGE);
    x[4] = NAN;
    assert_int_equal(gp_neighbours(x, 4, 3, NULL, 0, 1, NULL, ids, distances, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "row 1"));
    float *many = random_rows(1, 3000, 4, 0, false), *far = malloc(3000 * sizeof *far);
    uint32_t *near = malloc(3000 * sizeof *near);
    o.progress = stop_at_once, o.threads = 1;
    assert_int_equal(gp_neighbours(many, 3000, 4, NULL, 0, 1, &o, near, far, &err), GP_ERR_STOPPED);
    free(near);
    free(far);
    free(many);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    float *x = random_rows(2, 90, 6, 3, false), distances[90 * 4];
    uint32_t ids[90 * 4];
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_error err = {0};
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    o.threads = 1;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_neighbours(x, 90, 6, NULL, 0, 4, &o, ids, distances, &err);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    }
    free(x);
}

/* ------------------------------------------------------------------ int8 products */

/* Checks that the search with int8 products finds the same neighbours as the search with float products, in the same
 * order and with the same distances. */
static void check_eight(size_t n, size_t d, size_t k, float shift)
{
    float *x = random_rows(51 + n, n, d, 12, true), *a = malloc(n * k * sizeof *a), *b = malloc(n * k * sizeof *b);
    uint32_t *ids = malloc(n * k * sizeof *ids), *same = malloc(n * k * sizeof *same);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_error err = {0};
    for (size_t i = 0; i < n * d; i++) x[i] += shift;
    memset(x + 7 * d, 0, d * sizeof *x); /* one row of zeros, and one row that is far away from all others */
    for (size_t j = 0; j < d; j++) x[11 * d + j] *= j % 2 ? 30 : -20;
    for (int metric = 0; metric < 2; metric++) {
        o.metric = (gp_metric)metric, o.threads = 2;
        assert_int_equal(gp_an_neighbours_by(x, n, d, NULL, 0, k, &o, GP_KNN_FLOATS, ids, a, NULL), GP_OK);
        if (gp_an_neighbours_by(x, n, d, NULL, 0, k, &o, GP_KNN_INT8, same, b, &err) != GP_OK)
            fail_msg("%s", err.message);
        assert_memory_equal(ids, same, n * k * sizeof *ids);
        assert_memory_equal(a, b, n * k * sizeof *a);
    }
    free(same);
    free(ids);
    free(b);
    free(a);
    free(x);
}

static void test_eight_bits_find_the_same(void **state)
{
    (void)state;
    check_eight(1500, 48, 9, 0);
    check_eight(1025, 300, 3, 1);
    check_eight(70, 5, 12, 30);
    check_eight(2048, 17, 1, 0);
    check_eight(640, 512, 20, 0.25f);
}

/* No int8 product has a larger error than its bound, and for ordinary rows the bounds are small enough to exclude
 * most pairs. */
static void test_bounds_of_eight_bits_hold(void **state)
{
    (void)state;
    enum { N = 300, D = 130 };
    float *x = random_rows(5, N, D, 6, true), tile[GP_QUERIES * GP_QUERIES];
    for (size_t j = 0; j < D; j++) x[9 * D + j] *= 50;
    for (int metric = 0; metric < 2; metric++) {
        gp_knn s = {.rows = x,
                    .queries = x,
                    .n = N,
                    .m = N,
                    .d = D,
                    .k = 5,
                    .self = true,
                    .metric = (gp_metric)metric,
                    .kernels = gp_kernel_table()};
        gp_sq8 c = {0};
        bool worth = false;
        double least = 1, sum = 0, pairs = 0;
        assert_int_equal(gp_sq8_pack(&c, &s, 2, &worth, NULL), GP_OK);
        assert_true(worth);
        for (size_t first = 0; first < N; first += GP_QUERIES)
            for (size_t panel = 0; panel < s.slots / GP_PANEL; panel += 4) {
                size_t count = N - first < GP_QUERIES ? N - first : GP_QUERIES;
                gp_sq8_multiply(&c, s.kernels, first, count, panel, 4, tile, GP_QUERIES);
                for (size_t r = 0; r < count; r++)
                    for (size_t o = 0; o < GP_QUERIES; o++) {
                        size_t i = first + r, j = panel * GP_PANEL + o;
                        if (j >= N || i == j) continue;
                        double distance = plain_distance(x + i * D, x + j * D, D, (gp_metric)metric);
                        double likeness =
                            metric == GP_METRIC_COSINE ? 1 - distance : -distance * distance * s.scale * s.scale / 2;
                        /* The similarity that knn.h defines is `likeness` + own[0] for query i and row j, and
                         * `likeness` + own[1] for query j and row i. For cosine, own[0] = own[1] = 0. For euclidean,
                         * own[0] = |x_i|^2 / 2 and own[1] = |x_j|^2 / 2, because x_i.x_j - |x_j|^2 / 2 =
                         * -|x_i - x_j|^2 / 2 + |x_i|^2 / 2. */
                        double own[2] = {0, 0}, value = (double)tile[r * GP_QUERIES + o];
                        for (size_t l = 0; metric == GP_METRIC_EUCLIDEAN && l < D; l++) {
                            own[0] += (double)x[i * D + l] * (double)x[i * D + l] * s.scale * s.scale / 2;
                            own[1] += (double)x[j * D + l] * (double)x[j * D + l] * s.scale * s.scale / 2;
                        }
                        double over_i = value + (double)c.panel.offset[j] - (double)c.row.shift[i] - likeness - own[0];
                        double over_j = value + (double)c.row.offset[i] - (double)c.panel.shift[j] - likeness - own[1];
                        assert_true(over_i >= 0 && over_j >= 0);
                        if (i == 9 || j == 9) continue;
                        least = fmin(least, over_i), sum += over_i, pairs++;
                    }
            }
        /* over_i and over_j are differences: the upper bound of a similarity minus this similarity. If the bounds were
         * too large to exclude rows, the smallest difference would be nearly the mean of all differences. Measured: 0.6
         * of the mean. */
        assert_true(least < 0.8 * sum / pairs);
        gp_sq8_clear(&c);
        gp_knn_clear(&s);
    }
    free(x);
}

/* If int8 cannot separate the rows, goldpan uses float products instead. */
static void test_eight_bits_give_up(void **state)
{
    (void)state;
    enum { N = 4000, D = 8 };
    float *x = random_rows(6, N, D, 1, true);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) x[i * D + j] = (i % 2 ? 1.0f : -1.0f) + x[i * D + j] * 1e-4f;
    gp_knn s = {.rows = x, .queries = x, .n = N, .m = N, .d = D, .k = 5, .self = true, .kernels = gp_kernel_table()};
    gp_sq8 c = {0};
    bool worth = true;
    int64_t before = gp_mem_live();
    s.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_sq8_pack(&c, &s, 2, &worth, NULL), GP_OK);
    assert_false(worth);
    assert_int_equal(gp_mem_live(), before);
    free(x);
}

/* ------------------------------------------------------------------ approximate search */

/* Checks that the found distances are right, and that no list contains the row itself or an id twice. Returns the
 * share of true neighbours that were found. */
static double share_found(const float *rows, size_t n, size_t d, size_t k, gp_metric metric, double recall)
{
    uint32_t *all = malloc(n * k * sizeof *all), *ids = malloc(n * k * sizeof *ids),
             *more = malloc(n * k * sizeof *ids);
    float *distances = malloc(n * k * sizeof *distances), *scratch = malloc(n * k * sizeof *scratch);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    size_t found = 0;
    o.metric = metric;
    assert_int_equal(gp_neighbours(rows, n, d, NULL, 0, k, &o, all, scratch, NULL), GP_OK);
    o.recall = recall, o.threads = 1;
    assert_int_equal(gp_neighbours(rows, n, d, NULL, 0, k, &o, more, distances, NULL), GP_OK);
    o.threads = 3;
    assert_int_equal(gp_neighbours(rows, n, d, NULL, 0, k, &o, ids, scratch, NULL), GP_OK);
    assert_memory_equal(ids, more, n * k * sizeof *ids);
    assert_memory_equal(scratch, distances, n * k * sizeof *distances);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++) {
            uint32_t id = ids[i * k + j];
            double true_distance = plain_distance(rows + i * d, rows + id * d, d, metric);
            assert_true(id < n && id != i);
            for (size_t l = 0; l < j; l++) assert_true(ids[i * k + l] != id);
            assert_true(fabs((double)distances[i * k + j] - true_distance) <= 1e-6 * (1 + true_distance));
            if (j) assert_true(distances[i * k + j] >= distances[i * k + j - 1]);
            for (size_t l = 0; l < k; l++) found += all[i * k + l] == id;
        }
    free(scratch);
    free(distances);
    free(more);
    free(ids);
    free(all);
    return (double)found / (double)(n * k);
}

static void test_recall_is_kept(void **state)
{
    (void)state;
    static const double wanted[] = {0.8, 0.98, 0.999};
    float *x = random_rows(41, 21000, 24, 300, false);
    for (int i = 0; i < (SANITIZED ? 1 : 3); i++) {
        double share = share_found(x, 21000, 24, 12, (gp_metric)(i % 2), wanted[i]);
        print_message("recall %.3f asked for, %.4f found\n", wanted[i], share);
        assert_true(share >= wanted[i] - 0.02);
        /* with recall 0.8, some neighbours must be missing: otherwise the search was exact, and this test does not test
         * IVF */
        assert_true(i || share < 1);
    }
    free(x);
}

/* Three inputs for which IVF does not save time: rows without clusters, which are compared with all rows; equal rows,
 * which fill whole lists; and few rows, which are searched exactly. */
static void test_recall_where_cells_do_not_help(void **state)
{
    (void)state;
    float *x = random_rows(42, 20500, 16, 0, false);
    if (!SANITIZED) assert_true(share_found(x, 20500, 16, 5, GP_METRIC_EUCLIDEAN, 0.95) >= 0.93);
    for (size_t i = 0; i < 20500; i++)
        if (i % 20 == 0) memcpy(x + i * 16, x, 16 * sizeof *x);
    share_found(x, 20500, 16, 5, GP_METRIC_COSINE, 0.9);
    assert_true(share_found(x, 400, 16, 5, GP_METRIC_COSINE, 0.5) == 1);
    free(x);
}

/* Makes one allocation fail in each call: first each of the first 40, then every seventh (every 50th under
 * sanitizers). The call must return an error and leak nothing. */
static void test_recall_without_memory(void **state)
{
    (void)state;
    enum { N = 20000, D = 4, K = 3 };
    float *x = random_rows(43, N, D, 60, false), *distances = malloc(N * K * sizeof *distances);
    uint32_t *ids = malloc(N * K * sizeof *ids);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    int64_t live = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    o.recall = 0.9, o.threads = 2;
    for (uint64_t at = 1; st == GP_ERR_MEMORY; at += at < 40 ? 1 : SANITIZED ? 50 : 7) {
        gp_error err = {0};
        gp_mem_fail_at(at);
        st = gp_neighbours(x, N, D, NULL, 0, K, &o, ids, distances, &err);
        gp_mem_fail_at(0);
        assert_int_equal(gp_mem_live(), live);
        if (st != GP_OK) assert_non_null(strstr(err.message, "out of memory"));
    }
    assert_int_equal(st, GP_OK);
    free(ids);
    free(distances);
    free(x);
}

static void test_recall_out_of_range(void **state)
{
    (void)state;
    static const double wrong[] = {0, -1, 1.01, NAN};
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, distance[4];
    uint32_t id[4];
    for (int i = 0; i < 4; i++) {
        gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
        gp_error err = {0};
        o.recall = wrong[i];
        assert_int_equal(gp_neighbours(x, 4, 2, NULL, 0, 1, &o, id, distance, &err), GP_ERR_USAGE);
        assert_ptr_equal(strstr(err.message, "recall must be greater than 0 and at most 1, not "), err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_shapes),
                                       cmocka_unit_test(test_far_from_the_origin),
                                       cmocka_unit_test(test_any_scale),
                                       cmocka_unit_test(test_ties_go_to_the_smaller_id),
                                       cmocka_unit_test(test_threads_do_not_matter),
                                       cmocka_unit_test(test_eight_bits_find_the_same),
                                       cmocka_unit_test(test_bounds_of_eight_bits_hold),
                                       cmocka_unit_test(test_eight_bits_give_up),
                                       cmocka_unit_test(test_recall_is_kept),
                                       cmocka_unit_test(test_recall_where_cells_do_not_help),
                                       cmocka_unit_test(test_recall_without_memory),
                                       cmocka_unit_test(test_recall_out_of_range),
                                       cmocka_unit_test(test_what_cannot_be),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
