/* SPDX-License-Identifier: MIT
 * A task: a long computation that reports progress and can be stopped.  If there is a progress function, the task runs
 * on a thread of its own, and the calling thread calls the progress function until the task ends.  So the progress
 * function is called regularly, even if a step of the computation takes long. */
#ifndef GP_BASE_TASK_H
#define GP_BASE_TASK_H

#include "base/status.h"

#include <stdatomic.h>

/* A running computation.  The functions of the computation get it as an argument.  If the argument is NULL, the
 * functions use one thread, report no progress and cannot be stopped. */
typedef struct gp_task {
    int threads;               /* at least 1 */
    atomic_bool stop;          /* a stop was requested: return GP_ERR_STOPPED soon */
    atomic_uint_fast64_t done; /* units of work */
} gp_task;

typedef struct gp_task_options {
    const char *stage;
    uint64_t items; /* total number of items in the progress reports */
    double units;   /* expected sum of all gp_task_add */
    int threads;    /* 0: all processors */
    gp_progress_fn progress;
    void *user;
} gp_task_options;

/* Runs work(user, task).  Calls `progress` before the work, about ten times a second, and once at the end.  If the
 * first call requests a stop, returns GP_ERR_STOPPED without calling `work`.  Otherwise returns the status that `work`
 * returns.  This status may be GP_OK even if a later call requested a stop: the result is then complete. */
gp_status gp_task_run(const gp_task_options *options, gp_status (*work)(void *user, gp_task *task, gp_error *err),
                      void *user, gp_error *err);

/* Calls body(user, i) for i in 0..threads-1, each on its own thread, and waits for all threads. */
gp_status gp_task_each(const gp_task *task, void (*body)(void *user, int index), void *user, gp_error *err);

int gp_task_threads(const gp_task *task);
bool gp_task_stopped(const gp_task *task);
void gp_task_add(gp_task *task, uint64_t units);
/* Returns GP_ERR_STOPPED if a stop was requested. */
gp_status gp_task_check(const gp_task *task, gp_error *err);

#endif
