/* SPDX-License-Identifier: MIT
 * One test for slices of rows and of the items that the rows belong to.  The error rate holds for both together and for
 * items of unequal size, planted slices are found in either space, and the number of threads has no effect. */
#include "plain.h"

#include "analyze/analyze.h"
#include "base/mem.h"

enum { ITEMS = 160, SHORT = ITEMS / 8, LONG = 9, ROWS = SHORT + (ITEMS - SHORT) * LONG, TABLES = 60 };
static double score[ROWS], mean[ITEMS];
static int32_t group[ROWS];
static uint32_t item[ROWS];
static float row_vectors[ROWS], item_vectors[ITEMS];

/* Makes a hierarchy over n rows in their order, with a level of 8 and a level of 32 clusters.  Free with
 * gp_an_hierarchy_clear. */
static gp_hierarchy tree_of(size_t n)
{
    gp_hierarchy t = {.size = sizeof(gp_hierarchy), .n = n, .levels = 2};
    static const uint32_t sizes[2] = {32, 8}; /* from fine to coarse */
    t.labels = gp_mem_new(2 * n, sizeof *t.labels);
    t.sizes = gp_mem_new(2, sizeof *t.sizes);
    t.parents = gp_mem_zero(2, sizeof *t.parents);
    assert_non_null(t.labels);
    assert_non_null(t.sizes);
    for (size_t l = 0; l < 2; l++) {
        t.sizes[l] = sizes[l];
        for (size_t i = 0; i < n; i++) t.labels[l * n + i] = (uint32_t)(i * sizes[l] / n);
    }
    return t;
}

/* The first eighth of the items have one row each, the others LONG rows.  All items of a cluster have the same size. */
static void make_scores(double item_share, uint64_t seed)
{
    for (size_t i = 0; i < ROWS; i++) {
        item[i] = (uint32_t)(i < SHORT ? i : SHORT + (i - SHORT) / LONG);
        group[i] = (int32_t)item[i];
        score[i] =
            25 + sqrt(item_share) * (double)normal(seed, item[i]) + sqrt(1 - item_share) * (double)normal(seed + 1, i);
    }
}

static void add_to_item(uint32_t which, double shift)
{
    for (size_t i = 0; i < ROWS; i++) score[i] += shift * (item[i] == which);
}

/* Writes the mean score of each item to `mean`; NaN for an item without a score. */
static void take_means(void)
{
    double rows[ITEMS] = {0};
    for (size_t k = 0; k < ITEMS; k++) mean[k] = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (isnan(score[i]) || item[i] == UINT32_MAX) continue;
        mean[item[i]] += score[i], rows[item[i]]++;
    }
    for (size_t k = 0; k < ITEMS; k++) mean[k] = rows[k] > 0 ? mean[k] / rows[k] : NAN;
}

/* Finds slices. both: if true, rows and items are tested together; otherwise only items are tested, and all items may
 * be exchanged with each other. out: the slices of rows and the slices of items, zeroed before the call. Free each with
 * gp_an_slices_clear. */
static void find(bool both, int threads, gp_slices out[2])
{
    gp_error err = {0};
    gp_feature rows = {
        .size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = row_vectors, .d = 1};
    gp_feature items = {
        .size = sizeof(gp_feature), .name = "x", .kind = GP_FEATURE_EMBEDDING, .vectors = item_vectors, .d = 1};
    gp_slices_options o = GP_SLICES_DEFAULTS;
    gp_hierarchy tree = tree_of(ROWS), item_tree = tree_of(ITEMS);
    take_means();
    gp_slices_search searches[2] = {
        {.features = &rows, .count = 1, .metric = score, .n = ROWS, .tree = &tree, .share = 2},
        {.features = &items, .count = 1, .metric = mean, .n = ITEMS, .tree = &item_tree, .item = item, .share = 1}};
    o.threads = threads, o.resamples = 400, o.group = both ? group : NULL;
    gp_status st = both ? gp_an_slices_together(searches, 2, &o, out, &err)
                        : gp_an_slices(&items, 1, mean, ITEMS, &item_tree, &o, &out[1], &err);
    if (st != GP_OK) fail_msg("%s", err.message);
    gp_an_hierarchy_clear(&tree);
    gp_an_hierarchy_clear(&item_tree);
}

typedef struct counts {
    size_t rows, items;
    /* p of the first slice of items; if there is none, p of the first slice of rows; if there is none either, 1 */
    double p;
} counts;

static counts search(bool both, int threads)
{
    gp_slices out[2] = {GP_INIT(gp_slices), GP_INIT(gp_slices)};
    find(both, threads, out);
    counts c = {out[0].count, out[1].count, 1};
    if (out[0].count) c.p = out[0].slices[0].p_corrected;
    if (out[1].count) c.p = out[1].slices[0].p_corrected;
    gp_an_slices_clear(&out[0]);
    gp_an_slices_clear(&out[1]);
    return c;
}

static void test_the_level_holds_for_both(void **state)
{
    (void)state;
    for (int share = 0; share <= 60; share += 30) {
        size_t together = 0, alone = 0;
        for (uint64_t t = 0; t < TABLES; t++) {
            make_scores(share / 100.0, 1000 * t + (uint64_t)share);
            counts c = search(true, 1);
            together += c.rows + c.items > 0;
            alone += search(false, 1).items > 0;
        }
        print_message("effect %d %%: %zu together, %zu of items alone, of %d\n", share, together, alone, TABLES);
        assert_in_range(together, 0, 3); /* more than 3 tables with a false slice have a probability of 0.3 % */
        /* a test of items alone reports too many false slices, because it treats the mean of 1 row like the mean of 9
         * rows */
        if (share == 0) assert_in_range(alone, 6, TABLES);
    }
}

static void test_planted_items_are_found(void **state)
{
    (void)state;
    size_t in_items = 0, in_rows = 0;
    for (uint64_t t = 0; t < 20; t++) {
        make_scores(0.1, 77 * t);
        /* the raised items are one of the 32 clusters of items */
        for (uint32_t k = 120; k < 125; k++) add_to_item(k, 1.5);
        in_items += search(true, 1).items > 0;
        make_scores(0.1, 77 * t);
        /* the raised rows are one of the 32 clusters of rows */
        for (size_t i = 0; i < ROWS; i++) score[i] += 1.5 * (i * 32 / ROWS == 20);
        in_rows += search(true, 1).rows > 0;
    }
    print_message("%zu of items, %zu of rows, of 20\n", in_items, in_rows);
    assert_in_range(in_items, 18, 20);
    assert_in_range(in_rows, 18, 20);
}

/* Items without rows, rows without an item, and rows without a score add nothing to the means of items. */
static void test_what_has_no_item_or_score(void **state)
{
    (void)state;
    make_scores(0, 3);
    for (uint32_t k = 120; k < 125; k++) add_to_item(k, 2);
    for (size_t i = 0; i < ROWS; i++) {
        if (item[i] == 7 || i % 50 == 1) score[i] = NAN;
        if (i % 60 == 2) item[i] = UINT32_MAX;
    }
    gp_slices out[2] = {GP_INIT(gp_slices), GP_INIT(gp_slices)};
    find(true, 0, out);
    assert_true(out[1].count > 0);
    for (size_t i = 0; i < out[1].count; i++) {
        assert_true(isfinite(out[1].slices[i].value) && out[1].slices[i].p_corrected < 0.01);
        assert_in_range(out[1].slices[i].rows[0], 115, 125);
    }
    gp_an_slices_clear(&out[0]);
    gp_an_slices_clear(&out[1]);
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    make_scores(0.2, 11);
    for (uint32_t k = 120; k < 125; k++) add_to_item(k, 2);
    counts one = search(true, 1), four = search(true, 4);
    assert_int_equal(one.rows, four.rows);
    assert_int_equal(one.items, four.items);
    assert_true(one.p == four.p && one.p < 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_level_holds_for_both),
        cmocka_unit_test(test_planted_items_are_found),
        cmocka_unit_test(test_what_has_no_item_or_score),
        cmocka_unit_test(test_threads_change_nothing),
    };
    return cmocka_run_group_tests_name("together", tests, NULL, NULL);
}
