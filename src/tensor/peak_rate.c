/* SPDX-License-Identifier: MIT
 * All threads start together, repeat a loop for the given time, and report their operations per second.  The time is
 * the CPU time of the thread.  So other programs do not lower the rate; lower clock speeds and shared cores do. */
#include "tensor/peak_rate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

enum { ROUNDS = 1 << 14 }; /* rounds between two readings of the clock: about 50 microseconds */

typedef struct measurement {
    const gp_peak_loop *loop;
    double seconds;
    double *rates; /* [threads] */
} measurement;

static void run(void *user, int index)
{
    measurement *r = user;
    r->loop->run(ROUNDS); /* warm up: CPUs run the first instructions with wide registers slowly */
    const double start = gp_clock_thread_cpu();
    double now;
    uint64_t calls = 0;
    do {
        r->loop->run(ROUNDS);
        calls++;
        now = gp_clock_thread_cpu();
    } while (now - start < r->seconds);
    r->rates[index] = 2.0 * (double)ROUNDS * (double)calls * r->loop->products / (now - start);
}

gp_status gp_peak_measure(const gp_peak_loop *loop, int threads, double seconds, int tries, double *rate, gp_error *err)
{
    measurement r = {.loop = loop, .seconds = seconds};
    double best = 0;
    const int processors = gp_thread_processors();
    gp_status st = GP_OK;
    if (threads < 1) threads = processors;
    GP_TRY(gp_alloc((void **)&r.rates, (size_t)threads, sizeof *r.rates, "a list of threads", err));
    for (int i = 0; i < tries; i++) {
        gp_threads *group = NULL;
        double sum = 0;
        GP_TRY_GOTO(gp_threads_start(threads, run, &r, &group, err));
        gp_threads_join(group);
        for (int k = 0; k < threads; k++) sum += r.rates[k];
        /* The rate is per second of CPU time.  With more threads than processors, each thread gets only a share of a
         * processor. */
        if (threads > processors) sum *= (double)processors / threads;
        if (sum > best) best = sum;
    }
    *rate = best;
out:
    gp_mem_free(r.rates);
    return st;
}
