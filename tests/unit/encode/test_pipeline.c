/* SPDX-License-Identifier: MIT
 * The pipeline: results in order for any number of threads, never more jobs than the window, orderly stops, no
 * leaks. */
#include "encode/pipeline.h"
#include "base/mem.h"
#include "base/rng.h"
#include "support.h"

#include <stdatomic.h>
#include <time.h>

typedef struct job {
    size_t number;
    uint64_t answer;
} job;

typedef struct bench {
    size_t jobs, made, taken, dropped;
    /* number of the job at which the pipeline stops, next() fails or take() fails; 0: never */
    size_t stop_after, fail_next, fail_take;
    size_t most_alive;
    atomic_size_t worked;
} bench;

static gp_status make_job(void *user, void **out, gp_error *err)
{
    bench *b = user;
    if (b->fail_next && b->made == b->fail_next) return gp_fail(err, GP_ERR_IO, "next failed");
    if (b->stop_after && b->made == b->stop_after) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (b->made == b->jobs) return GP_OK;
    job *j = gp_mem_zero(1, sizeof *j);
    j->number = b->made++;
    size_t alive = b->made - b->taken - b->dropped;
    if (alive > b->most_alive) b->most_alive = alive;
    *out = j;
    return GP_OK;
}

static void do_job(void *user, int thread, void *data)
{
    bench *b = user;
    job *j = data;
    (void)thread;
    /* jobs finish in another order than the order in which they begin */
    struct timespec nap = {0, (long)(gp_rng_at(7, j->number) % 200000)};
    nanosleep(&nap, NULL);
    j->answer = j->number * j->number;
    atomic_fetch_add(&b->worked, 1);
}

static gp_status take_job(void *user, void *data, gp_error *err)
{
    bench *b = user;
    job *j = data;
    assert_int_equal(j->number, b->taken);
    assert_int_equal(j->answer, j->number * j->number);
    gp_mem_free(j);
    b->taken++;
    if (b->fail_take && b->taken == b->fail_take) return gp_fail(err, GP_ERR_IO, "take failed");
    return GP_OK;
}

static void drop_job(void *user, void *data)
{
    ((bench *)user)->dropped++;
    gp_mem_free(data);
}

static gp_status run(bench *b, int threads, size_t window, gp_error *err)
{
    gp_pipeline pipe = {
        .threads = threads, .window = window, .next = make_job, .work = do_job, .take = take_job, .drop = drop_job};
    return gp_pipeline_run(&pipe, b, err);
}

static void test_order(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 8};
    gp_error err = {0};
    for (size_t i = 0; i < 3; i++) {
        bench b = {.jobs = 300};
        int64_t before = gp_mem_live();
        assert_ok(run(&b, threads[i], (size_t)threads[i] * 2, &err));
        assert_int_equal(b.taken, 300);
        assert_int_equal(b.dropped, 0);
        assert_true(b.most_alive <= (size_t)threads[i] * 2);
        assert_int_equal(gp_mem_live(), before);
    }
    bench none = {.jobs = 0};
    assert_ok(run(&none, 2, 4, &err));
    bench one = {.jobs = 5};
    assert_ok(run(&one, 3, 1, &err)); /* a window of one job */
    assert_int_equal(one.taken, 5);
}

static void test_stop_finishes_what_is_under_way(void **state)
{
    (void)state;
    bench b = {.jobs = 100, .stop_after = 37};
    gp_error err = {0};
    assert_int_equal(run(&b, 3, 6, &err), GP_ERR_STOPPED);
    assert_int_equal(b.taken, 37);
    assert_int_equal(b.dropped, 0);
}

static void test_failures(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    bench b = {.jobs = 100, .fail_next = 20};
    gp_error err = {0};
    assert_int_equal(run(&b, 4, 8, &err), GP_ERR_IO);
    assert_string_equal(err.message, "next failed");
    assert_int_equal(b.taken + b.dropped, b.made);
    bench c = {.jobs = 100, .fail_take = 20};
    assert_int_equal(run(&c, 4, 8, &err), GP_ERR_IO);
    assert_string_equal(err.message, "take failed");
    assert_int_equal(c.taken, 20);
    assert_int_equal(c.taken + c.dropped, c.made);
    assert_int_equal(gp_mem_live(), before);
}

/* After a stop, the pipeline finishes the jobs that have begun. If one of these jobs fails, the pipeline returns this
 * failure, with its status and message. */
static void test_failure_after_stop(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    bench b = {.jobs = 100, .stop_after = 20, .fail_take = 20};
    gp_error err = {0};
    assert_int_equal(run(&b, 4, 8, &err), GP_ERR_IO);
    assert_int_equal(err.status, GP_ERR_IO);
    assert_string_equal(err.message, "take failed");
    assert_int_equal(b.taken, 20);
    assert_int_equal(gp_mem_live(), before);
}

/* A pipeline with 0 threads is an error. (The tests of `base` check that all threads start or none.) */
static void test_threads_that_do_not_start(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    bench b = {.jobs = 100};
    gp_error err = {0};
    assert_int_equal(run(&b, 0, 4, &err), GP_ERR_USAGE);
    assert_int_equal(b.made, 0);
    assert_int_equal(gp_mem_live(), before);
}

static void test_no_memory(void **state)
{
    (void)state;
    int64_t before = gp_mem_live();
    for (uint64_t n = 1;; n++) {
        bench b = {.jobs = 0};
        gp_error err = {0};
        gp_mem_fail_at(n);
        gp_status st = run(&b, 2, 4, &err);
        gp_mem_fail_at(0);
        assert_int_equal(gp_mem_live(), before);
        if (st == GP_OK) break;
        assert_int_equal(st, GP_ERR_MEMORY);
        assert_true(n < 100);
    }
}

static void work_long(void *user, int thread, void *data)
{
    nanosleep(&(struct timespec){0, 400000000}, NULL);
    do_job(user, thread, data);
}

/* idle_limit: the number of the call of idle() that stops the pipeline; 0: no call stops it */
static size_t idle_calls, idle_limit;

static gp_status count_idle(void *user, gp_error *err)
{
    (void)user;
    return ++idle_calls == idle_limit ? gp_fail(err, GP_ERR_STOPPED, "stopped") : GP_OK;
}

/* While a job takes long, the pipeline calls idle(). If idle() stops the pipeline, the running jobs are finished and
 * taken, and no new jobs are made. */
static void test_idle(void **state)
{
    (void)state;
    for (idle_limit = 0; idle_limit <= 2; idle_limit += 2) {
        gp_error err = {0};
        bench b = {.jobs = 3};
        gp_pipeline pipe = {.threads = 1,
                            .window = 1,
                            .next = make_job,
                            .work = work_long,
                            .take = take_job,
                            .idle = count_idle,
                            .drop = drop_job};
        idle_calls = 0;
        assert_int_equal(gp_pipeline_run(&pipe, &b, &err), idle_limit ? GP_ERR_STOPPED : GP_OK);
        assert_true(idle_calls >= 2);
        assert_int_equal(b.taken, idle_limit ? 1 : 3);
        assert_int_equal(b.dropped, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_stop_finishes_what_is_under_way),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_failure_after_stop),
        cmocka_unit_test(test_threads_that_do_not_start),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
