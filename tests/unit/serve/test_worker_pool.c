/* SPDX-License-Identifier: MIT
 * Requests that wait for a thread: each is processed once and resumed once, their number is limited, and none is
 * lost. */
#include "serve_support.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* every worker of the test takes this lock */
static atomic_int working, done;

static void work(gp_request *request)
{
    atomic_fetch_add(&working, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    gp_respond_error(request, 418, "done");
    atomic_fetch_add(&done, 1);
    gp_request_resume(request);
}

static void wait_for_working(int n)
{
    for (int i = 0; i < 60000 && atomic_load(&working) < n; i++) a_moment();
    assert_int_equal(atomic_load(&working), n);
}

static gp_server *start(gp_serve_setup *setup, int threads, size_t waiting)
{
    gp_error err = {0};
    gp_server *s = server_new(setup, NULL);
    assert_ok(gp_worker_pool_open(s, threads, waiting, &s->general_pool, &err));
    atomic_store(&working, 0), atomic_store(&done, 0);
    return s;
}

/* A rejected request is answered at once, by the thread that passed it to the pool. */
static void assert_refused(account *a, unsigned status)
{
    assert_int_equal(a->request->status, status);
    assert_int_equal(atomic_load(&a->suspended), 0);
    account_close(a);
}

static void each_is_done_once(void **state)
{
    (void)state;
    enum { N = 300 };
    static account accounts[N];
    gp_serve_setup setup;
    gp_server *s = start(&setup, 3, N);
    for (int i = 0; i < N; i++) assert_true(gp_worker_pool_take(s->general_pool, account_open(&accounts[i], s), work));
    for (int i = 0; i < N; i++) assert_int_equal(status_of(&accounts[i]), 418);
    server_free(s);
    for (int i = 0; i < N; i++) {
        assert_int_equal(accounts[i].suspended, 1);
        assert_int_equal(accounts[i].resumed, 1);
    }
    assert_int_equal(done, N);
}

static void only_so_many_wait(void **state)
{
    (void)state;
    enum { MOST = 4 };
    account accounts[MOST + 4];
    gp_serve_setup setup;
    gp_server *s = start(&setup, 1, MOST);
    for (int round = 1; round <= 3; round++) { /* the count returns to 0 */
        atomic_store(&working, 0);
        pthread_mutex_lock(&gate);
        assert_true(gp_worker_pool_take(s->general_pool, account_open(&accounts[0], s), work));
        wait_for_working(1);
        for (int i = 1; i <= MOST; i++)
            assert_true(gp_worker_pool_take(s->general_pool, account_open(&accounts[i], s), work));
        for (int i = MOST + 1; i < MOST + 4; i++) { /* the pool also rejects the request when it is repeated */
            assert_false(gp_worker_pool_take(s->general_pool, account_open(&accounts[i], s), work));
            assert_refused(&accounts[i], 429);
        }
        assert_int_equal(atomic_load(&working), 1);
        pthread_mutex_unlock(&gate);
        for (int i = 0; i <= MOST; i++) assert_int_equal(status_of(&accounts[i]), 418);
        assert_int_equal(atomic_load(&done), round * (MOST + 1));
    }
    server_free(s);
}

static void the_rest_is_answered_at_the_end(void **state)
{
    (void)state;
    enum { N = 20 };
    account accounts[N];
    gp_serve_setup setup;
    gp_server *s = start(&setup, 2, N);
    pthread_mutex_lock(&gate);
    for (int i = 0; i < N; i++) assert_true(gp_worker_pool_take(s->general_pool, account_open(&accounts[i], s), work));
    wait_for_working(2);
    atomic_store(&s->stopping, true);
    pthread_mutex_unlock(&gate);
    gp_worker_pool_close(s->general_pool); /* gp_worker_pool_close returns when all requests are answered */
    s->general_pool = NULL;
    for (int i = 0; i < N; i++) {
        assert_int_equal(atomic_load(&accounts[i].status), i < 2 ? 418 : 503);
        assert_int_equal(atomic_load(&accounts[i].resumed), 1);
    }
    server_free(s);
}

/* ------------------------------------------------------------------ many requests at once */

enum { ASKERS = 4, EACH = 400, FEW = 8 };
typedef struct asking {
    gp_server *server;
    account accounts[ASKERS][EACH];
    atomic_int taken, refused;
} asking;

static void ask_many(void *user, int index)
{
    asking *a = user;
    for (int i = 0; i < EACH; i++) {
        account *mine = &a->accounts[index][i];
        if (gp_worker_pool_take(a->server->general_pool, account_open(mine, a->server), work)) {
            atomic_fetch_add(&a->taken, 1);
        } else {
            assert_refused(mine, 429);
            atomic_fetch_add(&a->refused, 1);
        }
    }
}

static void many_ask_at_once(void **state)
{
    (void)state;
    static asking a;
    gp_error err = {0};
    gp_threads *threads = NULL;
    gp_serve_setup setup;
    account last[FEW];
    a.server = start(&setup, 2, FEW);
    assert_ok(gp_threads_start(ASKERS, ask_many, &a, &threads, &err));
    gp_threads_join(threads);
    for (int k = 0; k < ASKERS; k++)
        for (int i = 0; i < EACH; i++) assert_int_not_equal(status_of(&a.accounts[k][i]), 0);
    assert_int_equal(a.taken + a.refused, ASKERS * EACH);
    assert_int_equal(done, a.taken);
    assert_true(a.taken >= FEW);
    /* no request waits now, so the full limit is available */
    for (int i = 0; i < FEW; i++)
        assert_true(gp_worker_pool_take(a.server->general_pool, account_open(&last[i], a.server), work));
    for (int i = 0; i < FEW; i++) assert_int_equal(status_of(&last[i]), 418);
    server_free(a.server);
}

static void memory_may_fail(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_serve_setup setup;
    gp_server *s = server_new(&setup, NULL);
    int64_t live = gp_mem_live();
    gp_mem_fail_at(0);
    assert_ok(gp_worker_pool_open(s, 2, 3, &s->general_pool, &err));
    uint64_t seen = gp_mem_fail_at(0);
    gp_worker_pool_close(s->general_pool);
    s->general_pool = NULL;
    assert_true(seen >= 3);
    for (uint64_t k = 1; k <= seen; k++) {
        gp_mem_fail_at(k);
        assert_int_equal(gp_worker_pool_open(s, 2, 3, &s->general_pool, &err), GP_ERR_MEMORY);
        gp_mem_fail_at(0);
        assert_null(s->general_pool);
        assert_int_equal(gp_mem_live(), live);
    }
    server_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_done_once),
        cmocka_unit_test(only_so_many_wait),
        cmocka_unit_test(the_rest_is_answered_at_the_end),
        cmocka_unit_test(many_ask_at_once),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
