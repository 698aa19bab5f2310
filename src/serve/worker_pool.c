/* SPDX-License-Identifier: MIT
 * Worker pools. The polling thread suspends a request, a thread of a pool does the work, and then the request is
 * resumed. The queue has space for the maximum number of waiting requests, so the polling thread never blocks on it. */
#include "serve/server_private.h"

#include "base/mem.h"

struct gp_worker_pool {
    gp_server *server;
    gp_queue *queue;
    gp_threads *threads;
    size_t most;
    atomic_size_t waiting;
};

static void work(void *user, int index)
{
    gp_worker_pool *pool = user;
    void *item;
    (void)index;
    while (gp_queue_get(pool->queue, &item)) {
        gp_request *request = item;
        atomic_fetch_sub(&pool->waiting, 1);
        bool stopping = atomic_load(&pool->server->stopping);
        if (stopping && request->route.kind == GP_ROUTE_THUMB) {
            gp_thumbs_refuse(request);
        } else if (stopping) {
            gp_respond_error(request, 503, "the explorer is closing");
            gp_request_resume(request);
        } else {
            request->work(request);
        }
    }
}

gp_status gp_worker_pool_open(gp_server *server, int threads, size_t waiting, gp_worker_pool **out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_worker_pool *pool = gp_mem_zero(1, sizeof *pool);
    if (!pool) return gp_fail_memory(err, "the server's threads");
    pool->server = server;
    pool->most = waiting;
    GP_TRY_GOTO(gp_queue_new(waiting, &pool->queue, err));
    GP_TRY_GOTO(gp_threads_start(threads, work, pool, &pool->threads, err));
    *out = pool;
    pool = NULL;
out:
    gp_worker_pool_close(pool);
    return st;
}

void gp_worker_pool_stop(gp_worker_pool *pool)
{
    if (!pool) return;
    if (pool->queue) gp_queue_close(pool->queue);
    gp_threads_join(pool->threads);
    pool->threads = NULL;
}

void gp_worker_pool_close(gp_worker_pool *pool)
{
    if (!pool) return;
    gp_worker_pool_stop(pool);
    gp_queue_free(pool->queue);
    gp_mem_free(pool);
}

bool gp_worker_pool_take(gp_worker_pool *pool, gp_request *request, void (*todo)(gp_request *request))
{
    if (atomic_fetch_add(&pool->waiting, 1) >= pool->most) {
        atomic_fetch_sub(&pool->waiting, 1);
        gp_respond_refusal(request,
                           &(gp_refusal){.status = 429,
                                         .retry = 1,
                                         .message = "too many requests at once: send this one again a little later"});
        return false;
    }
    request->work = todo;
    gp_request_suspend(request);
    if (gp_queue_put(pool->queue, request)) return true;
    atomic_fetch_sub(&pool->waiting, 1); /* the pool is closed */
    gp_respond_error(request, 503, "the explorer is closing");
    gp_request_resume(request);
    return false;
}

void gp_request_suspend(gp_request *request)
{
    request->suspended = true;
    MHD_suspend_connection(request->connection);
}

void gp_request_resume(gp_request *request)
{
    MHD_resume_connection(request->connection);
}
