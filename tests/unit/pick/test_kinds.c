/* SPDX-License-Identifier: MIT
 * Categories by merging: Ward's method compared with a plain search, planted kinds that must be found in the right
 * number, and the limits. */
#include "support.h"

#include "base/mem.h"
#include "base/rng.h"
#include "pick/category.h"

#include <math.h>

enum { MOST = 2000, D = 24 };
static float rows[MOST * D];
static uint32_t fine[MOST], merged[MOST], truth[MOST];

/* Returns a nearly normal number: the sum of 12 uniform numbers. */
static double normal(uint64_t seed, uint64_t i)
{
    double sum = -6;
    for (uint64_t k = 0; k < 12; k++) sum += (double)(gp_rng_at(seed, i * 12 + k) >> 11) * 0x1p-53;
    return sum;
}

static gp_category_cut merge(size_t n, size_t clusters, size_t least, size_t most)
{
    gp_error err = {0};
    gp_category_cut cut;
    assert_ok(gp_categories_by_merging(fine, clusters, n, rows, D, least, most, merged, &cut, &err));
    for (size_t i = 0; i < n; i++) assert_in_range(merged[i], 0, cut.count - 1);
    return cut;
}

/* Returns the adjusted Rand index (Hubert and Arabie 1985) of the labels `merged` and `truth`, which are below 32. */
static double rand_index(size_t n)
{
    double both[32][32] = {{0}}, a[32] = {0}, b[32] = {0}, same = 0, x = 0, y = 0,
           all = (double)n * ((double)n - 1) / 2;
    for (size_t i = 0; i < n; i++) both[merged[i]][truth[i]]++, a[merged[i]]++, b[truth[i]]++;
    for (size_t i = 0; i < 32; i++) {
        x += a[i] * (a[i] - 1) / 2, y += b[i] * (b[i] - 1) / 2;
        for (size_t j = 0; j < 32; j++) same += both[i][j] * (both[i][j] - 1) / 2;
    }
    return (same - x * y / all) / ((x + y) / 2 - x * y / all);
}

/* Makes `kinds` clouds in a narrow cone, like CLIP's embeddings.  Each fine cluster has four rows of one kind. */
static void make_clouds(size_t n, size_t kinds, double width, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        fine[i] = (uint32_t)(i / 4);
        truth[i] = (uint32_t)(fine[i] % kinds);
        for (size_t j = 0; j < D; j++)
            rows[i * D + j] =
                (float)((j == 0 ? 20 : 0) + normal(seed, truth[i] * D + j) + width * normal(seed + 1, i * D + j));
    }
}

static void test_planted_kinds_are_found(void **state)
{
    (void)state;
    for (size_t kinds = 4; kinds <= 16; kinds += 3)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            make_clouds(800, kinds, 0.35, seed * 100);
            gp_category_cut cut = merge(800, 200, 4, 24);
            assert_int_equal(cut.count, kinds);
            assert_true(rand_index(800) > 0.99);
            assert_true(cut.silhouette > 0.3);
        }
}

/* Returns the increase of the sum of squares if the clusters x and y are merged. */
static double cost(const uint32_t *label, size_t n, uint32_t x, uint32_t y)
{
    double a[D] = {0}, b[D] = {0}, m = 0, k = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < D && (label[i] == x || label[i] == y); j++)
            (label[i] == x ? a : b)[j] += (double)rows[i * D + j];
    for (size_t i = 0; i < n; i++) m += label[i] == x, k += label[i] == y;
    for (size_t j = 0; j < D; j++) sum += (a[j] / m - b[j] / k) * (a[j] / m - b[j] / k);
    return sum * m * k / (m + k);
}

/* Makes rows that already have mean 0 and equal lengths, so that the plain search needs no preparation. */
static void make_plain(size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i += 2) { /* each pair is a row and its mirror image, so that the mean is 0 */
        double length = 0;
        for (size_t j = 0; j < D; j++) length += normal(seed, i * D + j) * normal(seed, i * D + j);
        for (size_t j = 0; j < D; j++) {
            rows[i * D + j] = (float)(normal(seed, i * D + j) / sqrt(length));
            rows[(i + 1) * D + j] = -rows[i * D + j];
        }
    }
}

static void test_merges_as_a_plain_search(void **state)
{
    (void)state;
    enum { ROWS = 60, CLUSTERS = 24 };
    uint32_t label[ROWS];
    make_plain(ROWS, 7);
    for (uint32_t i = 0; i < ROWS; i++) fine[i] = label[i] = (uint32_t)(gp_rng_at(3, i) % CLUSTERS);
    for (uint32_t c = 0; c < CLUSTERS; c++) fine[c] = label[c] = c; /* no cluster is empty */
    for (size_t left = CLUSTERS - 1; left >= 2; left--) {
        uint32_t best_x = 0, best_y = 0;
        double least = INFINITY;
        for (uint32_t x = 0; x < CLUSTERS; x++)
            for (uint32_t y = x + 1; y < CLUSTERS; y++) {
                double add = cost(label, ROWS, x, y);
                /* for an empty cluster the value is NaN, which is never the minimum */
                if (add < least) least = add, best_x = x, best_y = y;
            }
        for (size_t i = 0; i < ROWS; i++)
            if (label[i] == best_y) label[i] = best_x;
        assert_int_equal(merge(ROWS, CLUSTERS, left, left).count, left);
        for (size_t i = 0; i < ROWS; i++)
            for (size_t k = 0; k < i; k++) assert_int_equal(merged[i] == merged[k], label[i] == label[k]);
    }
}

/* One cloud of 600 rows and eight clouds of 25: a cut at nine clusters would leave one category of 75 %. */
static void test_no_category_is_too_large(void **state)
{
    (void)state;
    make_clouds(800, 9, 0.4, 11);
    for (size_t i = 0; i < 600; i++) {
        truth[i] = 8;
        for (size_t j = 0; j < D; j++)
            rows[i * D + j] = (float)((j == 0 ? 20 : 0) + normal(12, 8 * D + j) + 0.8 * normal(13, (i / 4) * D + j));
    }
    gp_category_cut cut = merge(800, 200, 4, 24);
    assert_true(cut.largest <= GP_CATEGORY_SHARE);
}

static void test_what_cannot_be_split(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_categories c;
    uint32_t sizes[1] = {25};
    for (size_t i = 0; i < 100 * D; i++) rows[i] = 1;
    /* there are 25 clusters and at most 24 categories, so exactly two clusters are merged */
    for (size_t i = 0; i < 100; i++) fine[i] = (uint32_t)(i < 76 ? 0 : i - 75);
    assert_ok(gp_categories_from_clusters(fine, sizes, 1, 100, rows, D, 4, 24, &c, &err));
    assert_string_equal(c.note, "one category holds 77 % of the images, since they cannot be split evenly");
    gp_categories_clear(&c);
    for (size_t n = 3; n < 12; n++) { /* with few rows, the function does not abort, and every row gets a category */
        for (uint32_t i = 0; i < n; i++) fine[i] = i / 2;
        sizes[0] = (uint32_t)(n + 1) / 2;
        assert_ok(gp_categories_from_clusters(fine, sizes, 1, n, rows, D, 4, 24, &c, &err));
        for (size_t i = 0; i < n; i++) assert_in_range(c.category[i], 0, c.count - 1);
        gp_categories_clear(&c);
    }
}

/* goldpan merges the clusters of the finest level that has at most 1,024 clusters. */
static void test_level(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_categories c;
    static uint32_t levels[2 * MOST];
    const uint32_t sizes[2] = {500, 2000};
    make_clouds(MOST, 6, 0.4, 5);
    for (uint32_t i = 0; i < MOST; i++) levels[i] = i / 4, levels[MOST + i] = i;
    assert_ok(gp_categories_from_clusters(levels, sizes, 2, MOST, rows, D, 4, 24, &c, &err));
    assert_int_equal(c.count, 6);
    assert_string_equal(c.source, "500 clusters of images, merged");
    assert_null(c.note);
    gp_categories_clear(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_planted_kinds_are_found),
        cmocka_unit_test(test_merges_as_a_plain_search),
        cmocka_unit_test(test_no_category_is_too_large),
        cmocka_unit_test(test_what_cannot_be_split),
        cmocka_unit_test(test_level),
    };
    return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
