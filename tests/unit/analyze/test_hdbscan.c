/* SPDX-License-Identifier: MIT
 * HDBSCAN* compared with the hdbscan package (tests/golden/analyze/hdbscan): condensed trees edge by edge, and every
 * flat clustering up to the numbering of labels. */
#include "plain.h"

#include "base/json.h"
#include "base/mem.h"
#include "npy.h"

typedef struct run {
    char set[40];
    unsigned size, samples;
    int leaf, single;
    double epsilon;
    unsigned row;
    bool shared;
} run;

static gp_hdbscan_tree cluster(const float *rows, size_t n, size_t d, const run *r, int threads)
{
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree t = GP_INIT(gp_hdbscan_tree);
    gp_error err = {0};
    o.min_cluster_size = r->size, o.min_samples = r->samples, o.leaf = r->leaf, o.allow_single = r->single;
    o.epsilon = r->epsilon, o.threads = threads;
    if (gp_hdbscan(rows, n, d, &o, &t, &err) != GP_OK) fail_msg("%s: %s", r->set, err.message);
    return t;
}

/* Returns the path of a golden result, in the sources or in the folder of larger results that only some machines
 * have. */
static const char *golden_path(const run *r, const char *what)
{
    static char full[1024];
    char path[200];
    snprintf(path, sizeof path, "golden/analyze/hdbscan/%s.mcs%u_ms%u.%s.npy", r->set, r->size, r->samples, what);
    if (r->shared) {
        const char *there = shared_path(path, "larger results");
        snprintf(full, sizeof full, "%s", there ? there : "missing");
        return full;
    }
    snprintf(path, sizeof path, "tests/golden/analyze/hdbscan/%s.mcs%u_ms%u.%s.npy", r->set, r->size, r->samples, what);
    return source_path(path);
}

static void check_labels(const run *r, const gp_hdbscan_tree *t)
{
    npy golden = npy_load(golden_path(r, "labels"));
    const int32_t *want = (const int32_t *)golden.data + r->row * t->n;
    int32_t name[2200];
    memset(name, 0xff, sizeof name);
    for (size_t i = 0; i < t->n; i++) {
        if (want[i] < 0 || t->labels[i] < 0) {
            if (want[i] != t->labels[i])
                fail_msg("%s size %u samples %u leaf %d epsilon %g single %d: row %zu is %d, not %d", r->set, r->size,
                         r->samples, r->leaf, r->epsilon, r->single, i, t->labels[i], want[i]);
            continue;
        }
        if (name[t->labels[i]] < 0) name[t->labels[i]] = want[i];
        assert_int_equal(name[t->labels[i]], want[i]);
    }
    for (size_t a = 0; a < t->clusters; a++)
        for (size_t b = 0; b < a; b++) assert_true(name[a] != name[b]);
    npy_free(&golden);
}

static bool near(double a, double b, double tolerance)
{
    return a == b || (isnan(a) && isnan(b)) || fabs(a - b) <= tolerance * fmax(1, fabs(b));
}

static void check_tree(const run *r, const gp_hdbscan_tree *t)
{
    npy golden = npy_load(golden_path(r, "condensed"));
    const double *want = golden.data; /* the columns of the tree are parent, child, lambda and size */
    assert_int_equal(golden.shape[0], t->edges);
    for (size_t i = 0; i < t->edges; i++) {
        assert_int_equal(t->edge[i].parent, (uint32_t)want[4 * i]);
        assert_int_equal(t->edge[i].child, (uint32_t)want[4 * i + 1]);
        assert_true(near(t->edge[i].lambda, want[4 * i + 2], 1e-12));
        assert_int_equal(t->edge[i].size, (uint32_t)want[4 * i + 3]);
    }
    npy_free(&golden);
}

static void check_numbers(const run *r, const gp_hdbscan_tree *t)
{
    if (access(golden_path(r, "probabilities"), R_OK) == 0) {
        npy golden = npy_load(golden_path(r, "probabilities"));
        const float *want = (const float *)golden.data + r->row * t->n;
        for (size_t i = 0; i < t->n; i++) assert_true(near(t->strength[i], (double)want[i], 1e-6));
        npy_free(&golden);
    }
    if (access(golden_path(r, "outlier_scores"), R_OK) == 0) {
        npy golden = npy_load(golden_path(r, "outlier_scores"));
        const double *want = golden.data;
        /* the golden value is NaN where the package computed inf / inf; goldpan returns 1 in this case */
        for (size_t i = 0; i < t->n; i++)
            if (!isnan(want[i])) assert_true(near(t->outlier[i], want[i], 1e-12));
        npy_free(&golden);
    }
}

static void check_run(const run *r, const float *rows, size_t n, size_t d)
{
    gp_hdbscan_tree t = cluster(rows, n, d, r, 2);
    check_tree(r, &t);
    check_labels(r, &t);
    check_numbers(r, &t);
    gp_hdbscan_clear(&t);
}

static void test_equals_the_reference(void **state)
{
    (void)state;
    char line[200], last[40] = "";
    FILE *list = fopen(source_path("tests/golden/analyze/hdbscan/runs.tsv"), "r");
    float *rows = NULL;
    size_t n = 0, d = 0, runs = 0;
    assert_non_null(list);
    assert_non_null(fgets(line, sizeof line, list));
    while (fgets(line, sizeof line, list)) {
        run r = {.shared = false};
        assert_int_equal(
            sscanf(line, "%39s %u %u %d %lf %d %u", r.set, &r.size, &r.samples, &r.leaf, &r.epsilon, &r.single, &r.row),
            7);
        if (strcmp(last, r.set) != 0) {
            char path[200];
            gp_free(rows);
            snprintf(path, sizeof path, "tests/golden/analyze/sets/%s.npy", r.set);
            assert_int_equal(gp_npy_read(source_path(path), &rows, &n, &d, NULL), GP_OK);
            strcpy(last, r.set);
        }
        check_run(&r, rows, n, d);
        runs++;
    }
    gp_free(rows);
    fclose(list);
    assert_true(runs > 100);
}

static float *load_rows(const char *set, size_t *n, size_t *d)
{
    char path[200];
    float *rows, *copy;
    *d = 512;
    if (!strcmp(set, "coco80.unit")) return words_by_clip(3, 1, true, n);
    if (!strcmp(set, "lvis1203.unit")) return words_by_clip(0, 1, true, n);
    if (!strcmp(set, "detic2148.unit")) return words_by_clip(0, 4, true, n);
    snprintf(path, sizeof path, "tests/golden/analyze/sets/%s.npy", set);
    assert_int_equal(gp_npy_read(source_path(path), &rows, n, d, NULL), GP_OK);
    copy = malloc(*n * *d * sizeof *copy);
    memcpy(copy, rows, *n * *d * sizeof *copy);
    gp_free(rows);
    return copy;
}

static gp_json *read_json(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = malloc(1 << 22);
    gp_json *root = NULL;
    assert_non_null(file);
    size_t size = fread(text, 1, 1 << 22, file);
    fclose(file);
    assert_int_equal(gp_json_parse(text, size, true, 20, &root, NULL), GP_OK);
    free(text);
    return root;
}

static unsigned number_of(const gp_json *object, const char *key)
{
    uint64_t value = 0;
    assert_true(gp_json_u64(gp_json_get(object, key), &value));
    return (unsigned)value;
}

/* Compares results on sets of up to 2,148 rows, including CLIP embeddings of words, with every setting. */
static void test_equals_the_reference_on_larger_sets(void **state)
{
    (void)state;
    static const char *const sets[] = {"gauss10",     "blobs8",        "blobs32",       "stretched",
                                       "coco80.unit", "lvis1203.unit", "detic2148.unit"};
    const char *info = shared_path("golden/analyze/hdbscan/info.json", "larger sets");
    if (!info) skip();
    gp_json *root = read_json(info);
    size_t checked = 0;
    for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
        const gp_json *list = gp_json_get(gp_json_get(root, sets[s]), "runs");
        size_t n, d;
        float *rows = load_rows(sets[s], &n, &d);
        if (!rows) skip();
        for (size_t i = 0; i < gp_json_count(list); i++) {
            const gp_json *of = gp_json_at(list, i);
            run r = {.size = number_of(of, "mcs"), .samples = number_of(of, "ms"), .shared = true};
            if (gp_json_get(of, "error")) continue;
            snprintf(r.set, sizeof r.set, "%s", sets[s]);
            r.leaf = !strcmp(gp_json_text(gp_json_get(of, "method"), NULL), "leaf");
            r.single = gp_json_bool(gp_json_get(of, "single"), false);
            r.row = number_of(of, "row_of_labels");
            assert_true(gp_json_real(gp_json_get(of, "epsilon"), &r.epsilon));
            check_run(&r, rows, n, d);
            checked++;
        }
        free(rows);
    }
    gp_json_free(root);
    assert_int_equal(checked, 164);
}

static void test_metrics_agree_on_the_sphere(void **state)
{
    (void)state;
    /* For rows of length 1, 1 - cos = |x - y|^2 / 2. Both distances therefore sort the pairs of rows in the same order,
     * and give the same tree. */
    float *rows = random_rows(4, 300, 8, 6, false);
    run r = {.set = "sphere", .size = 5, .samples = 5};
    for (size_t i = 0; i < 300; i++) {
        double norm = 0;
        for (size_t j = 0; j < 8; j++) norm += (double)rows[i * 8 + j] * (double)rows[i * 8 + j];
        for (size_t j = 0; j < 8; j++) rows[i * 8 + j] = (float)((double)rows[i * 8 + j] / sqrt(norm));
    }
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree a = cluster(rows, 300, 8, &r, 1), b = GP_INIT(gp_hdbscan_tree);
    o.metric = GP_METRIC_COSINE, o.leaf = false;
    assert_int_equal(gp_hdbscan(rows, 300, 8, &o, &b, NULL), GP_OK);
    assert_int_equal(a.edges, b.edges);
    for (size_t i = 0; i < a.edges; i++) assert_int_equal(a.edge[i].child, b.edge[i].child);
    gp_hdbscan_clear(&a);
    gp_hdbscan_clear(&b);
    free(rows);
}

static void test_what_cannot_be(void **state)
{
    (void)state;
    float rows[4] = {1, 2, 3, 4};
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree t = GP_INIT(gp_hdbscan_tree);
    gp_error err = {0};
    assert_int_equal(gp_hdbscan(rows, 1, 4, NULL, &t, &err), GP_ERR_USAGE);
    o.min_cluster_size = 1;
    assert_int_equal(gp_hdbscan(rows, 4, 1, &o, &t, &err), GP_ERR_USAGE);
    /* if min_samples is larger than the number of rows, all rows are used */
    o.min_cluster_size = 2, o.min_samples = 100;
    assert_int_equal(gp_hdbscan(rows, 4, 1, &o, &t, &err), GP_OK);
    gp_hdbscan_clear(&t);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    float *rows = random_rows(2, 60, 3, 4, false);
    gp_hdbscan_options o = GP_HDBSCAN_DEFAULTS;
    gp_hdbscan_tree t = GP_INIT(gp_hdbscan_tree);
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    o.threads = 1;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_hdbscan(rows, 60, 3, &o, &t, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_hdbscan_clear(&t);
        assert_int_equal(gp_mem_live(), before);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_the_reference), cmocka_unit_test(test_equals_the_reference_on_larger_sets),
        cmocka_unit_test(test_metrics_agree_on_the_sphere), cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
