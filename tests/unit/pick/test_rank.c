/* SPDX-License-Identifier: MIT
 * Ranks compared with a slow and simple version; they do not depend on the order of the input. */
#include "support.h"
#include "base/mem.h"
#include "base/rng.h"
#include "pick/rank.h"
#include <math.h>

enum { N = 300 };

static gp_hash hash_of(uint64_t i)
{
    return gp_hash_of(&i, sizeof i);
}

/* The scores have few different values, so that ties are common; NaN and both infinities occur too. */
static void fill(gp_rank_item *c, uint64_t seed)
{
    for (size_t i = 0; i < N; i++) {
        uint64_t r = gp_rng_at(seed, i);
        c[i].group = (int64_t)(r % 23) - 11;
        c[i].score = (double)(r >> 8 & 7);
        if ((r >> 20 & 15) == 0) c[i].score = (double)NAN;
        if ((r >> 24 & 63) == 1) c[i].score = (double)INFINITY;
        if ((r >> 24 & 63) == 2) c[i].score = (double)-INFINITY;
        c[i].tie = hash_of(seed ^ i);
    }
}

static bool beats(const gp_rank_item *a, const gp_rank_item *b)
{
    return a->score > b->score || (a->score == b->score && memcmp(a->tie.bytes, b->tie.bytes, 16) < 0);
}

static void test_ranks_by_counting(void **state)
{
    (void)state;
    gp_error err = {0};
    static gp_rank_item c[N];
    static uint32_t rank[N];
    for (uint64_t seed = 1; seed < 20; seed++) {
        fill(c, seed);
        assert_ok(gp_rank_groups(c, N, rank, &err));
        for (size_t i = 0; i < N; i++) {
            uint32_t better = 0;
            for (size_t j = 0; j < N; j++) better += c[j].group == c[i].group && beats(&c[j], &c[i]);
            assert_int_equal(rank[i], isnan(c[i].score) ? 0 : better + 1);
        }
    }
}

/* If the same candidates are given in another order, each image gets the same rank. */
static void test_order_does_not_matter(void **state)
{
    (void)state;
    gp_error err = {0};
    static gp_rank_item c[N], d[N];
    static uint32_t rank_c[N], rank_d[N];
    size_t place[N];
    for (uint64_t seed = 70; seed < 90; seed++) {
        fill(c, seed);
        for (size_t i = 0; i < N; i++) place[i] = i;
        for (size_t i = N - 1; i > 0; i--) {
            size_t j = (size_t)(gp_rng_at(seed * 77, i) % (i + 1)), t = place[i];
            place[i] = place[j], place[j] = t;
        }
        for (size_t i = 0; i < N; i++) d[place[i]] = c[i];
        assert_ok(gp_rank_groups(c, N, rank_c, &err));
        assert_ok(gp_rank_groups(d, N, rank_d, &err));
        for (size_t i = 0; i < N; i++) assert_int_equal(rank_c[i], rank_d[place[i]]);
    }
}

static void test_edges(void **state)
{
    (void)state;
    gp_error err = {0};
    assert_ok(gp_rank_groups(NULL, 0, NULL, &err));
    gp_rank_item c[2] = {{1, 0.0, hash_of(1)},
                         /* of two candidates that are equal in every way, the first has the better rank */
                         {1, -0.0, hash_of(1)}};
    uint32_t rank[2];
    assert_ok(gp_rank_groups(c, 2, rank, &err));
    assert_int_equal(rank[0], 1);
    assert_int_equal(rank[1], 2);
}

static void test_softmax(void **state)
{
    (void)state;
    gp_error err = {0};
    const gp_rank_item c[5] = {{1, 20, hash_of(1)},
                               {2, 900, hash_of(2)},
                               {1, 21, hash_of(3)},
                               {1, (double)NAN, hash_of(4)},
                               {2, 900, hash_of(5)}};
    double share[5];
    assert_ok(gp_rank_softmax(c, 5, share, &err));
    assert_true(fabs(share[0] - 1 / (1 + exp(1))) < 1e-12 && fabs(share[0] + share[2] - 1) < 1e-12);
    assert_true(share[1] == 0.5 && share[3] == 0 && share[4] == 0.5);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_rank_item c[2] = {{1, 1, hash_of(1)}, {1, 2, hash_of(2)}};
    uint32_t rank[2] = {1, 2};
    gp_mem_fail_at(1);
    assert_int_equal(gp_rank_groups(c, 2, rank, &err), GP_ERR_MEMORY);
    gp_mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_by_counting),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
