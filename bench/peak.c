/* SPDX-License-Identifier: MIT
 * Measures the peak rate of this machine, per core and with all threads, with every loop of kernel/peak.h that it can
 * run.
 *
 *     bench_peak [--threads N] [--seconds S] [--tries N]
 *
 * GFLOP/s for floats, GOP/s for bytes; a product and its addition are two operations.  GOLDPAN_CPU removes instruction
 * sets.  The last column is the rate of all threads divided by the rate of one: two threads on one core are hardly
 * faster than one. */
#include "base/str.h"
#include "base/thread.h"
#include "tensor/peak_rate.h"

#include <stdio.h>
#include <string.h>

static gp_status show(gp_peak_kind kind, const gp_peak_loop *loop, int threads, double seconds, int tries,
                      gp_error *err)
{
    double one = 0, all = 0;
    const char *unit = kind == GP_PEAK_INT8 ? "GOP/s" : "GFLOP/s";
    GP_TRY(gp_peak_measure(loop, 1, seconds, tries, &one, err));
    GP_TRY(gp_peak_measure(loop, threads, seconds, tries, &all, err));
    printf("%-5s %-12s %9.1f %s a core %9.1f %s with %d thread%s (%.2f)\n", gp_peak_kind_name(kind), loop->name,
           one / 1e9, unit, all / 1e9, unit, threads, threads == 1 ? "" : "s", all / one);
    fflush(stdout);
    return GP_OK;
}

int main(int argc, char **argv)
{
    uint64_t threads = (uint64_t)gp_thread_processors(), tries = 5;
    double seconds = 0.2;
    gp_error err = {0};
    gp_status st = GP_OK;
    bool good = argc % 2 == 1;
    for (int i = 1; i + 1 < argc && good; i += 2) {
        if (strcmp(argv[i], "--threads") == 0)
            good = gp_parse_u64(argv[i + 1], &threads) && threads >= 1 && threads <= 4096;
        else if (strcmp(argv[i], "--tries") == 0)
            good = gp_parse_u64(argv[i + 1], &tries) && tries >= 1 && tries <= 1000;
        else
            good = strcmp(argv[i], "--seconds") == 0 && gp_parse_double(argv[i + 1], &seconds) && seconds > 0;
    }
    if (!good) {
        fprintf(stderr, "usage: bench_peak [--threads N] [--seconds S] [--tries N]\n");
        return 2;
    }
    for (int kind = 0; kind < GP_PEAK_KINDS && st == GP_OK; kind++)
        for (size_t i = 0; st == GP_OK; i++) {
            const gp_peak_loop *loop = gp_peak_loop_at((gp_peak_kind)kind, i);
            if (!loop && i == 0) printf("%-5s no instruction for it here\n", gp_peak_kind_name((gp_peak_kind)kind));
            if (!loop) break;
            st = show((gp_peak_kind)kind, loop, (int)threads, seconds, (int)tries, &err);
        }
    if (st != GP_OK) fprintf(stderr, "bench_peak: %s\n", err.message);
    return st != GP_OK;
}
