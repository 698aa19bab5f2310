/* SPDX-License-Identifier: MIT
 * The memory limit for decoded images: it is never exceeded, requests enter in order and all of them enter, and a
 * closed gate blocks no request. */
#include "support.h"

#include "base/thread.h"
#include "serve/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8, ROUNDS = 300, MOST = 1000 };

static gp_gate *gate;
static atomic_ullong inside;
static atomic_int entered, waiting_done;

static void a_moment(void)
{
    nanosleep(&(struct timespec){0, 1000000}, NULL);
}

static void come_and_go(void *user, int index)
{
    (void)user;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t bytes = (uint64_t)(1 + (index * 131 + i * 37) % MOST);
        assert_int_equal(gp_gate_enter(gate, bytes, NULL), GP_OK);
        if (atomic_fetch_add(&inside, bytes) + bytes > MOST) abort();
        if (i % 64 == 0) a_moment();
        atomic_fetch_sub(&inside, bytes);
        gp_gate_leave(gate, bytes);
        atomic_fetch_add(&entered, 1);
    }
}

static void test_the_bound_is_never_passed(void **state)
{
    (void)state;
    gp_threads *threads = NULL;
    assert_int_equal(gp_gate_open(MOST, &gate, NULL), GP_OK);
    assert_int_equal(gp_threads_start(THREADS, come_and_go, NULL, &threads, NULL), GP_OK);
    gp_threads_join(threads);
    assert_int_equal(atomic_load(&entered), THREADS * ROUNDS);
    gp_gate_close(gate);
}

static void wait_in_vain(void *user, int index)
{
    (void)user, (void)index;
    gp_error err = {0};
    assert_int_equal(gp_gate_enter(gate, MOST, &err), GP_ERR_STOPPED);
    atomic_fetch_add(&waiting_done, 1);
}

static void test_shut(void **state)
{
    (void)state;
    gp_threads *threads = NULL;
    gp_error err = {0};
    assert_int_equal(gp_gate_open(MOST, &gate, NULL), GP_OK);
    assert_int_equal(gp_gate_enter(gate, MOST + 1, &err), GP_ERR_LIMIT);
    assert_int_equal(gp_gate_enter(gate, 1, NULL), GP_OK);
    assert_int_equal(gp_threads_start(3, wait_in_vain, NULL, &threads, NULL), GP_OK);
    a_moment();
    assert_int_equal(atomic_load(&waiting_done), 0);
    gp_gate_shut(gate);
    gp_threads_join(threads);
    assert_int_equal(atomic_load(&waiting_done), 3);
    assert_int_equal(gp_gate_enter(gate, 1, NULL), GP_ERR_STOPPED);
    gp_gate_leave(gate, 1);
    gp_gate_close(gate);
    assert_int_equal(gp_gate_enter(NULL, UINT64_MAX, NULL), GP_OK);
    gp_gate_leave(NULL, 1);
}

static void test_costs(void **state)
{
    (void)state;
    gp_image_info head = {.format = GP_FORMAT_PNG, .width = 100000, .height = 100000};
    uint8_t png[40] = {0}, jpeg[] = {0xff, 0xd8, 0xff, 0xe0, 0,    3,    0, 0xff, 0xff, 0xc0, 0, 9, 8, 0, 1,
                                     0,    1,    3,    0,    0xff, 0xda, 0, 12,   3,    0,    0, 0, 0, 0};
    assert_true(gp_gate_cost(png, sizeof png, &head) == 40000000000u);
    png[28] = 1;
    assert_true(gp_gate_cost(png, sizeof png, &head) == 110000000000u);
    head.format = GP_FORMAT_JPEG;
    assert_true(gp_gate_cost(jpeg, sizeof jpeg, &head) == 40000000000u);
    jpeg[23] = 1; /* a scan with one component */
    assert_true(gp_gate_cost(jpeg, sizeof jpeg, &head) == 90000000000u);
    jpeg[23] = 3, jpeg[9] = 0xc2;
    assert_true(gp_gate_cost(jpeg, sizeof jpeg, &head) == 90000000000u);
    assert_true(gp_gate_cost(jpeg, 3, &head) == 90000000000u);
    head.format = GP_FORMAT_WEBP;
    assert_true(gp_gate_cost(jpeg, 3, &head) == 40000000000u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_bound_is_never_passed), cmocka_unit_test(test_shut),
                                       cmocka_unit_test(test_costs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
