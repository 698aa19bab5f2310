/* SPDX-License-Identifier: MIT
 * Shared by the checks of kernels (check_kernels.c): random numbers, buffers with canaries, error statistics, and
 * timing. */
#ifndef GP_TESTS_KERNELS_HARNESS_H
#define GP_TESTS_KERNELS_HARNESS_H

#include "kernel/kernel.h"

uint64_t draw(void);
size_t below(size_t n);
float draw_float(void); /* -1..1 */
/* Returns `bytes` bytes at an address that is a multiple of `align`, but not of 2 * align (align 0: a multiple of
 * 64). */
void *take(size_t bytes, size_t align);
float *take_floats(size_t n, size_t align);
void buffers_done(void);
void complain(const char *what);
void same(const void *a, const void *b, size_t bytes);
void near(double value, double wanted, double unit, double tolerance);
double cpu_now(void);

/* Runs `call` seven times and prints the rate of the fastest run, amount / 1e9 per second. unit: the unit of this rate,
 * such as "GB/s". */
#define BENCH(label, amount, unit, call)                                                                               \
    do {                                                                                                               \
        double bench_best = 1e9;                                                                                       \
        for (int bench_i = 0; bench_i < 7; bench_i++) {                                                                \
            double bench_start = cpu_now();                                                                            \
            call;                                                                                                      \
            double bench_took = cpu_now() - bench_start;                                                               \
            bench_best = bench_took < bench_best ? bench_took : bench_best;                                            \
        }                                                                                                              \
        printf("%-22s %-6s %8.2f %s\n", label, k->name, (double)(amount) / bench_best * 1e-9, unit);                   \
    } while (0)

/* defined in check_eight.c */
void check_quantise(const gp_kernels *k);
void check_multiply8(const gp_kernels *k);
void check_dequantise(const gp_kernels *k);
void bench_eight(const gp_kernels *k);

#endif
