/* SPDX-License-Identifier: MIT
 * The minimum spanning tree and the clusters from it: edge by edge equal to Prim's algorithm over all pairs, for ties,
 * any scale and any number of threads.  Clusters do not depend on the order of rows. */
#include "plain.h"

#include "analyze/cluster/mst.h"
#include "base/mem.h"
#include "sanitized.h"

static gp_hdbscan_options with(gp_metric metric, uint32_t samples, int threads)
{
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    o.metric = metric, o.min_samples = samples, o.threads = threads;
    return o;
}

/* ------------------------------------------------------------------ Prim's algorithm over all pairs */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Returns the mutual reachability distances [n, n] of all pairs. */
static double *all_reaches(const float *rows, size_t n, size_t d, gp_metric metric, size_t samples)
{
    double *reach = malloc(n * n * sizeof *reach), *row = malloc(n * sizeof *row), *core = malloc(n * sizeof *core);
    if (samples > n - 1) samples = n - 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            row[j] = reach[i * n + j] = fmax(plain_distance(rows + i * d, rows + j * d, d, metric), 0);
        row[i] = -1;
        qsort(row, n, sizeof *row, by_value);
        core[i] = row[samples];
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) reach[i * n + j] = fmax(fmax(core[i], core[j]), reach[i * n + j]);
    free(core);
    free(row);
    return reach;
}

static void plain_prim(const double *reach, size_t n, gp_mst_edge *tree)
{
    double *best = malloc(n * sizeof *best);
    uint32_t *from = calloc(n, sizeof *from), last = 0;
    bool *in = calloc(n, sizeof *in);
    for (size_t i = 0; i < n; i++) best[i] = INFINITY;
    for (uint32_t t = 0; t + 1 < n; t++) {
        uint32_t next = UINT32_MAX;
        in[last] = true;
        for (uint32_t i = 0; i < n; i++) {
            if (in[i]) continue;
            if (reach[last * n + i] < best[i]) best[i] = reach[last * n + i], from[i] = last;
            if (next == UINT32_MAX || best[i] < best[next]) next = i;
        }
        tree[t] = (gp_mst_edge){from[next], next, t, best[next]};
        last = next;
    }
    free(in);
    free(from);
    free(best);
}

/* Compares the tree with the tree of the plain algorithm: both must have the same edges in the same order, also where
 * distances are equal. */
static void check_tree(const char *what, const float *rows, size_t n, size_t d, gp_metric metric, uint32_t samples)
{
    gp_mst_edge *want = malloc(n * sizeof *want), *got = malloc(n * sizeof *got);
    double *reach = all_reaches(rows, n, d, metric, samples);
    plain_prim(reach, n, want);
    for (int threads = 1; threads <= 3; threads += 2) {
        gp_hdbscan_options o = with(metric, samples, threads);
        gp_error err = {0};
        assert_ok(gp_an_spanning(rows, n, d, &o, got, &err));
        for (size_t t = 0; t + 1 < n; t++)
            if (got[t].from != want[t].from || got[t].to != want[t].to || got[t].found != t ||
                !(fabs(got[t].distance - want[t].distance) <= 1e-11 * want[t].distance + 1e-15))
                fail_msg("%s, %u samples, %d threads: link %zu is %u-%u %.17g, not %u-%u %.17g", what, samples, threads,
                         t, got[t].from, got[t].to, got[t].distance, want[t].from, want[t].to, want[t].distance);
    }
    free(reach);
    free(got);
    free(want);
}

static void check_samples(const char *what, const float *rows, size_t n, size_t d, gp_metric metric)
{
    static const uint32_t samples[] = {1, 2, 5, 40, 5000};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i += SANITIZED ? 2 : 1)
        check_tree(what, rows, n, d, metric, samples[i]);
}

static void test_random_rows(void **state)
{
    (void)state;
    for (uint64_t seed = SANITIZED ? 3 : 1; seed <= 4; seed++) {
        size_t n = 150 + 170 * (size_t)seed, d = seed == 4 ? 300 : 3 + 5 * (size_t)seed;
        float *rows = random_rows(seed, n, d, seed % 2 ? 9 : 0, false);
        check_samples("euclidean", rows, n, d, GP_METRIC_EUCLIDEAN);
        check_samples("cosine", rows, n, d, GP_METRIC_COSINE);
        free(rows);
    }
}

/* Tests clusters that are so small and so far apart that no edge between k nearest neighbours connects them. */
static void test_far_clusters(void **state)
{
    (void)state;
    enum { N = 600, D = 4 };
    float rows[N * D];
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) rows[i * D + j] = 100 * normal(3, i % 12 * D + j) + 0.01f * normal(4, i * D + j);
    check_samples("far clusters", rows, N, D, GP_METRIC_EUCLIDEAN);
}

static void test_ties(void **state)
{
    (void)state;
    enum { SIDE = 8, N = SIDE * SIDE * SIDE };
    float rows[N * 3], signs[300 * 16];
    for (size_t i = 0; i < N; i++)
        rows[3 * i] = (float)(i % SIDE), rows[3 * i + 1] = (float)(i / SIDE % SIDE),
                 rows[3 * i + 2] = (float)(i / SIDE / SIDE);
    check_samples("lattice", rows, N, 3, GP_METRIC_EUCLIDEAN);
    for (size_t i = 0; i < N; i++)
        rows[3 * i] = (float)(gp_rng_at(1, i) % 3), rows[3 * i + 1] = (float)(gp_rng_at(2, i) % 4), rows[3 * i + 2] = 7;
    check_samples("repeats", rows, N, 3, GP_METRIC_EUCLIDEAN);
    for (size_t i = 0; i < 3 * N; i++) rows[i] = 0.1f;
    check_samples("all equal", rows, N, 3, GP_METRIC_EUCLIDEAN);
    /* the cosines of these rows are multiples of 1/8, so that many distances are equal */
    for (size_t i = 0; i < 300 * 16; i++) signs[i] = gp_rng_at(3, i) & 1 ? 1 : -1;
    check_samples("signs", signs, 300, 16, GP_METRIC_COSINE);
    memset(signs + 16 * 20, 0, 16 * 9 * sizeof *signs); /* rows of zeros have distance 1 to all rows */
    check_samples("zeros", signs, 300, 16, GP_METRIC_COSINE);
}

/* Tests rows far from the origin, and very large and very small rows. goldpan computes distances in double if floats
 * cannot separate them. */
static void test_scales(void **state)
{
    (void)state;
    enum { N = 300, D = 6 };
    static const float factors[] = {1, 1e-30f, 1e30f};
    float *rows = random_rows(9, N, D, 5, false), moved[N * D];
    for (size_t i = 0; i < N * D; i++) moved[i] = rows[i] + (i % D == 2 ? 30000 : 0);
    check_samples("moved", moved, N, D, GP_METRIC_EUCLIDEAN);
    for (size_t i = 0; i < N * D; i++) moved[i] = i < D ? 1e6f * rows[i] : rows[i]; /* one row is far away */
    check_samples("outlier", moved, N, D, GP_METRIC_EUCLIDEAN);
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        for (size_t i = 0; i < N * D; i++) moved[i] = rows[i] * factors[f];
        check_samples("scaled", moved, N, D, GP_METRIC_EUCLIDEAN);
        check_samples("scaled", moved, N, D, GP_METRIC_COSINE);
    }
    free(rows);
}

static void test_two_rows(void **state)
{
    (void)state;
    float rows[6] = {1, 2, 3, 4, 6, 3};
    check_samples("two", rows, 2, 3, GP_METRIC_EUCLIDEAN);
    check_samples("three", rows, 3, 2, GP_METRIC_EUCLIDEAN);
}

/* ------------------------------------------------------------------ clusters */

/* With min_samples 1 no two edges have the same length, so rows in another order give the same clusters. */
static void test_order_and_threads_do_not_matter(void **state)
{
    (void)state;
    enum { N = 900, D = 6 };
    float *rows = random_rows(21, N, D, 25, false), *turned = malloc(N * D * sizeof *turned);
    size_t order[N];
    for (size_t i = 0; i < N; i++) order[i] = i;
    for (size_t i = N - 1; i > 0; i--) {
        size_t j = gp_rng_at(5, i) % (i + 1), keep = order[i];
        order[i] = order[j], order[j] = keep;
    }
    for (size_t i = 0; i < N; i++) memcpy(turned + i * D, rows + order[i] * D, D * sizeof *rows);
    for (int leaf = 0; leaf < 2; leaf++) {
        gp_hdbscan_options one = with(GP_METRIC_EUCLIDEAN, 1, 1), three = with(GP_METRIC_EUCLIDEAN, 1, 3);
        gp_hdbscan_tree a = GP_INIT(gp_hdbscan_tree), b = GP_INIT(gp_hdbscan_tree);
        int32_t name[N];
        one.leaf = three.leaf = leaf;
        assert_int_equal(gp_hdbscan(rows, N, D, &one, &a, NULL), GP_OK);
        assert_int_equal(gp_hdbscan(turned, N, D, &three, &b, NULL), GP_OK);
        assert_true(a.clusters > 5 && a.clusters == b.clusters && a.edges == b.edges);
        memset(name, 0xff, sizeof name);
        for (size_t i = 0; i < N; i++) {
            int32_t mine = a.labels[order[i]], theirs = b.labels[i];
            assert_int_equal(mine < 0, theirs < 0);
            if (mine >= 0 && name[mine] < 0) name[mine] = theirs;
            if (mine >= 0) assert_int_equal(name[mine], theirs);
            assert_true(fabs(a.strength[order[i]] - b.strength[i]) < 1e-12);
            assert_true(fabs(a.outlier[order[i]] - b.outlier[i]) < 1e-12);
        }
        gp_hdbscan_clear(&a);
        gp_hdbscan_clear(&b);
    }
    free(turned);
    free(rows);
}

/* The condensed tree is nested: each row of a cluster leaves either this cluster or one of its descendants.  A cluster
 * begins at the lambda at which it leaves its parent. */
static void test_tree_holds_together(void **state)
{
    (void)state;
    enum { N = 700, D = 5 };
    float *rows = random_rows(23, N, D, 18, true);
    gp_hdbscan_options o = with(GP_METRIC_EUCLIDEAN, 5, 2);
    gp_hdbscan_tree t = GP_INIT(gp_hdbscan_tree);
    uint32_t size[2 * N] = {0}, given[2 * N] = {0}, row_edges = 0;
    double birth[2 * N] = {0};
    assert_int_equal(gp_hdbscan(rows, N, D, &o, &t, NULL), GP_OK);
    given[N] = N;
    for (size_t i = 0; i < t.edges; i++) {
        const gp_hdbscan_edge *e = &t.edge[i];
        assert_true(e->parent >= N && (e->child < N || e->child > e->parent));
        assert_true(e->lambda >= birth[e->parent]);
        size[e->parent] += e->size;
        if (e->child < N)
            row_edges++, assert_int_equal(e->size, 1);
        else
            given[e->child] = e->size, birth[e->child] = e->lambda, assert_true(e->size >= o.min_cluster_size);
    }
    assert_int_equal(row_edges, N);
    for (size_t c = N; c < 2 * N; c++) assert_int_equal(size[c], given[c]);
    for (size_t i = 0; i < N; i++) {
        assert_true(t.strength[i] >= 0 && t.strength[i] <= 1 && t.outlier[i] >= 0 && t.outlier[i] <= 1);
        if (t.strength[i] > 0)
            assert_true(t.labels[i] >= 0); /* the value is 0 in a cluster with equal rows, because the density of
                                                               * equal rows is infinite */
    }
    gp_hdbscan_clear(&t);
    free(rows);
}

static bool at_once(void *user, const gp_progress *p)
{
    (void)p;
    ++*(int *)user;
    return false;
}

static bool when_clustering(void *user, const gp_progress *p)
{
    (void)user;
    return strcmp(p->stage, "clusters") != 0;
}

static void test_stops_when_told(void **state)
{
    (void)state;
    float *rows = random_rows(3, 3000, 8, 0, false);
    gp_hdbscan_options o = with(GP_METRIC_EUCLIDEAN, 5, 2);
    gp_hdbscan_tree t = GP_INIT(gp_hdbscan_tree);
    int asked = 0;
    int64_t before = gp_mem_live();
    o.progress = at_once, o.user = &asked;
    assert_int_equal(gp_hdbscan(rows, 3000, 8, &o, &t, NULL), GP_ERR_STOPPED);
    assert_true(asked > 0);
    o.progress = when_clustering;
    assert_int_equal(gp_hdbscan(rows, 3000, 8, &o, &t, NULL), GP_ERR_STOPPED);
    assert_int_equal(gp_mem_live(), before);
    free(rows);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    float *rows = random_rows(2, 400, 3, 4, false);
    gp_hdbscan_options o = with(GP_METRIC_EUCLIDEAN, 2, 1);
    gp_mst_edge *tree = malloc(400 * sizeof *tree);
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_an_spanning(rows, 400, 3, &o, tree, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    }
    free(tree);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_rows),
                                       cmocka_unit_test(test_far_clusters),
                                       cmocka_unit_test(test_ties),
                                       cmocka_unit_test(test_scales),
                                       cmocka_unit_test(test_two_rows),
                                       cmocka_unit_test(test_order_and_threads_do_not_matter),
                                       cmocka_unit_test(test_tree_holds_together),
                                       cmocka_unit_test(test_stops_when_told),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
