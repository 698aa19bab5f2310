/* SPDX-License-Identifier: MIT
 * Jobs on worker threads, with results back in order.  The calling thread makes jobs and takes their results; in
 * between they run on `threads` workers.  At most `window` jobs exist at once (bounded queues both ways), and results
 * are taken in the order in which the jobs were made, so that what is written does not depend on the number of threads.
 */
#ifndef GP_ENCODE_PIPELINE_H
#define GP_ENCODE_PIPELINE_H

#include "base/status.h"

typedef struct gp_pipeline {
    int threads;
    size_t window;
    /* Make the next job; *job NULL: there are no more.  Calling thread. */
    gp_status (*next)(void *user, void **job, gp_error *err);
    /* Do it.  Any worker; `thread` is 0..threads-1.  What goes wrong is written into the job. */
    void (*work)(void *user, int thread, void *job);
    /* Take the result and free the job, in order.  A status other than OK ends the pipe.  Calling thread. */
    gp_status (*take)(void *user, void *job, gp_error *err);
    /* Free a job whose result is not wanted any more (after a failure). */
    void (*drop)(void *user, void *job);
} gp_pipeline;

/* Runs until next() has no more jobs or something fails.  next() or take() returning GP_ERR_STOPPED is an orderly end:
 * no new jobs, those under way are finished and taken, then GP_ERR_STOPPED is returned. */
gp_status gp_pipeline_run(const gp_pipeline *pipe, void *user, gp_error *err);

/* 0 or less: the processors of this machine. */
int gp_pipeline_threads(int wanted);

#endif
