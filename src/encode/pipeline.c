/* SPDX-License-Identifier: MIT
 * Two bounded queues, and a ring buffer that restores the order of the results.  Finished job i waits in slot i %
 * window until the results of all jobs before it have been taken.  At most `window` jobs are created but not yet taken.
 */
#include "encode/pipeline.h"

#include "base/mem.h"
#include "base/thread.h"

enum { WAIT = 50 }; /* milliseconds */

typedef struct ticket {
    uint64_t number;
    void *job;
} ticket;

typedef struct state {
    const gp_pipeline *pipe;
    void *user;
    gp_queue *todo, *finished;
    ticket *tickets; /* [window] */
    void **ring;     /* [window] finished jobs that wait for their turn */
    uint64_t made, taken;
    bool ended;  /* no new jobs are created */
    bool failed; /* results are dropped */
} state;

int gp_pipeline_threads(int wanted)
{
    return wanted > 0 ? wanted : gp_thread_processors();
}

static void worker(void *user, int index)
{
    state *s = user;
    void *item;
    while (gp_queue_get(s->todo, &item)) {
        ticket *t = item;
        s->pipe->work(s->user, index, t->job);
        gp_queue_put(s->finished, t);
    }
}

/* Creates jobs until `window` jobs are in the pipeline. */
static gp_status fill(state *s, gp_error *err)
{
    while (!s->ended && s->made - s->taken < s->pipe->window) {
        void *job = NULL;
        GP_TRY(s->pipe->next(s->user, &job, err));
        if (!job) {
            s->ended = true;
            break;
        }
        ticket *t = &s->tickets[s->made % s->pipe->window];
        t->number = s->made++;
        t->job = job;
        gp_queue_put(s->todo, t); /* never blocks: the queue has room for `window` jobs */
    }
    return GP_OK;
}

/* Waits for one finished job.  Sets *out to NULL if idle() fails. */
static gp_status wait_for(state *s, ticket **out, gp_error *err)
{
    void *item = NULL;
    gp_status st = GP_OK;
    if (!s->pipe->idle)
        gp_queue_get(s->finished, &item);
    else
        while (st == GP_OK && gp_queue_get_within(s->finished, &item, WAIT) == 0) st = s->pipe->idle(s->user, err);
    *out = item;
    return st;
}

/* Waits for one finished job.  Then takes the results of finished jobs, in order, up to the first job that is not
 * finished. */
static gp_status drain(state *s, gp_error *err)
{
    ticket *t;
    gp_status st = wait_for(s, &t, err);
    if (!t) return st;
    s->ring[t->number % s->pipe->window] = t->job;
    for (;;) {
        size_t slot = s->taken % s->pipe->window;
        void *job = s->ring[slot];
        if (!job) return st;
        s->ring[slot] = NULL;
        s->taken++;
        if (s->failed || (st != GP_OK && st != GP_ERR_STOPPED)) {
            s->pipe->drop(s->user, job);
            continue;
        }
        gp_status one = s->pipe->take(s->user, job, err);
        if (st == GP_OK || (one != GP_OK && one != GP_ERR_STOPPED)) st = one;
    }
}

static gp_status loop(state *s, gp_error *err)
{
    gp_status result = GP_OK;
    while (!s->ended || s->taken < s->made) {
        gp_status st = fill(s, err);
        /* report the first error; a later error replaces only GP_ERR_STOPPED */
        if (st == GP_OK && s->taken < s->made) st = drain(s, s->failed ? NULL : err);
        if (st == GP_OK) continue;
        s->ended = true;
        if (st != GP_ERR_STOPPED) s->failed = true;
        if (result == GP_OK || (result == GP_ERR_STOPPED && st != GP_ERR_STOPPED)) result = st;
    }
    return result;
}

gp_status gp_pipeline_run(const gp_pipeline *pipe, void *user, gp_error *err)
{
    state s = {.pipe = pipe, .user = user};
    gp_threads *threads = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&s.tickets, pipe->window, sizeof *s.tickets, "pipeline", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.ring, pipe->window, sizeof *s.ring, "pipeline", err));
    for (size_t i = 0; i < pipe->window; i++) s.ring[i] = NULL;
    GP_TRY_GOTO(gp_queue_new(pipe->window, &s.todo, err));
    GP_TRY_GOTO(gp_queue_new(pipe->window, &s.finished, err));
    GP_TRY_GOTO(gp_threads_start(pipe->threads, worker, &s, &threads, err));
    st = loop(&s, err);
out:
    if (s.todo) gp_queue_close(s.todo);
    gp_threads_join(threads);
    gp_queue_free(s.finished);
    gp_queue_free(s.todo);
    gp_mem_free(s.ring);
    gp_mem_free(s.tickets);
    return st;
}
