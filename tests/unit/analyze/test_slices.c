/* SPDX-License-Identifier: MIT
 * Slices compared with sliceguard 0.0.35 (tests/golden/analyze/slices): encoding, clusters, and the issues for hundreds
 * of settings with features of every kind.  Then goldpan's own rules: no false slices, and planted slices are found. */
#include "plain.h"

#include "analyze/slice/features.h"
#include "analyze/slice/significance.h"
#include "base/mem.h"
#include "table/table.h"
#include "npy.h"

enum { N = 320 };

typedef struct set {
    gp_table *table;
    size_t n;
    const char *category[N], *style[N], *grade[N];
    double size[N], size2[N], score[N];
} set;

static void column(const set *s, const char *name, const char **words, double *numbers)
{
    size_t c = gp_table_find(s->table, name);
    assert_true(c != SIZE_MAX);
    for (size_t i = 0; i < s->n; i++) {
        const char *cell = gp_table_cell(s->table, i, c);
        if (cell && !*cell) cell = NULL;
        if (words) words[i] = cell;
        if (numbers) numbers[i] = cell ? strtod(cell, NULL) : NAN;
    }
}

static void load(set *s)
{
    gp_error err = {0};
    if (gp_table_open(source_path("tests/golden/analyze/slices/table.csv"), &s->table, &err) != GP_OK)
        fail_msg("%s", err.message);
    s->n = gp_table_rows(s->table);
    assert_true(s->n <= N);
    column(s, "category", s->category, NULL);
    column(s, "style", s->style, NULL);
    column(s, "grade", s->grade, NULL);
    column(s, "size", NULL, s->size);
    column(s, "size2", NULL, s->size2);
    column(s, "score", NULL, s->score);
}

static const char *const grades[] = {"low", "middle", "high"};

typedef struct kind {
    gp_feature features[4];
    size_t count;
    float *vectors[2];
} kind;

static void add(kind *k, const set *s, const char *what)
{
    gp_feature *f = &k->features[k->count++];
    *f = (gp_feature){.size = sizeof(gp_feature), .name = what};
    if (!strcmp(what, "grade as ordinal"))
        f->kind = GP_FEATURE_ORDINAL, f->words = s->grade, f->order = grades, f->order_count = 3;
    else if (!strncmp(what, "size", 4))
        f->kind = GP_FEATURE_NUMBER, f->numbers = what[4] == '2' ? s->size2 : s->size;
    else
        f->kind = GP_FEATURE_CATEGORY, f->words = *what == 'c' ? s->category : *what == 's' ? s->style : s->grade;
}

/* Adds an embedding feature. Its vectors come from a golden file, for which sliceguard reduced them with UMAP. So the
 * test does not depend on goldpan's UMAP. */
static void add_vectors(kind *k, const char *name, int place, double weight)
{
    char path[200];
    size_t n, d;
    snprintf(path, sizeof path, "tests/golden/analyze/slices/%s.reduced%d.npy", name, place);
    assert_int_equal(gp_npy_read(source_path(path), &k->vectors[place], &n, &d, NULL), GP_OK);
    k->features[k->count++] = (gp_feature){.size = sizeof(gp_feature),
                                           .name = "emb",
                                           .kind = GP_FEATURE_EMBEDDING,
                                           .vectors = k->vectors[place],
                                           .d = d,
                                           .weight = weight};
}

static kind make_kind(const set *s, const char *name)
{
    kind k = {.count = 0};
    if (strstr(name, "embedding") || !strncmp(name, "mixed", 5))
        add_vectors(&k, name, 0, !strcmp(name, "mixed_weighted") ? 0.5 : 0);
    if (!strcmp(name, "two_embeddings")) add_vectors(&k, name, 1, 0);
    if (!strncmp(name, "category", 8) || !strncmp(name, "mixed", 5) || strstr(name, "categories"))
        add(&k, s, "category");
    if (strstr(name, "categories")) add(&k, s, "style");
    if (!strcmp(name, "three_categories")) add(&k, s, "grade");
    if (!strcmp(name, "ordinal") || !strcmp(name, "mixed_weighted")) add(&k, s, "grade as ordinal");
    if (strstr(name, "number") || !strcmp(name, "ordinal") || !strncmp(name, "mixed", 5)) add(&k, s, "size");
    if (!strcmp(name, "two_numbers")) add(&k, s, "size2");
    if (!strcmp(name, "number_unscaled")) k.features[0].unscaled = true;
    return k;
}

static void kind_clear(kind *k)
{
    gp_free(k->vectors[0]);
    gp_free(k->vectors[1]);
}

static gp_slices_options plain_options(void)
{
    gp_slices_options o = GP_SLICES_DEFAULTS;
    o.profile = GP_SLICE_FINAL;
    return o;
}

static void test_encoding(void **state)
{
    (void)state;
    static const char *const names[] = {"number",          "number_unscaled",  "two_numbers", "ordinal",
                                        "category_number", "three_categories", "mixed",       "mixed_weighted"};
    set s;
    load(&s);
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) {
        char path[200];
        kind k = make_kind(&s, names[c]);
        gp_slices_options o = plain_options();
        float *rows;
        size_t width;
        snprintf(path, sizeof path, "tests/golden/analyze/slices/%s.encoded.npy", names[c]);
        npy golden = npy_load(source_path(path));
        assert_int_equal(gp_an_encode(k.features, k.count, s.n, &o, &rows, &width, NULL), GP_OK);
        size_t columns = golden.dims > 1 ? golden.shape[1] : 1; /* for a single column the reference adds a column of
                                                                 * zeros */
        for (size_t i = 0; i < s.n; i++)
            for (size_t j = 0; j < columns; j++) {
                double want = ((double *)golden.data)[i * columns + j],
                       got = j < width ? (double)rows[i * width + j] : 0;
                if (!(fabs(want - got) <= 1e-6 * (1 + fabs(want))))
                    fail_msg("%s: row %zu column %zu: %g, not %g", names[c], i, j, got, want);
            }
        npy_free(&golden);
        gp_mem_free(rows);
        kind_clear(&k);
    }
    gp_table_close(s.table);
}

static void test_clusters(void **state)
{
    (void)state;
    static const char *const names[] = {
        "category", "two_categories",  "three_categories", "number",         "two_numbers", "number_unscaled",
        "ordinal",  "category_number", "embedding",        "two_embeddings", "mixed",       "mixed_weighted"};
    set s;
    load(&s);
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) {
        char path[200];
        kind k = make_kind(&s, names[c]);
        gp_slices_options o = plain_options();
        gp_levels l = {0};
        snprintf(path, sizeof path, "tests/golden/analyze/slices/%s.partitions.npy", names[c]);
        npy golden = npy_load(source_path(path));
        size_t levels = golden.dims > 1 ? golden.shape[1] : 1;
        assert_int_equal(gp_an_levels(k.features, k.count, s.n, NULL, &o, &l, NULL), GP_OK);
        if (l.count != levels) fail_msg("%s: %zu levels, not %zu", names[c], l.count, levels);
        for (size_t i = 0; i < s.n; i++)
            for (size_t t = 0; t < levels; t++)
                if (((int32_t *)golden.data)[i * levels + t] != (int32_t)l.labels[t * s.n + i])
                    fail_msg("%s: row %zu level %zu is %u, not %d", names[c], i, t, l.labels[t * s.n + i],
                             ((int32_t *)golden.data)[i * levels + t]);
        gp_an_levels_clear(&l);
        npy_free(&golden);
        kind_clear(&k);
    }
    gp_table_close(s.table);
}

static void test_equals_sliceguard(void **state)
{
    (void)state;
    char line[300], name[60], mode[10], criterion[20], reference[20];
    unsigned support, n_slices, outliers, issues, cases = 0;
    double lift;
    set s;
    FILE *f = fopen(source_path("tests/golden/analyze/slices/cases.tsv"), "r");
    assert_non_null(f);
    load(&s);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "case\t%59s\t%9s\t%u\t%lf\t%u\t%19s\t%19s\t%u\t%u", name, mode, &support, &lift, &n_slices,
                   criterion, reference, &outliers, &issues) != 9)
            continue;
        kind k = make_kind(&s, name);
        gp_slices_options o = plain_options();
        gp_slices found = GP_INIT(gp_slices);
        o.mode = !strcmp(mode, "min") ? GP_SLICE_HIGH : GP_SLICE_LOW;
        o.min_support = support, o.has_min_lift = !isnan(lift), o.min_lift = lift, o.n_slices = n_slices;
        o.criterion = !strcmp(criterion, "drop")      ? GP_SLICE_LIFT
                      : !strcmp(criterion, "support") ? GP_SLICE_SUPPORT
                                                      : GP_SLICE_LIFT_SUPPORT;
        o.parent_reference = !strcmp(reference, "parent"), o.remove_outliers = outliers;
        assert_int_equal(gp_slices_find(k.features, k.count, s.score, s.n, NULL, &o, &found, NULL), GP_OK);
        if (found.count != issues)
            fail_msg("%s %s support %u drop %g n %u %s %s outliers %u: %zu slices, not %u", name, mode, support, lift,
                     n_slices, criterion, reference, outliers, found.count, issues);
        for (unsigned i = 0; i < issues; i++) {
            unsigned level, label, members, first;
            double metric;
            assert_non_null(fgets(line, sizeof line, f));
            assert_int_equal(sscanf(line, "issue\t%u\t%u\t%lf\t%u\t%u", &level, &label, &metric, &members, &first), 5);
            const gp_slice *got = &found.slices[i];
            if (got->level != level || got->cluster != label)
                fail_msg("%s %s support %u drop %g n %u %s %s outliers %u: slice %u is %u/%u, not %u/%u", name, mode,
                         support, lift, n_slices, criterion, reference, outliers, i, got->level, got->cluster, level,
                         label);
            assert_int_equal(got->support, members);
            assert_int_equal(got->rows[0], first);
            assert_true(fabs(got->value - metric) < 1e-9);
        }
        gp_slices_clear(&found);
        kind_clear(&k);
        cases++;
    }
    fclose(f);
    gp_table_close(s.table);
    assert_true(cases > 200);
}

/* The worked example of twelve points on a line, with the rules of sliceguard 0.0.8. */
static void test_article_profile(void **state)
{
    (void)state;
    static const float x[12] = {0, 1, 4, 5.1f, 20, 21, 24, 25.2f, 50, 51, 54, 55.3f};
    static const double score[12] = {34, 35, 28, 27, 22, 23, 24, 25, 26, 27, 21, 20};
    gp_feature f = {.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = x, .d = 1};
    gp_slices_options o = GP_SLICES_DEFAULTS;
    gp_slices s = GP_INIT(gp_slices);
    o.profile = GP_SLICE_ARTICLE, o.min_support = 2, o.has_min_lift = true, o.min_lift = 4.5;
    assert_int_equal(gp_slices_find(&f, 1, score, 12, NULL, &o, &s, NULL), GP_OK);
    assert_int_equal(s.count, 1);
    assert_true(s.slices[0].level == 0 && s.slices[0].support == 4 && s.slices[0].lift == 5);
    gp_slices_clear(&s);
    o.min_support = 1;
    assert_int_equal(gp_slices_find(&f, 1, score, 12, NULL, &o, &s, NULL), GP_OK);
    assert_int_equal(s.count, 1);
    assert_true(s.slices[0].level == 1 && s.slices[0].support == 2 && s.slices[0].lift == 8.5);
    gp_slices_clear(&s);
    o.profile = GP_SLICE_FINAL, o.min_support = 2;
    assert_int_equal(gp_slices_find(&f, 1, score, 12, NULL, &o, &s, NULL), GP_OK);
    assert_int_equal(s.count, 2);
    assert_int_equal(s.slices[1].parent, 0);
    gp_slices_clear(&s);
}

/* ------------------------------------------------------------------ goldpan's own rules */

/* Searches slices in random scores `runs` times. Returns the number of searches that report a slice; their share may be
 * at most alpha. */
static unsigned false_runs(double alpha, unsigned runs)
{
    enum { ROWS = 240 };
    float *rows = random_rows(77, ROWS, 8, 12, false);
    double score[ROWS];
    gp_feature f = {.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = rows, .d = 8};
    gp_hierarchy tree = GP_INIT(gp_hierarchy);
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    unsigned with = 0;
    near.metric = GP_METRIC_EUCLIDEAN;
    assert_int_equal(gp_hierarchy_build(rows, ROWS, 8, &near, &tree, NULL), GP_OK);
    for (uint64_t run = 0; run < runs; run++) {
        gp_slices_options o = GP_SLICES_DEFAULTS;
        gp_slices s = GP_INIT(gp_slices);
        o.resamples = 400, o.seed = run;
        if (alpha > 0) o.alpha = alpha;
        for (size_t i = 0; i < ROWS; i++) score[i] = 26 + 3 * (double)normal(1000 + run, i);
        assert_int_equal(gp_slices_find(&f, 1, score, ROWS, &tree, &o, &s, NULL), GP_OK);
        with += s.count > 0;
        gp_slices_clear(&s);
    }
    gp_hierarchy_clear(&tree);
    free(rows);
    print_message("alpha %g: %u of %u runs on chance show a slice\n", alpha, with, runs);
    return with;
}

static void test_few_false_slices(void **state)
{
    (void)state;
    assert_true(false_runs(0, 400) < 20); /* with the default options, fewer than 5 % of the runs report a slice */
    /* the error rate is about alpha: 60 +- 7 of 300 runs at 20 % */
    unsigned often = false_runs(0.2, 300);
    assert_true(often >= 35 && often <= 82);
}

static void test_planted_slices_are_found(void **state)
{
    (void)state;
    enum { ROWS = 900, BLOBS = 30 };
    float *rows = random_rows(55, ROWS, 16, BLOBS, false);
    double score[ROWS];
    gp_feature f = {.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = rows, .d = 16};
    gp_slices s = GP_INIT(gp_slices);
    size_t hits = 0, found = 0, planted = 0, seen[ROWS] = {0};
    for (size_t i = 0; i < ROWS; i++) {
        bool good = gp_rng_at(56, i) % BLOBS < 3;
        score[i] = 25 + 2 * (double)normal(9, i) + (good ? 4 : 0);
        planted += good;
    }
    assert_int_equal(gp_slices_find(&f, 1, score, ROWS, NULL, NULL, &s, NULL), GP_OK);
    for (size_t k = 0; k < s.count; k++) {
        assert_true(s.slices[k].low > 0 && s.slices[k].low < s.slices[k].lift && s.slices[k].lift < s.slices[k].high);
        assert_true(s.slices[k].effect > 0.8 && s.slices[k].p_corrected < 0.05);
        for (uint32_t r = 0; r < s.slices[k].support; r++) {
            assert_int_equal(seen[s.slices[k].rows[r]]++, 0); /* no row is in two slices */
            hits += gp_rng_at(56, s.slices[k].rows[r]) % BLOBS < 3;
            found++;
        }
    }
    print_message("planted %zu, found %zu, of them right %zu in %zu slices\n", planted, found, hits, s.count);
    assert_true((double)hits >= 0.9 * (double)found && (double)hits >= 0.9 * (double)planted);
    gp_slices_clear(&s);
    free(rows);
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    float *rows = random_rows(3, 200, 6, 10, false);
    double score[200];
    gp_feature f = {.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = rows, .d = 6};
    gp_slices a = GP_INIT(gp_slices), b = GP_INIT(gp_slices);
    gp_slices_options o = GP_SLICES_DEFAULTS;
    for (size_t i = 0; i < 200; i++) score[i] = (double)normal(4, i) + (gp_rng_at(4, i) % 10 == 0 ? 6 : 0);
    o.threads = 1, o.resamples = 300;
    assert_int_equal(gp_slices_find(&f, 1, score, 200, NULL, &o, &a, NULL), GP_OK);
    o.threads = 4;
    assert_int_equal(gp_slices_find(&f, 1, score, 200, NULL, &o, &b, NULL), GP_OK);
    assert_int_equal(a.count, b.count);
    assert_true(a.count > 0);
    for (size_t i = 0; i < a.count; i++)
        assert_true(a.slices[i].p == b.slices[i].p && a.slices[i].p_corrected == b.slices[i].p_corrected &&
                    a.slices[i].low == b.slices[i].low && a.slices[i].support == b.slices[i].support);
    gp_slices_clear(&a);
    gp_slices_clear(&b);
    free(rows);
}

static void test_missing_scores_count_nowhere(void **state)
{
    (void)state;
    const char *words[6] = {"a", "a", "a", "b", "b", NULL};
    double score[6] = {10, NAN, 20, 1, 3, 5};
    gp_feature f = {.size = sizeof(gp_feature), .name = "c", .kind = GP_FEATURE_CATEGORY, .words = words};
    gp_slices_options o = plain_options();
    gp_slices s = GP_INIT(gp_slices);
    gp_error err = {0};
    assert_int_equal(gp_slices_find(&f, 1, score, 6, NULL, &o, &s, NULL), GP_OK);
    assert_int_equal(s.cluster_count, 3);
    assert_true(s.overall == 7.8 && s.clusters[0].value == 15 && s.clusters[0].support == 2 &&
                s.clusters[2].value == 5);
    gp_slices_clear(&s);
    for (int i = 0; i < 6; i++) score[i] = NAN;
    assert_int_equal(gp_slices_find(&f, 1, score, 6, NULL, &o, &s, &err), GP_ERR_NOT_FOUND);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    float *rows = random_rows(2, 70, 4, 5, false);
    double score[70];
    gp_feature f[2] = {{.size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = rows, .d = 4},
                       {.size = sizeof(gp_feature), .name = "s", .kind = GP_FEATURE_NUMBER, .numbers = score}};
    gp_slices_options o = GP_SLICES_DEFAULTS;
    gp_slices s = GP_INIT(gp_slices);
    int64_t before = gp_mem_live();
    gp_status st = GP_ERR_MEMORY;
    for (size_t i = 0; i < 70; i++) score[i] = (double)normal(4, i);
    o.threads = 1, o.resamples = 5, o.remove_outliers = true;
    for (uint64_t i = 1; st != GP_OK; i++) {
        gp_mem_fail_at(i);
        st = gp_slices_find(f, 2, score, 70, NULL, &o, &s, NULL);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        gp_slices_clear(&s);
        assert_int_equal(gp_mem_live(), before);
    }
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_encoding),
                                       cmocka_unit_test(test_clusters),
                                       cmocka_unit_test(test_equals_sliceguard),
                                       cmocka_unit_test(test_article_profile),
                                       cmocka_unit_test(test_few_false_slices),
                                       cmocka_unit_test(test_planted_slices_are_found),
                                       cmocka_unit_test(test_threads_do_not_matter),
                                       cmocka_unit_test(test_missing_scores_count_nowhere),
                                       cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
