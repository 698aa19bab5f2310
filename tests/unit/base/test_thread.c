/* SPDX-License-Identifier: MIT
 * Threads and the queue; also run under ThreadSanitizer. */
#include "support.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static void nap(int milliseconds)
{
    struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static void processors(void **state)
{
    (void)state;
    int n = gp_thread_processors();
    assert_in_range(n, 1, sysconf(_SC_NPROCESSORS_CONF));
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &before)) continue;
        CPU_SET(i, &one);
        break;
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(gp_thread_processors(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(gp_thread_processors(), n);
}

typedef struct marks {
    int seen[64];
    atomic_int calls, blocked;
} marks;

static void mark(void *user, int index)
{
    marks *m = user;
    sigset_t mask;
    m->seen[index]++; /* each thread has its own element, so no lock is needed */
    atomic_fetch_add(&m->calls, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (sigismember(&mask, SIGINT) && !sigismember(&mask, SIGSEGV)) atomic_fetch_add(&m->blocked, 1);
}

static void starts_and_joins(void **state)
{
    (void)state;
    gp_error err = {0};
    marks m = {0};
    gp_threads *threads = NULL;
    assert_ok(gp_threads_start(64, mark, &m, &threads, &err));
    gp_threads_join(threads);
    for (int i = 0; i < 64; i++) assert_int_equal(m.seen[i], 1);
    assert_int_equal(m.calls, 64);
    assert_int_equal(m.blocked, 64); /* only the main thread handles Ctrl-C */
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGINT));
    gp_threads_join(NULL);
    assert_int_equal(gp_threads_start(0, mark, &m, &threads, &err), GP_ERR_USAGE);
    gp_mem_fail_at(1);
    assert_int_equal(gp_threads_start(2, mark, &m, &threads, &err), GP_ERR_MEMORY);
    gp_mem_fail_at(0);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
/* If one thread cannot be started, no thread runs the body. */
static void all_or_none(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        /* limits the memory, so that only some of 64 threads can get a stack */
        struct rlimit few = {(rlim_t)200 << 20, (rlim_t)200 << 20};
        gp_error err = {0};
        static marks m;
        gp_threads *threads = NULL;
        setrlimit(RLIMIT_AS, &few);
        if (mmap(NULL, 400u << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) _exit(77);
        gp_status st = gp_threads_start(64, mark, &m, &threads, &err);
        bool said = strncmp(err.message, "cannot start thread ", 20) == 0;
        _exit(st == GP_ERR_MEMORY && said && threads == NULL && m.calls == 0 ? 0 : 1);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == 77) {
        printf("skipped: no limit on memory is kept here (qemu)\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(result), 0);
}
#endif

static void queue_order(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_queue *q = NULL;
    char items[10];
    void *got = NULL;
    assert_int_equal(gp_queue_new(0, &q, &err), GP_ERR_USAGE);
    assert_int_equal(gp_queue_new(SIZE_MAX / 4, &q, &err), GP_ERR_MEMORY);
    assert_ok(gp_queue_new(3, &q, &err));
    /* fills and empties the queue several times, so that positions in the ring wrap around */
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < 3; i++) assert_true(gp_queue_put(q, &items[turn + i]));
        for (int i = 0; i < 3; i++) {
            assert_true(gp_queue_get(q, &got));
            assert_ptr_equal(got, &items[turn + i]);
        }
        assert_true(gp_queue_put(q, &items[9]));
        assert_int_equal(gp_queue_get_within(q, &got, 0), 1);
        assert_ptr_equal(got, &items[9]);
    }
    double start = gp_clock_now();
    assert_int_equal(gp_queue_get_within(q, &got, 50), 0);
    assert_true(gp_clock_now() - start >= 0.049);
    assert_true(gp_queue_put(q, &items[0]));
    gp_queue_close(q);
    gp_queue_close(q);
    assert_false(gp_queue_put(q, &items[1]));
    assert_true(gp_queue_get(q, &got)); /* items in a closed queue can still be taken */
    assert_ptr_equal(got, &items[0]);
    assert_false(gp_queue_get(q, &got));
    assert_int_equal(gp_queue_get_within(q, &got, 1000), -1);
    gp_queue_free(q);
    gp_queue_free(NULL);
}

typedef struct blocked {
    gp_queue *full, *empty;
    atomic_int released;
} blocked;

static void block(void *user, int index)
{
    blocked *b = user;
    void *item = NULL;
    bool went_on;
    if (index % 3 == 0)
        went_on = gp_queue_put(b->full, b);
    else if (index % 3 == 1)
        went_on = gp_queue_get(b->empty, &item);
    else
        went_on = gp_queue_get_within(b->empty, &item, 60000) != -1;
    if (!went_on) atomic_fetch_add(&b->released, 1);
}

/* Closing wakes every waiting thread, producers and consumers. */
static void close_while_blocked(void **state)
{
    (void)state;
    gp_error err = {0};
    blocked b = {0};
    gp_threads *threads = NULL;
    assert_ok(gp_queue_new(1, &b.full, &err));
    assert_ok(gp_queue_new(1, &b.empty, &err));
    assert_true(gp_queue_put(b.full, &b));
    assert_ok(gp_threads_start(9, block, &b, &threads, &err));
    nap(50);
    assert_int_equal(b.released, 0);
    alarm(1800);
    gp_queue_close(b.full);
    gp_queue_close(b.empty);
    gp_threads_join(threads);
    alarm(0);
    assert_int_equal(b.released, 9);
    gp_queue_free(b.full);
    gp_queue_free(b.empty);
}

enum { PRODUCERS = 5, CONSUMERS = 4, EACH = 4000 };

typedef struct crowd {
    gp_queue *queue;
    atomic_int producing;
    int values[PRODUCERS * EACH]; /* plain memory: the queue must order the accesses */
    int last[CONSUMERS][PRODUCERS];
    bool in_order[CONSUMERS];
    atomic_int got;
} crowd;

static void take_part(void *user, int index)
{
    crowd *c = user;
    if (index < PRODUCERS) {
        for (int i = 0; i < EACH; i++) {
            int *value = &c->values[index * EACH + i];
            *value = i + 1;
            gp_queue_put(c->queue, value);
        }
        if (atomic_fetch_sub(&c->producing, 1) == 1) gp_queue_close(c->queue);
        return;
    }
    int consumer = index - PRODUCERS;
    void *item = NULL;
    c->in_order[consumer] = true;
    for (;;) {
        int got = consumer % 2 ? gp_queue_get_within(c->queue, &item, 5) : gp_queue_get(c->queue, &item) ? 1 : -1;
        if (got < 0) break;
        if (got == 0) continue;
        int *value = item;
        int producer = (int)((value - c->values) / EACH);
        if (*value <= c->last[consumer][producer]) c->in_order[consumer] = false;
        c->last[consumer][producer] = *value;
        *value = -1; /* each item arrives exactly once */
        atomic_fetch_add(&c->got, 1);
    }
}

static void many_to_many(void **state)
{
    (void)state;
    gp_error err = {0};
    crowd *c = gp_mem_zero(1, sizeof *c);
    gp_threads *threads = NULL;
    assert_non_null(c);
    c->producing = PRODUCERS;
    assert_ok(gp_queue_new(7, &c->queue, &err));
    assert_ok(gp_threads_start(PRODUCERS + CONSUMERS, take_part, c, &threads, &err));
    gp_threads_join(threads);
    assert_int_equal(c->got, PRODUCERS * EACH);
    for (int i = 0; i < PRODUCERS * EACH; i++) assert_int_equal(c->values[i], -1);
    for (int i = 0; i < CONSUMERS; i++) assert_true(c->in_order[i]);
    gp_queue_free(c->queue);
    gp_mem_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors),
        cmocka_unit_test(starts_and_joins),
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(all_or_none),
#endif
        cmocka_unit_test(queue_order),
        cmocka_unit_test(close_while_blocked),
        cmocka_unit_test(many_to_many),
    };
    return cmocka_run_group_tests_name("base/thread", tests, NULL, NULL);
}
