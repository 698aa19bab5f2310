/* SPDX-License-Identifier: MIT
 * The map: UMAP's graph, curve and initial layout compared with umap-learn (tests/golden/analyze/umap); layouts, by the
 * share of neighbours that they keep; and h-NNE's projection compared with the package. */
#include "plain.h"

#include "analyze/map/umap.h"
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

static gp_umap_graph graph_of(const float *rows, size_t n, size_t d, size_t k, double mix, double *sigmas, double *rhos)
{
    uint32_t *ids = malloc(n * (k - 1) * sizeof *ids);
    float *distances = malloc(n * (k - 1) * sizeof *distances);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    gp_umap_graph g = {0};
    o.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_neighbours(rows, n, d, NULL, 0, k - 1, &o, ids, distances, NULL), GP_OK);
    assert_int_equal(gp_an_fuzzy_graph(ids, distances, n, k, mix, sigmas, rhos, &g, NULL), GP_OK);
    free(distances);
    free(ids);
    return g;
}

static void check_graph(const char *set, size_t k, const char *mix)
{
    char path[200];
    size_t n, d, e = 0;
    float *rows = load_set(set, &n, &d);
    double sigmas[2000], rhos[2000];
    gp_umap_graph g = graph_of(rows, n, d, k, atof(mix), sigmas, rhos);
    snprintf(path, sizeof path, "tests/golden/analyze/umap/%s.k%zu.edges.npy", set, k);
    npy edges = npy_load(source_path(path));
    snprintf(path, sizeof path, "tests/golden/analyze/umap/%s.k%zu.weights_mix%s.npy", set, k, mix);
    npy weights = npy_load(source_path(path));
    snprintf(path, sizeof path, "tests/golden/analyze/umap/%s.k%zu.sigmas_rhos.npy", set, k);
    npy scales = npy_load(source_path(path));
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(sigmas[i] - (double)((float *)scales.data)[2 * i]) <= 2e-4 * sigmas[i]);
        assert_true(fabs(rhos[i] - (double)((float *)scales.data)[2 * i + 1]) <= 1e-6 * (1 + rhos[i]));
    }
    /* weights below 1e-30 may be 0 in single precision, in goldpan's result or in the golden one */
    for (size_t i = 0; i < n; i++)
        for (size_t x = g.first[i]; x < g.first[i + 1]; x++) {
            if (g.weight[x] < 1e-30f) continue;
            while (((float *)weights.data)[e] < 1e-30f) e++;
            assert_int_equal(((int32_t *)edges.data)[2 * e], i);
            assert_int_equal(((int32_t *)edges.data)[2 * e + 1], g.to[x]);
            assert_true(fabsf(g.weight[x] - ((float *)weights.data)[e]) <= 1e-4f);
            e++;
        }
    npy_free(&scales);
    npy_free(&weights);
    npy_free(&edges);
    gp_an_graph_clear(&g);
    gp_free(rows);
}

static void test_graph(void **state)
{
    (void)state;
    static const char *const mixes[] = {"1.0", "0.8", "0.25"};
    for (int m = 0; m < 3; m++) {
        check_graph("gauss100", 5, mixes[m]);
        check_graph("gauss100", 15, mixes[m]);
        check_graph("blobs2d", 15, mixes[m]);
        check_graph("repeats", 5, mixes[m]);
        check_graph("equal6", 3, mixes[m]);
    }
}

static void test_curve(void **state)
{
    (void)state;
    static const double want[][4] = {
        {0.0, 1.0, 1.9328083980052901, 0.7904949736958765},  {0.1, 1.0, 1.57694346046584, 0.8950608779639974},
        {0.25, 1.0, 1.1214363426676424, 1.0574998766438886}, {0.5, 1.0, 0.5830300203968329, 1.3341669926352966},
        {0.01, 2.0, 0.6353444077706254, 0.7955528900689912}, {0.8, 2.0, 0.14082102030232613, 1.222563349373951},
        {0.1, 0.5, 5.069309324972921, 1.003005422393625}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        double a, b;
        gp_an_curve(want[i][0], want[i][1], &a, &b);
        assert_true(fabs(a - want[i][2]) < 1e-5 * want[i][2] && fabs(b - want[i][3]) < 1e-5 * want[i][3]);
    }
}

static void check_spectral(const char *set)
{
    char path[200];
    size_t n, d, parts;
    float *rows = load_set(set, &n, &d);
    gp_umap_graph g = graph_of(rows, n, d, 15, 1, NULL, NULL);
    double *start = malloc(n * 2 * sizeof *start);
    snprintf(path, sizeof path, "tests/golden/analyze/umap/%s.k15.spectral.npy", set);
    npy golden = npy_load(source_path(path));
    assert_int_equal(gp_an_spectral(&g, 2, 1, start, &parts, NULL), GP_OK);
    assert_int_equal(parts, 1);
    for (int k = 0; k < 2; k++) {
        double dot = 0;
        for (size_t i = 0; i < n; i++) dot += start[2 * i + (size_t)k] * ((double *)golden.data)[2 * i + (size_t)k];
        if (!(fabs(dot) > 0.999)) fail_msg("%s: cosine of vector %d is %f", set, k, dot);
    }
    npy_free(&golden);
    free(start);
    gp_an_graph_clear(&g);
    gp_free(rows);
}

static void test_spectral_start(void **state)
{
    (void)state;
    check_spectral("blobs2d");
    check_spectral("stretched");
}

/* ------------------------------------------------------------------ quality */

typedef struct quality {
    double trustworthiness, kept;
} quality;

/* Measures the quality of a map (Venna and Kaski 2001). trustworthiness: 1 minus a penalty for rows that are near each
 * other only on the map. kept: the share of the k nearest neighbours that are also neighbours on the map. */
static quality measure(const float *rows, const float *map, size_t n, size_t d, size_t dims, size_t k)
{
    uint32_t *near = malloc(n * k * sizeof *near), *ids = malloc(n * k * sizeof *ids);
    float *scratch = malloc(n * k * sizeof *scratch);
    double *gap = malloc(n * sizeof *gap), penalty = 0, kept = 0, nn = (double)n, kk = (double)k;
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    o.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_neighbours(rows, n, d, NULL, 0, k, &o, near, scratch, NULL), GP_OK);
    assert_int_equal(gp_neighbours(map, n, dims, NULL, 0, k, &o, ids, scratch, NULL), GP_OK);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t c = 0; c < d; c++) {
                double x = (double)rows[i * d + c] - (double)rows[j * d + c];
                sum += x * x;
            }
            gap[j] = sum;
        }
        for (size_t j = 0; j < k; j++) {
            bool in = false;
            size_t rank = 1, other = ids[i * k + j];
            for (size_t l = 0; l < k; l++) in = in || near[i * k + l] == other;
            kept += in;
            for (size_t l = 0; l < n; l++) rank += l != i && gap[l] < gap[other];
            if (rank > k) penalty += (double)(rank - k);
        }
    }
    free(gap);
    free(scratch);
    free(ids);
    free(near);
    return (quality){1 - penalty * 2 / (nn * kk * (2 * nn - 3 * kk - 1)), kept / (nn * kk)};
}

/* Checks that each measure of goldpan's map is at most 0.01 below `trust` or `kept`, which are the means of umap-learn
 * over five seeds. */
static void check_quality(const float *rows, const char *name, size_t n, size_t d, const gp_umap_options *o,
                          double trust, double kept)
{
    float *map = malloc(n * o->dims * sizeof *map);
    gp_error err = {0};
    if (gp_umap(rows, n, d, o, map, &err) != GP_OK) fail_msg("%s: %s", name, err.message);
    quality q = measure(rows, map, n, d, o->dims, 15);
    print_message("%s: trustworthiness %.4f (umap-learn %.4f), neighbours kept %.4f (%.4f)\n", name, q.trustworthiness,
                  trust, q.kept, kept);
    assert_true(q.trustworthiness >= trust - 0.01);
    assert_true(q.kept >= kept - 0.01);
    free(map);
}

static void test_layouts_keep_neighbours(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        double trust, kept;
    } cases[] = {{"blobs8", 0.99464, 0.50288}, {"blobs32", 0.92225, 0.46104}, {"stretched", 0.97221, 0.75553}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n, d;
        gp_umap_options o = GP_UMAP_DEFAULTS;
        float *rows = load_set(cases[i].set, &n, &d);
        o.metric = GP_METRIC_EUCLIDEAN;
        check_quality(rows, cases[i].set, n, d, &o, cases[i].trust, cases[i].kept);
        gp_free(rows);
    }
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    size_t n, d;
    float *rows = load_set("blobs8", &n, &d), *a = malloc(n * 2 * sizeof *a), *b = malloc(n * 2 * sizeof *b);
    gp_umap_options o = GP_UMAP_DEFAULTS;
    o.epochs = 50, o.threads = 1;
    assert_int_equal(gp_umap(rows, n, d, &o, a, NULL), GP_OK);
    o.threads = 3;
    assert_int_equal(gp_umap(rows, n, d, &o, b, NULL), GP_OK);
    assert_memory_equal(a, b, n * 2 * sizeof *a);
    o.seed = 7;
    assert_int_equal(gp_umap(rows, n, d, &o, b, NULL), GP_OK);
    assert_memory_not_equal(a, b, n * 2 * sizeof *a);
    free(a);
    free(b);
    gp_free(rows);
}

/* With enough rows, several threads compute the layout together. Also tests another curve, more dimensions, and other
 * numbers of negative samples. */
static void test_threads_do_not_matter_to_many_rows(void **state)
{
    (void)state;
    enum { N = 6000, D = 8 };
    float *rows = random_rows(77, N, D, 40, true), *a = malloc(N * 3 * sizeof *a), *b = malloc(N * 3 * sizeof *b);
    gp_umap_options o = GP_UMAP_DEFAULTS;
    static const uint32_t negatives[] = {0, 3, 5, 20};
    o.epochs = 12;
    for (size_t i = 0; i < 4; i++) {
        o.dims = 2 + i % 2, o.negative_samples = negatives[i], o.min_dist = 0.1 * (double)i;
        o.threads = 1;
        assert_int_equal(gp_umap(rows, N, D, &o, a, NULL), GP_OK);
        o.threads = 2 + (int)i;
        assert_int_equal(gp_umap(rows, N, D, &o, b, NULL), GP_OK);
        assert_memory_equal(a, b, N * o.dims * sizeof *a);
        for (size_t j = 0; j < N * o.dims; j++) assert_true(isfinite(a[j]));
    }
    free(a);
    free(b);
    free(rows);
}

/* gp_umap_transform places new rows near their own cluster, and moves no other row. */
static void test_new_rows_find_their_place(void **state)
{
    (void)state;
    enum { OLD = 500, NEW = 40, D = 10, BLOBS = 5 };
    float *rows = random_rows(31, OLD + NEW, D, BLOBS, false), map[OLD * 2], kept[OLD * 2], out[NEW * 2];
    gp_umap_options o = GP_UMAP_DEFAULTS;
    size_t right = 0;
    o.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_umap(rows, OLD, D, &o, map, NULL), GP_OK);
    memcpy(kept, map, sizeof map);
    assert_int_equal(gp_umap_transform(rows, map, OLD, D, rows + OLD * D, NEW, &o, out, NULL), GP_OK);
    assert_memory_equal(map, kept, sizeof map);
    for (size_t i = 0; i < NEW; i++) {
        size_t near = 0;
        double least = INFINITY;
        for (size_t j = 0; j < OLD; j++) {
            double gap = hypot((double)(out[2 * i] - map[2 * j]), (double)(out[2 * i + 1] - map[2 * j + 1]));
            if (gap < least) least = gap, near = j;
        }
        right += gp_rng_at(32, OLD + i) % BLOBS == gp_rng_at(32, near) % BLOBS;
    }
    assert_true(right >= NEW - 1);
    free(rows);
}

/* ------------------------------------------------------------------ h-NNE's projection */

/* Compares goldpan's projection with that of the h-NNE package. The package does not determine the signs of the axes,
 * so each axis may be mirrored. */
static void check_projection(const char *set, const char *path, const float *rows, size_t n, size_t d)
{
    float *out = malloc(n * 2 * sizeof *out);
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    o.metric = GP_METRIC_EUCLIDEAN;
    npy golden = npy_load(path);
    assert_int_equal(golden.shape[0], n);
    assert_int_equal(gp_hierarchy_build(rows, n, d, &o, &h, NULL), GP_OK);
    assert_int_equal(gp_hierarchy_project(&h, rows, d, 2, NULL, out, NULL), GP_OK);
    const double *want = golden.data;
    double worst = INFINITY;
    for (int mirror = 0; mirror < 4; mirror++) {
        double most = 0;
        for (size_t i = 0; i < n; i++) {
            most = fmax(most, fabs((mirror & 1 ? -1 : 1) * want[2 * i] - (double)out[2 * i]));
            most = fmax(most, fabs((mirror & 2 ? -1 : 1) * want[2 * i + 1] - (double)out[2 * i + 1]));
        }
        worst = fmin(worst, most);
    }
    if (!(worst < 1e-4)) fail_msg("%s: off by %g", set, worst);
    gp_hierarchy_clear(&h);
    npy_free(&golden);
    free(out);
}

static void check_set(const char *set, bool shared)
{
    char path[200], full[1024];
    size_t n, d;
    float *rows = load_set(set, &n, &d);
    snprintf(path, sizeof path, "golden/analyze/hnne/%s.euclidean.layout.npy", set);
    if (shared) {
        const char *there = shared_path(path, "layouts");
        if (!there) {
            gp_free(rows);
            skip();
        }
        snprintf(full, sizeof full, "%s", there);
    } else {
        snprintf(full, sizeof full, "%s/%s", source_path("tests"), path);
    }
    check_projection(set, full, rows, n, d);
    gp_free(rows);
}

static void test_projection(void **state)
{
    (void)state;
    check_set("blobs2d", false);
    check_set("blobs32", false);
    check_set("gauss100", false);
    check_set("captions", false);
}

static void test_projection_of_other_sets(void **state)
{
    (void)state;
    static const char *const sets[] = {"blobs8", "gauss10", "stretched"};
    static const struct {
        const char *set;
        int first, count;
    } words[] = {{"coco80.unit", 3, 1}, {"lvis1203.unit", 0, 1}, {"detic2148.unit", 0, 4}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) check_set(sets[i], true);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char path[200], full[1024];
        size_t n = 0;
        float *rows = words_by_clip(words[i].first, words[i].count, true, &n);
        if (!rows) skip();
        snprintf(path, sizeof path, "golden/analyze/hnne/%s.euclidean.layout.npy", words[i].set);
        const char *there = shared_path(path, "layouts");
        if (!there) skip();
        snprintf(full, sizeof full, "%s", there ? there : "");
        check_projection(words[i].set, full, rows, n, 512);
        free(rows);
    }
}

/* Twelve points on a line: their second coordinate is 0. The expected layout comes from the h-NNE package. */
static void test_projection_by_hand(void **state)
{
    (void)state;
    static const double want[12][2] = {{-1.622690, -0.493048}, {-1.184425, -0.054783}, {-1.051078, 0.078564},
                                       {-0.660375, 0.469267},  {-0.630472, -0.469267}, {-0.239769, -0.078564},
                                       {-0.106422, 0.054783},  {0.331843, 0.493048},   {0.589262, -0.701585},
                                       {1.171027, -0.119820},  {1.372987, 0.082140},   {2.030111, 0.739264}};
    static const float x[12] = {0, 1, 4, 5.1f, 20, 21, 24, 25.2f, 50, 51, 54, 55.3f};
    float rows[24] = {0}, out[24];
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    o.metric = GP_METRIC_EUCLIDEAN;
    for (size_t i = 0; i < 12; i++) rows[2 * i] = x[i];
    assert_int_equal(gp_hierarchy_build(rows, 12, 2, &o, &h, NULL), GP_OK);
    assert_int_equal(gp_hierarchy_project(&h, rows, 2, 2, NULL, out, NULL), GP_OK);
    double mirror = out[0] < 0 ? 1 : -1, other = out[1] < 0 ? 1 : -1;
    for (size_t i = 0; i < 12; i++) {
        assert_true(fabs(mirror * (double)out[2 * i] - want[i][0]) < 2e-6);
        assert_true(fabs(other * (double)out[2 * i + 1] - want[i][1]) < 2e-6);
    }
    gp_hierarchy_clear(&h);
}

/* A cluster of equal rows stays one point.  (The h-NNE package separates equal rows by rounding errors.) */
static void test_projection_keeps_copies_together(void **state)
{
    (void)state;
    size_t n, d;
    float *rows = load_set("repeats", &n, &d), *out = malloc(n * 2 * sizeof *out);
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    o.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_hierarchy_build(rows, n, d, &o, &h, NULL), GP_OK);
    assert_int_equal(gp_hierarchy_project(&h, rows, d, 2, NULL, out, NULL), GP_OK);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (memcmp(rows + i * d, rows + j * d, d * sizeof *rows) == 0)
                assert_memory_equal(out + 2 * i, out + 2 * j, 2 * sizeof *out);
    gp_hierarchy_clear(&h);
    free(out);
    gp_free(rows);
}

static void test_projection_runs_out_of_memory(void **state)
{
    (void)state;
    float *rows = random_rows(6, 100, 7, 9, false), out[200];
    gp_hierarchy h = GP_INIT(gp_hierarchy);
    int64_t before;
    gp_status st = GP_ERR_MEMORY;
    assert_int_equal(gp_hierarchy_build(rows, 100, 7, NULL, &h, NULL), GP_OK);
    before = gp_mem_live();
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_hierarchy_project(&h, rows, 7, 2, NULL, out, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    }
    gp_hierarchy_clear(&h);
    free(rows);
}

static void test_principal_components(void **state)
{
    (void)state;
    enum { N = 300, D = 70 }; /* with this number of columns, subspace iteration is used instead of the Jacobi method */
    float *rows = random_rows(8, N, D, 0, false), out[N * 3];
    for (size_t i = 0; i < N; i++) rows[i * D] *= 9, rows[i * D + 1] *= 5, rows[i * D + 2] *= 3;
    assert_int_equal(gp_pca(rows, N, D, 3, NULL, out, NULL), GP_OK);
    double v[3] = {0};
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < 3; k++) v[k] += (double)out[i * 3 + k] * (double)out[i * 3 + k] / (double)N;
    assert_true(v[0] > 60 && v[0] < 110 && v[1] > 18 && v[1] < 35 && v[2] > 6 && v[2] < 14);
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < a; b++) { /* checks that the components are uncorrelated */
            double dot = 0;
            for (size_t i = 0; i < N; i++) dot += (double)out[i * 3 + a] * (double)out[i * 3 + b] / (double)N;
            assert_true(fabs(dot) < 1e-3 * sqrt(v[a] * v[b]));
        }
    rows[7 * D + 2] = NAN;
    gp_error err = {0};
    assert_int_equal(gp_pca(rows, N, D, 3, NULL, out, &err), GP_ERR_FORMAT);
    assert_non_null(strstr(err.message, "row 7 "));
    free(rows);
}

static void test_small_and_wrong(void **state)
{
    (void)state;
    float rows[12] = {0, 0, 1, 0, 0, 1, 5, 5, 6, 5, 5, 6}, out[12];
    gp_umap_options o = GP_UMAP_DEFAULTS;
    gp_error err = {0};
    assert_int_equal(gp_umap(rows, 6, 2, &o, out, &err), GP_ERR_USAGE); /* 15 neighbours of 6 rows */
    o.neighbours = 3, o.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_umap(rows, 6, 2, &o, out, &err), GP_OK);
    for (int i = 0; i < 12; i++) assert_true(isfinite(out[i]));
    o.min_dist = 2;
    assert_int_equal(gp_umap(rows, 6, 2, &o, out, &err), GP_ERR_USAGE);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    float *rows = random_rows(2, 60, 5, 3, false), out[120];
    gp_umap_options o = GP_UMAP_DEFAULTS;
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    o.threads = 1, o.epochs = 3, o.neighbours = 5;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_umap(rows, 60, 5, &o, out, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_graph),
                                       cmocka_unit_test(test_curve),
                                       cmocka_unit_test(test_spectral_start),
                                       cmocka_unit_test(test_layouts_keep_neighbours),
                                       cmocka_unit_test(test_threads_do_not_matter),
                                       cmocka_unit_test(test_threads_do_not_matter_to_many_rows),
                                       cmocka_unit_test(test_new_rows_find_their_place),
                                       cmocka_unit_test(test_projection),
                                       cmocka_unit_test(test_projection_of_other_sets),
                                       cmocka_unit_test(test_projection_by_hand),
                                       cmocka_unit_test(test_projection_keeps_copies_together),
                                       cmocka_unit_test(test_projection_runs_out_of_memory),
                                       cmocka_unit_test(test_principal_components),
                                       cmocka_unit_test(test_small_and_wrong),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
