/* SPDX-License-Identifier: MIT
 * Monotonic time, CPU time, and progress reports that can request a stop. */
#ifndef GP_BASE_CLOCK_H
#define GP_BASE_CLOCK_H

#include "base/status.h"

double gp_clock_now(void); /* monotonic time in seconds */
/* Return the CPU time, in seconds, of the calling thread and of the whole process. */
double gp_clock_thread_cpu(void);
double gp_clock_process_cpu(void);
/* Waits `seconds`.  Calls go_on (may be NULL) at the start, ten times a second and at the end.  Returns false as soon
 * as go_on returns false. */
bool gp_clock_wait(double seconds, bool (*go_on)(void *user), void *user);

/* A progress meter limits the calls of a gp_progress_fn to ten per second. */
typedef struct gp_progress_meter {
    gp_progress_fn fn;
    void *user;
    gp_progress state;
    double started, last;
    bool stopped; /* the callback has requested a stop */
} gp_progress_meter;
void gp_progress_meter_init(gp_progress_meter *ticker, const char *stage, uint64_t total, gp_progress_fn fn,
                            void *user);
/* Reports progress.  Returns false if the caller should stop. */
bool gp_progress_meter_update(gp_progress_meter *ticker, uint64_t done, uint64_t failed);
/* Sends the final report, even if less than a tenth of a second has passed since the previous report. */
void gp_progress_meter_finish(gp_progress_meter *ticker);

/* Lets loops over untrusted bytes be stopped.  The loop passes the number of bytes that it has processed to
 * gp_watch_work.  After every 4 MiB gp_watch_work calls `go_on`.  If `go_on` returns false, gp_watch_work returns
 * GP_ERR_STOPPED and the loop ends.  A NULL watch or a NULL `go_on` never stops the loop. */
typedef struct gp_watch {
    bool (*go_on)(void *user);
    void *user;
    size_t work; /* bytes since the last call of go_on */
} gp_watch;
gp_status gp_watch_work(gp_watch *watch, size_t bytes, gp_error *err);

#endif
