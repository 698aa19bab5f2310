/* SPDX-License-Identifier: MIT
 * The task closes a queue when it ends.  The calling thread waits on this queue, at most WAIT milliseconds at a time,
 * and reports progress between two waits. */
#include "base/task.h"

#include "base/clock.h"
#include "base/thread.h"

enum { WAIT = 50 };

typedef struct run {
    gp_task task;
    gp_status (*work)(void *user, gp_task *task, gp_error *err);
    void *user;
    gp_queue *ended;
    gp_status status;
    gp_error error;
} run;

static void do_work(void *user, int index)
{
    run *r = user;
    (void)index;
    r->status = r->work(r->user, &r->task, &r->error);
    gp_queue_close(r->ended);
}

static gp_status run_watched(run *r, const gp_task_options *o, gp_error *err)
{
    gp_threads *thread = NULL;
    gp_progress_meter meter;
    void *none;
    gp_progress_meter_init(&meter, o->stage, o->items, o->progress, o->user);
    if (!gp_progress_meter_update(&meter, 0, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    GP_TRY(gp_queue_new(1, &r->ended, err));
    gp_status st = gp_threads_start(1, do_work, r, &thread, err);
    while (st == GP_OK && gp_queue_get_within(r->ended, &none, WAIT) == 0) {
        double share = o->units > 0 ? (double)atomic_load(&r->task.done) / o->units : 0;
        uint64_t done = (uint64_t)((share < 1 ? share : 1) * (double)o->items);
        if (!meter.stopped && !gp_progress_meter_update(&meter, done, 0)) atomic_store(&r->task.stop, true);
    }
    gp_threads_join(thread);
    gp_queue_free(r->ended);
    if (st != GP_OK) return st;
    if (r->status == GP_OK) meter.state.done = o->items;
    gp_progress_meter_finish(&meter);
    return r->status == GP_OK ? GP_OK : gp_fail_as(err, r->status, &r->error);
}

gp_status gp_task_run(const gp_task_options *options, gp_status (*work)(void *user, gp_task *task, gp_error *err),
                      void *user, gp_error *err)
{
    run r = {.work = work, .user = user};
    r.task.threads = options->threads > 0 ? options->threads : gp_thread_processors();
    atomic_init(&r.task.stop, false);
    atomic_init(&r.task.done, 0);
    return options->progress ? run_watched(&r, options, err) : work(user, &r.task, err);
}

gp_status gp_task_each(const gp_task *task, void (*body)(void *user, int index), void *user, gp_error *err)
{
    gp_threads *running = NULL;
    if (gp_task_threads(task) == 1) {
        body(user, 0);
        return GP_OK;
    }
    GP_TRY(gp_threads_start(gp_task_threads(task), body, user, &running, err));
    gp_threads_join(running);
    return GP_OK;
}

int gp_task_threads(const gp_task *task)
{
    return task ? task->threads : 1;
}

bool gp_task_stopped(const gp_task *task)
{
    return task && atomic_load_explicit(&task->stop, memory_order_relaxed);
}

void gp_task_add(gp_task *task, uint64_t units)
{
    if (task) atomic_fetch_add_explicit(&task->done, units, memory_order_relaxed);
}

gp_status gp_task_check(const gp_task *task, gp_error *err)
{
    return gp_task_stopped(task) ? gp_fail(err, GP_ERR_STOPPED, "stopped") : GP_OK;
}
