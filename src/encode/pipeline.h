/* SPDX-License-Identifier: MIT
 * Runs jobs on worker threads.  The calling thread creates jobs and takes their results; `threads` workers run the
 * jobs. At most `window` jobs exist at a time.  Results are taken in the order in which the jobs were created, so they
 * do not depend on the number of threads. */
#ifndef GP_ENCODE_PIPELINE_H
#define GP_ENCODE_PIPELINE_H

#include "base/status.h"

typedef struct gp_pipeline {
    int threads;
    size_t window;
    /* Creates the next job; sets *job to NULL if there are no more jobs.  Runs on the calling thread. */
    gp_status (*next)(void *user, void **job, gp_error *err);
    /* Runs the job, and stores errors in the job.  Runs on a worker; `thread` is 0..threads-1. */
    void (*work)(void *user, int thread, void *job);
    /* Takes the result and frees the job.  An error ends the pipeline.  Runs on the calling thread. */
    gp_status (*take)(void *user, void *job, gp_error *err);
    /* Called about 20 times a second while the calling thread waits for a job; may be NULL.  Runs on the calling
     * thread. */
    gp_status (*idle)(void *user, gp_error *err);
    /* Frees a job without taking its result, after an error.  Runs on the calling thread. */
    void (*drop)(void *user, void *job);
} gp_pipeline;

/* Runs until next() has no more jobs, or next(), take() or idle() fails.  After GP_ERR_STOPPED no new jobs are
 * created, but the jobs in progress are finished and taken; then GP_ERR_STOPPED is returned.  After any other error
 * the jobs in progress are finished, but their results are dropped. */
gp_status gp_pipeline_run(const gp_pipeline *pipe, void *user, gp_error *err);

/* Returns `wanted` if it is above 0, else the number of processors. */
int gp_pipeline_threads(int wanted);

#endif
