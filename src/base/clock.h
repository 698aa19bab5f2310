/* SPDX-License-Identifier: MIT
 * Monotonic seconds, and progress that is throttled and can ask to stop. */
#ifndef GP_BASE_CLOCK_H
#define GP_BASE_CLOCK_H

#include "base/status.h"

double gp_clock_now(void); /* monotonic, seconds */
/* Seconds that processors worked for the calling thread, or for the whole process. */
double gp_clock_thread_cpu(void);
double gp_clock_process_cpu(void);
/* Wait, asking go_on (may be NULL) at the start, ten times a second and at the end.  False: it said stop. */
bool gp_clock_wait(double seconds, bool (*go_on)(void *user), void *user);

/* Calls a gp_progress_fn at most ten times a second. */
typedef struct gp_progress_meter {
    gp_progress_fn fn;
    void *user;
    gp_progress state;
    double started, last;
    bool stopped; /* the callback has asked to stop */
} gp_progress_meter;
void gp_progress_meter_init(gp_progress_meter *ticker, const char *stage, uint64_t total, gp_progress_fn fn,
                            void *user);
/* Report; false when the caller should stop. */
bool gp_progress_meter_update(gp_progress_meter *ticker, uint64_t done, uint64_t failed);
/* The last report, never throttled. */
void gp_progress_meter_finish(gp_progress_meter *ticker);

/* Long loops over foreign bytes report their work here.  `go_on` is called after every 4 MiB of work.  If it returns
 * false, the loop ends with GP_ERR_STOPPED.  A NULL watch or `go_on` never stops the loop. */
typedef struct gp_watch {
    bool (*go_on)(void *user);
    void *user;
    size_t work; /* bytes since the last call of go_on */
} gp_watch;
gp_status gp_watch_work(gp_watch *watch, size_t bytes, gp_error *err);

#endif
