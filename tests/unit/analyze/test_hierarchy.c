/* SPDX-License-Identifier: MIT
 * The first-neighbour hierarchy compared with h-NNE 1.0.2 (tests/golden/analyze/hnne), and properties of any
 * hierarchy. */
#include "plain.h"

#include "base/mem.h"
#include "npy.h"

static float *load_set(const char *name, size_t *n, size_t *d)
{
    char path[200];
    float *rows;
    gp_error err = {0};
    snprintf(path, sizeof path, "tests/golden/analyze/sets/%s.npy", name);
    if (gp_npy_read(source_path(path), &rows, n, d, &err) != GP_OK) fail_msg("%s", err.message);
    return rows;
}

static gp_hierarchy build(const float *rows, size_t n, size_t d, gp_metric metric, int threads)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    gp_error err = {0};
    o.metric = metric, o.threads = threads;
    if (gp_hierarchy_build(rows, n, d, &o, &h, &err) != GP_OK) fail_msg("%s", err.message);
    return h;
}

/* Compares a hierarchy with a golden file, whose columns are levels from fine to coarse, as in goldpan. */
static void check_golden(const char *path, const float *rows, size_t n, size_t d, gp_metric metric)
{
    npy golden = npy_load(path);
    const int32_t *want = golden.data;
    gp_hierarchy h = build(rows, n, d, metric, 2);
    assert_int_equal(golden.shape[0], n);
    if (h.levels != golden.shape[1]) fail_msg("%s: %zu levels", path, h.levels);
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < h.levels; t++)
            if (want[i * h.levels + t] != (int32_t)h.labels[t * n + i]) fail_msg("%s: row %zu, level %zu", path, i, t);
    gp_hierarchy_clear(&h);
    npy_free(&golden);
}

static void test_equals_the_reference(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        gp_metric metric;
    } cases[] = {
        {"gauss10", GP_METRIC_EUCLIDEAN}, {"gauss100", GP_METRIC_EUCLIDEAN}, {"blobs2d", GP_METRIC_EUCLIDEAN},
        {"blobs8", GP_METRIC_EUCLIDEAN},  {"blobs32", GP_METRIC_EUCLIDEAN},  {"stretched", GP_METRIC_EUCLIDEAN},
        {"repeats", GP_METRIC_EUCLIDEAN}, {"gauss100", GP_METRIC_COSINE},    {"blobs8", GP_METRIC_COSINE},
        {"blobs32", GP_METRIC_COSINE},    {"signs64", GP_METRIC_COSINE},     {"captions", GP_METRIC_EUCLIDEAN},
        {"captions", GP_METRIC_COSINE}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char path[200];
        size_t n, d;
        float *rows = load_set(cases[c].set, &n, &d);
        snprintf(path, sizeof path, "tests/golden/analyze/hnne/%s.%s.partitions.npy", cases[c].set,
                 cases[c].metric == GP_METRIC_COSINE ? "cosine" : "euclidean");
        check_golden(source_path(path), rows, n, d, cases[c].metric);
        gp_free(rows);
    }
}

static void test_equals_the_reference_on_real_vectors(void **state)
{
    (void)state;
    char raw[1024], unit[1024];
    size_t n = 0;
    const char *golden = shared_path("golden/analyze/hnne/detic2148.euclidean.partitions.npy", "real vectors");
    if (!golden) skip();
    snprintf(raw, sizeof raw, "%s", golden);
    snprintf(unit, sizeof unit, "%s",
             shared_path("golden/analyze/hnne/detic2148.unit.euclidean.partitions.npy", "real vectors"));
    float *words = words_by_clip(0, 4, false, &n);
    if (!words) skip();
    check_golden(raw, words, n, 512, GP_METRIC_EUCLIDEAN);
    free(words);
    words = words_by_clip(0, 4, true, &n);
    check_golden(unit, words, n, 512, GP_METRIC_EUCLIDEAN);
    free(words);
}

static void test_nests(void **state)
{
    (void)state;
    float *rows = random_rows(11, 1500, 24, 40, true);
    gp_hierarchy h = build(rows, 1500, 24, GP_METRIC_EUCLIDEAN, 2);
    assert_true(h.levels >= 2);
    for (size_t t = 0; t < h.levels; t++) {
        uint32_t next = 0;
        for (size_t i = 0; i < h.n; i++) {
            uint32_t label = h.labels[t * h.n + i];
            assert_true(label <= next); /* clusters are numbered by their smallest member */
            next += label == next;
            if (t + 1 < h.levels) assert_int_equal(h.parents[t][label], h.labels[(t + 1) * h.n + i]);
        }
        assert_int_equal(next, h.sizes[t]);
        if (t) assert_true(h.sizes[t] * 2 <= h.sizes[t - 1]);
    }
    gp_hierarchy_clear(&h);
    free(rows);
}

/* The clusters do not depend on the order of the rows (random rows have no ties) or on the number of threads. */
static void test_order_and_threads_do_not_matter(void **state)
{
    (void)state;
    enum { N = 800, D = 12 };
    float *rows = random_rows(21, N, D, 25, false), *turned = malloc(N * D * sizeof *turned);
    size_t order[N];
    for (size_t i = 0; i < N; i++) order[i] = i;
    for (size_t i = N - 1; i > 0; i--) {
        size_t j = gp_rng_at(5, i) % (i + 1), keep = order[i];
        order[i] = order[j], order[j] = keep;
    }
    for (size_t i = 0; i < N; i++) memcpy(turned + i * D, rows + order[i] * D, D * sizeof *rows);
    gp_hierarchy a = build(rows, N, D, GP_METRIC_COSINE, 1), b = build(turned, N, D, GP_METRIC_COSINE, 3);
    assert_int_equal(a.levels, b.levels);
    for (size_t t = 0; t < a.levels; t++) {
        uint32_t *other = malloc(a.sizes[t] * sizeof *other);
        memset(other, 0xff, a.sizes[t] * sizeof *other);
        assert_int_equal(a.sizes[t], b.sizes[t]);
        for (size_t i = 0; i < N; i++) {
            uint32_t mine = a.labels[t * N + order[i]], theirs = b.labels[t * N + i];
            if (other[mine] == UINT32_MAX) other[mine] = theirs;
            assert_int_equal(other[mine], theirs);
        }
        free(other);
    }
    gp_hierarchy_clear(&a);
    gp_hierarchy_clear(&b);
    free(turned);
    free(rows);
}

static void test_too_few_rows_is_said(void **state)
{
    (void)state;
    size_t n, d;
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    gp_error err = {0};
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    float *rows = load_set("lattice12x12", &n, &d);
    o.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_hierarchy_build(rows, n, d, &o, &h, &err), GP_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "too few rows"));
    assert_int_equal(gp_hierarchy_build(rows, 1, d, NULL, &h, &err), GP_ERR_NOT_FOUND);
    gp_hierarchy_clear(&h);
    gp_free(rows);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    float *rows = random_rows(2, 120, 6, 9, false);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    o.threads = 1;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_hierarchy_build(rows, 120, 6, &o, &h, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_hierarchy_clear(&h);
        assert_int_equal(gp_mem_live(), before);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equals_the_reference),
                                       cmocka_unit_test(test_equals_the_reference_on_real_vectors),
                                       cmocka_unit_test(test_nests),
                                       cmocka_unit_test(test_order_and_threads_do_not_matter),
                                       cmocka_unit_test(test_too_few_rows_is_said),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
