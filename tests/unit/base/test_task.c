/* SPDX-License-Identifier: MIT
 * Tasks: progress comes in time from the calling thread, and a stop reaches the work. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/task.h"
#include "support.h"

#include <pthread.h>

typedef struct watcher {
    pthread_t thread;
    int calls, stop_at;
    double last, longest; /* seconds between two calls */
    uint64_t done, total;
    bool back; /* `done` once fell */
    bool strange;
} watcher;

static watcher watch(int stop_at)
{
    return (watcher){.thread = pthread_self(), .stop_at = stop_at, .last = gp_clock_now()};
}

static bool count(void *user, const gp_progress *p)
{
    watcher *w = user;
    double now = gp_clock_now();
    if (now - w->last > w->longest) w->longest = now - w->last;
    w->last = now;
    w->back = w->back || p->done < w->done;
    w->done = p->done, w->total = p->total;
    w->strange = w->strange || !pthread_equal(w->thread, pthread_self());
    return ++w->calls != w->stop_at;
}

static gp_status work_half_a_second(void *user, gp_task *task, gp_error *err)
{
    (void)err;
    *(int *)user = 1;
    for (int i = 0; i < 10; i++) {
        gp_clock_wait(0.05, NULL, NULL);
        gp_task_add(task, 7);
    }
    return GP_OK;
}

static void test_progress(void **state)
{
    (void)state;
    gp_error err = {0};
    int ran = 0;
    watcher w = watch(0);
    gp_task_options o = {.stage = "test", .items = 100, .units = 70, .progress = count, .user = &w};
    assert_ok(gp_task_run(&o, work_half_a_second, &ran, &err));
    assert_true(ran && w.calls >= 4 && !w.back && !w.strange);
    assert_int_equal(w.done, 100);
    assert_int_equal(w.total, 100);
    w = watch(1); /* before the work begins */
    ran = 0;
    assert_int_equal(gp_task_run(&o, work_half_a_second, &ran, &err), GP_ERR_STOPPED);
    assert_true(!ran && w.calls == 1);
    o.progress = NULL;
    assert_ok(gp_task_run(&o, work_half_a_second, &ran, &err));
    assert_true(ran);
}

static gp_status work_until_stopped(void *user, gp_task *task, gp_error *err)
{
    double start = gp_clock_now();
    while (!gp_task_stopped(task) && gp_clock_now() < start + 20) gp_clock_wait(0.001, NULL, NULL);
    *(double *)user = gp_clock_now();
    return gp_task_check(task, err);
}

static void test_stop(void **state)
{
    (void)state;
    gp_error err = {0};
    double ended = 0;
    watcher w = watch(3);
    gp_task_options o = {.stage = "test", .items = 9, .progress = count, .user = &w};
    assert_int_equal(gp_task_run(&o, work_until_stopped, &ended, &err), GP_ERR_STOPPED);
    assert_string_equal(err.message, "stopped");
    assert_int_equal(w.done, 0);
}

static gp_status fails(void *user, gp_task *task, gp_error *err)
{
    (void)user, (void)task;
    return gp_fail(err, GP_ERR_LIMIT, "too much");
}

static void add_index(void *user, int index)
{
    atomic_fetch_add((atomic_int *)user, 1 << index);
}

static gp_status each(void *user, gp_task *task, gp_error *err)
{
    return gp_task_each(task, add_index, user, err);
}

static void test_failure_and_threads(void **state)
{
    (void)state;
    gp_error err = {0};
    watcher w = watch(0);
    gp_task_options o = {.stage = "test", .threads = 3, .progress = count, .user = &w};
    atomic_int sum = 0;
    int64_t before = gp_mem_live();
    assert_int_equal(gp_task_run(&o, fails, NULL, &err), GP_ERR_LIMIT);
    assert_string_equal(err.message, "too much");
    assert_ok(gp_task_run(&o, each, &sum, &err));
    assert_int_equal(atomic_load(&sum), 7);
    o.threads = 1;
    assert_ok(gp_task_run(&o, each, &sum, &err));
    assert_int_equal(atomic_load(&sum), 8);
    assert_true(gp_task_threads(NULL) == 1 && !gp_task_stopped(NULL));
    gp_status st = GP_ERR_MEMORY;
    for (uint64_t n = 1; st != GP_OK && n < 100; n++) {
        gp_mem_fail_at(n);
        st = gp_task_run(&o, each, &sum, &err);
        gp_mem_fail_at(0);
        assert_true(st == GP_OK || st == GP_ERR_MEMORY);
        assert_int_equal(gp_mem_live(), before);
    }
    assert_int_equal(st, GP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_failure_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
