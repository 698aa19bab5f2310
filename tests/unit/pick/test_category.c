/* SPDX-License-Identifier: MIT
 * Categories: order and names, the selected level of a hierarchy, merging, and no abort for any input. */
#include "support.h"
#include "base/mem.h"
#include "base/rng.h"
#include "pick/category.h"
#include <math.h>

static void test_words(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_categories c;
    const char *words[9] = {"cats", "dogs", NULL, "ants", "dogs", "", "cats", "dogs", "Ants"};
    const int32_t want[9] = {1, 0, -1, 3, 0, -1, 1, 0, 2};
    const char *names[4] = {"dogs", "cats", "Ants", "ants"};
    assert_ok(gp_categories_from_column(words, 9, "Category", &c, &err));
    assert_int_equal(c.n, 9);
    assert_int_equal(c.count, 4);
    for (size_t i = 0; i < 9; i++) assert_int_equal(c.category[i], want[i]);
    for (size_t i = 0; i < 4; i++) assert_string_equal(c.names[i], names[i]);
    assert_string_equal(c.source, "column Category");
    assert_string_equal(
        c.note, "column 'Category' has 4 different values in 7 rows: a category has fewer than 2 images on average");
    gp_categories_clear(&c);
    gp_categories_clear(&c);
    assert_ok(gp_categories_from_column(words, 2, "x", &c, &err));
    assert_null(c.note);
    gp_categories_clear(&c);
    assert_ok(gp_categories_from_column(words + 2, 1, "x", &c, &err));
    assert_int_equal(c.count, 0);
    assert_string_equal(c.note, "column 'x' is empty for all 1 rows: there are no categories");
    gp_categories_clear(&c);
    assert_ok(gp_categories_from_words(words, 9, "your words", &c, &err));
    assert_int_equal(c.count, 4);
    assert_string_equal(c.source, "your words");
    assert_null(c.note); /* notes are about columns */
    gp_categories_clear(&c);
}

static void test_labels(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_categories c;
    const float rows[5 * 2] = {1, 0, 0, 1, 0.8F, 0.6F, 0.6F, 0.8F, 0, 0};
    const float labels[4 * 2] = {0, 1, 1, 0, -1, 0, 1, 0};
    const char *names[4] = {"up", "right", "left", "right again"};
    const int32_t want[5] = {1, 0, 1, 0, -1};
    assert_ok(gp_categories_from_labels(rows, 5, 2, labels, names, 4, &c, &err));
    assert_int_equal(c.count, 4);
    for (size_t i = 0; i < 5; i++) assert_int_equal(c.category[i], want[i]);
    for (size_t i = 0; i < 4; i++) assert_string_equal(c.names[i], names[i]);
    assert_string_equal(c.source, "labels");
    assert_null(c.note);
    gp_categories_clear(&c);
}

/* ------------------------------------------------------------------ levels */

/* Rows on a line. The clusters of a level consist of consecutive rows, and all have the same number of rows. */
enum { N = 60 };
static float place[N];
static uint32_t labels[8 * N], sizes[8];

static void make_levels(const uint32_t *width, size_t levels)
{
    for (size_t i = 0; i < N; i++) place[i] = (float)(i / 2) + 0.1F * (float)(i % 2);
    for (size_t t = 0; t < levels; t++) {
        for (size_t i = 0; i < N; i++) labels[t * N + i] = (uint32_t)i / width[t];
        sizes[t] = labels[t * N + N - 1] + 1;
    }
}

static void assert_level(const uint32_t *width, size_t levels, size_t count, const char *note)
{
    gp_error err = {0};
    gp_categories c;
    char source[64];
    make_levels(width, levels);
    assert_ok(gp_categories_from_levels(labels, sizes, levels, N, place, 1, 4, 24, &c, &err));
    assert_int_equal(c.count, count);
    snprintf(source, sizeof source, "hierarchy: %zu cluster%s", count, count == 1 ? "" : "s");
    assert_string_equal(c.source, source);
    if (note)
        assert_string_equal(c.note, note);
    else
        assert_null(c.note);
    for (size_t i = 0; i < N; i++) assert_in_range(c.category[i], 0, count - 1);
    for (size_t k = 0; k < count; k++) assert_null(c.names[k]);
    gp_categories_clear(&c);
}

static void test_which_level(void **state)
{
    (void)state;
    assert_level((const uint32_t[]){20, 10, 5, 1}, 4, 6, NULL); /* of levels with 3, 6, 12 and 60 clusters, the first
                                                                 * suitable level is used, searched from coarse to
                                                                 * fine */
    assert_level((const uint32_t[]){15, 1}, 2, 4, NULL);        /* both limits are included */
    assert_level((const uint32_t[]){3, 1}, 2, 20, NULL);
    assert_level(
        (const uint32_t[]){20, 2, 1}, 3, 24,
        "no level of the hierarchy has 4 to 24 clusters: the 30 clusters of the nearest level were merged to 24");
    assert_level(
        (const uint32_t[]){1}, 1, 24,
        "no level of the hierarchy has 4 to 24 clusters: the 60 clusters of the nearest level were merged to 24");
    assert_level((const uint32_t[]){30, 20}, 2, 3,
                 "no level of the hierarchy has 4 to 24 clusters: the finest level has 3");
    assert_level((const uint32_t[]){60}, 1, 1,
                 "no level of the hierarchy has 4 to 24 clusters: the finest level has 1");
    assert_level(NULL, 0, 0, "there are too few images for a hierarchy: no categories");
}

/* The nearest pairs of clusters merge first, and the centroid of a merged cluster is weighted by size. */
static void test_merging(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_categories c;
    /* The rows are at 0, 1, 2, 3.5 and 5.2.  First 0 and 1 merge: 1 and 2 have the same distance, and the smaller label
     * decides.  Then {0, 1}, whose centroid is 0.5, merges with 2: 2 and 3.5 have the same distance 1.5, and the
     * smaller label decides.  Then 3.5 and 5.2 merge, because their distance 1.7 is smaller than the distance 2.5 of
     * {0, 1, 2} and 3.5. */
    const float at[5] = {0, 1, 2, 3.5F, 5.2F};
    const uint32_t own[5] = {0, 1, 2, 3, 4}, five = 5;
    const int32_t to4[5] = {0, 0, 1, 2, 3}, to3[5] = {0, 0, 0, 1, 2}, to2[5] = {0, 0, 0, 1, 1};
    const int32_t *want[3] = {to4, to3, to2};
    for (size_t most = 4; most >= 2; most--) {
        assert_ok(gp_categories_from_levels(own, &five, 1, 5, at, 1, 1, most, &c, &err));
        assert_int_equal(c.count, most);
        for (size_t i = 0; i < 5; i++) assert_int_equal(c.category[i], want[4 - most][i]);
        gp_categories_clear(&c);
    }
    /* The cluster {0, 0, 0, 4} has its centroid at 1.  Its distance to -1.05 is 2.05, and its distance to 9 is 8.  So
     * it merges with -1.05. */
    const float heavy[6] = {0, 0, 0, 4, -1.05F, 9};
    const uint32_t groups[6] = {0, 0, 0, 0, 1, 2}, three = 3;
    assert_ok(gp_categories_from_levels(groups, &three, 1, 6, heavy, 1, 1, 2, &c, &err));
    assert_int_equal(c.category[4], 0);
    assert_int_equal(c.category[5], 1);
    gp_categories_clear(&c);
    /* First rows 1 and 2 merge.  Their centroid and row 3 then have the same distance to row 0, and row 0 merges with
     * the cluster of the smaller label. */
    const float square[8] = {0, 0, 2, 0.5F, 2, -0.5F, -2, 0};
    const uint32_t four = 4;
    assert_ok(gp_categories_from_levels(own, &four, 1, 4, square, 2, 1, 2, &c, &err));
    for (size_t i = 0; i < 4; i++) assert_int_equal(c.category[i], i == 3);
    gp_categories_clear(&c);
}

/* Merges clusters in the simplest way: compares all pairs at every step. */
static size_t slow_merge(const float *v, size_t n, size_t d, size_t most, uint32_t *own)
{
    double *centre = calloc(n * d, sizeof *centre), *size = calloc(n, sizeof *size);
    size_t left = n;
    for (size_t i = 0; i < n * d; i++) centre[i] = (double)v[i];
    for (size_t i = 0; i < n; i++) own[i] = (uint32_t)i, size[i] = 1;
    for (; left > most; left--) {
        size_t a = 0, b = 0;
        double best = INFINITY;
        for (size_t i = 0; i < n; i++)
            for (size_t j = i + 1; j < n; j++) {
                double s = 0;
                for (size_t k = 0; k < d; k++) s += pow(centre[i * d + k] - centre[j * d + k], 2);
                if (size[i] > 0 && size[j] > 0 && s < best) best = s, a = i, b = j;
            }
        for (size_t k = 0; k < d; k++)
            centre[a * d + k] = (size[a] * centre[a * d + k] + size[b] * centre[b * d + k]) / (size[a] + size[b]);
        size[a] += size[b], size[b] = 0;
        for (size_t i = 0; i < n; i++)
            if (own[i] == b) own[i] = (uint32_t)a;
    }
    free(size), free(centre);
    return left;
}

static void test_merging_is_the_slow_one(void **state)
{
    (void)state;
    gp_error err = {0};
    enum { ROWS = 50, D = 3 };
    float v[ROWS * D];
    uint32_t own[ROWS], want[ROWS], size = ROWS;
    gp_categories c;
    for (uint64_t seed = 1; seed < 12; seed++) {
        for (size_t i = 0; i < ROWS * D; i++)
            v[i] = seed % 3 ? (float)(gp_rng_at(seed, i) % 100000) / 1000 : (float)(gp_rng_at(seed, i) % 4);
        for (size_t i = 0; i < ROWS; i++) own[i] = (uint32_t)i;
        for (size_t most = 3; most < 40; most += 9) {
            slow_merge(v, ROWS, D, most, want);
            assert_ok(gp_categories_from_levels(own, &size, 1, ROWS, v, D, 2, most, &c, &err));
            assert_int_equal(c.count, most);
            for (size_t i = 0; i < ROWS; i++)
                for (size_t j = 0; j < i; j++) assert_int_equal(c.category[i] == c.category[j], want[i] == want[j]);
            size_t last = SIZE_MAX;
            for (size_t k = 0; k < most; k++) { /* in order of size */
                size_t members = 0;
                for (size_t i = 0; i < ROWS; i++) members += c.category[i] == (int32_t)k;
                assert_true(members > 0 && members <= last);
                last = members;
            }
            gp_categories_clear(&c);
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    const char *words[3] = {"a", "b", "c"};
    const float rows[3] = {1, 2, 4};
    const uint32_t own[3] = {0, 1, 2}, three = 3;
    gp_categories c;
    int64_t live = gp_mem_live();
    for (int which = 0; which < 3; which++) {
        gp_status st = GP_ERR_MEMORY;
        uint64_t n = 0;
        while (st == GP_ERR_MEMORY) {
            gp_mem_fail_at(++n);
            st = which == 0   ? gp_categories_from_column(words, 3, "x", &c, &err)
                 : which == 1 ? gp_categories_from_levels(own, &three, 1, 3, rows, 1, 1, 2, &c, &err)
                              : gp_categories_from_labels(rows, 3, 1, rows, words, 3, &c, &err);
            if (st != GP_OK) assert_int_equal(gp_mem_live(), live);
        }
        gp_mem_fail_at(0);
        assert_int_equal(st, GP_OK);
        assert_true(n > 5);
        gp_categories_clear(&c);
        assert_int_equal(gp_mem_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_which_level),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_merging_is_the_slow_one),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
