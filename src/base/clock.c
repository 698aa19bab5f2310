/* SPDX-License-Identifier: MIT
 * Monotonic time, and progress reports at most ten times a second. */
#include "base/clock.h"

#include <time.h>

static const double interval = 0.1;

static double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double gp_clock_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double gp_clock_thread_cpu(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

double gp_clock_process_cpu(void)
{
    return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

bool gp_clock_wait(double seconds, bool (*go_on)(void *user), void *user)
{
    double until = gp_clock_now() + seconds;
    for (;;) {
        if (go_on && !go_on(user)) return false;
        double left = until - gp_clock_now();
        if (left <= 0) return true;
        if (left > interval) left = interval;
        nanosleep(&(struct timespec){0, (long)(left * 1e9)}, NULL);
    }
}

void gp_progress_meter_init(gp_progress_meter *ticker, const char *stage, uint64_t total, gp_progress_fn fn, void *user)
{
    double now = gp_clock_now();
    *ticker = (gp_progress_meter){.fn = fn, .user = user, .state = {.stage = stage, .total = total}, .started = now};
    ticker->last = now - interval; /* so that the first update reports at once */
}

static void report(gp_progress_meter *ticker, double now)
{
    ticker->last = now;
    ticker->state.seconds = now - ticker->started;
    if (ticker->fn && !ticker->fn(ticker->user, &ticker->state)) ticker->stopped = true;
}

bool gp_progress_meter_update(gp_progress_meter *ticker, uint64_t done, uint64_t failed)
{
    ticker->state.done = done;
    ticker->state.failed = failed;
    double now = gp_clock_now();
    if (now - ticker->last >= interval) report(ticker, now);
    return !ticker->stopped;
}

void gp_progress_meter_finish(gp_progress_meter *ticker)
{
    report(ticker, gp_clock_now());
}

gp_status gp_watch_work(gp_watch *watch, size_t bytes, gp_error *err)
{
    if (!watch || !watch->go_on) return GP_OK;
    watch->work += bytes;
    if (watch->work < (4u << 20)) return GP_OK;
    watch->work = 0;
    return watch->go_on(watch->user) ? GP_OK : gp_fail(err, GP_ERR_STOPPED, "stopped");
}
