/* SPDX-License-Identifier: MIT
 * Measuring the peak: every loop gives a rate, and a failed allocation gives an error without a leak. tests/kernels
 * checks that the loops perform all their operations. */
#include "base/mem.h"
#include "base/thread.h"
#include "support.h"
#include "tensor/peak_rate.h"

static void test_every_loop_has_a_rate(void **state)
{
    (void)state;
    gp_error err = {0};
    for (int kind = 0; kind < GP_PEAK_KINDS; kind++)
        for (size_t i = 0; gp_peak_loop_at((gp_peak_kind)kind, i); i++) {
            double one = 0, all = 0;
            const gp_peak_loop *loop = gp_peak_loop_at((gp_peak_kind)kind, i);
            assert_ok(gp_peak_measure(loop, 1, 0.005, 2, &one, &err));
            assert_ok(gp_peak_measure(loop, 3, 0.005, 2, &all, &err));
            /* the limits are far below the rate of the slowest core and far above that of the fastest */
            assert_true(one > 1e7 && one < 1e15);
            assert_true(all > 1e7 && all < 1e15);
        }
    assert_non_null(gp_peak_loop_at(GP_PEAK_FP32, 0));
}

/* More threads than processors take turns, so the rate does not grow. */
static void test_threads_take_turns(void **state)
{
    (void)state;
    gp_error err = {0};
    double all = 0, more = 0, best = 0;
    const gp_peak_loop *loop = gp_peak_loop_at(GP_PEAK_FP32, 0);
    const int processors = gp_thread_processors();
    /* other programs may disturb the measurement, so it is repeated */
    for (int turn = 0; turn == 0 || (turn < 50 && !(more < 2 * best)); turn++) {
        assert_ok(gp_peak_measure(loop, processors, 0.02, 3, &all, &err));
        assert_ok(gp_peak_measure(loop, 4 * processors, 0.02, 3, &more, &err));
        best = all > best ? all : best;
    }
    assert_true(more < 2 * best);
}

static void test_no_memory(void **state)
{
    (void)state;
    gp_error err = {0};
    const gp_peak_loop *loop = gp_peak_loop_at(GP_PEAK_FP32, 0);
    double rate = 0;
    size_t refused = 0;
    gp_mem_fail_at(0);
    assert_ok(gp_peak_measure(loop, 2, 0.001, 1, &rate, &err));
    const uint64_t all = gp_mem_fail_at(0);
    for (uint64_t n = 1; n <= all; n++) {
        rate = -1;
        gp_mem_fail_at(n);
        gp_status st = gp_peak_measure(loop, 2, 0.001, 1, &rate, &err);
        gp_mem_fail_at(0);
        if (st == GP_OK) { /* finding the number of processors needs no memory */
            assert_true(rate > 0);
            continue;
        }
        assert_int_equal(st, GP_ERR_MEMORY);
        assert_true(rate == -1);
        refused++;
    }
    assert_int_equal(refused, 2); /* two allocations failed: that of the rates and that of the threads */
    assert_int_equal(gp_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_loop_has_a_rate),
                                       cmocka_unit_test(test_threads_take_turns), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
