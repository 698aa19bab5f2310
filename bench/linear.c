/* SPDX-License-Identifier: MIT
 * Measures gp_linear: billions of operations per second of one thread (a multiplication and its addition are two), by
 * engine and precision.  Layers of ViT-B/32 (8 images: 400 rows) and ViT-L/14 (4 images: 1028 rows).  CPU time, best of
 * five. */
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/linear.h"

#include <stdio.h>
#include <time.h>

typedef struct shape {
    const char *name;
    size_t m, out, in;
} shape;

static const shape shapes[] = {
    {"B/32 qkv", 400, 2304, 768},   {"B/32 out", 400, 768, 768},    {"B/32 fc1", 400, 3072, 768},
    {"B/32 fc2", 400, 768, 3072},   {"B/32 head", 8, 512, 768},     {"L/14 qkv", 1028, 3072, 1024},
    {"L/14 out", 1028, 1024, 1024}, {"L/14 fc1", 1028, 4096, 1024}, {"L/14 fc2", 1028, 1024, 4096},
};

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *floats(size_t n)
{
    float *x = gp_mem_aligned(n, sizeof *x);
    for (size_t i = 0; x && i < n; i++) x[i] = (float)((double)(gp_rng_at(1, i) >> 11) * 0x1p-52 - 1.0);
    return x;
}

static gp_status measure(const shape *s, gp_engine engine, gp_precision precision, const float *weight, const float *x,
                         float *y, gp_error *err)
{
    gp_linear *linear = NULL;
    char name[64];
    double start = cpu_now();
    GP_TRY(gp_linear_new(weight, GP_F32, NULL, s->out, s->in, precision, engine, &linear, err));
    double packing = cpu_now() - start, best = 1e9;
    void *scratch = gp_mem_aligned(gp_linear_scratch(linear, s->m), 1);
    gp_status st = scratch ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory");
    for (int i = 0; i < 5 && st == GP_OK; i++) {
        start = cpu_now();
        st = gp_linear_run(linear, x, y, s->m, NULL, scratch, err);
        double took = cpu_now() - start;
        best = took < best ? took : best;
    }
    gp_linear_describe(engine, precision, name, sizeof name);
    if (st == GP_OK)
        printf("%-10s %5zu x %4zu x %4zu  %-14s %s %8.1f GFLOP/s   packed in %.1f ms\n", s->name, s->m, s->out, s->in,
               name, gp_precision_name(precision), 2e-9 * (double)s->m * (double)s->out * (double)s->in / best,
               packing * 1e3);
    gp_mem_free(scratch);
    gp_linear_free(linear);
    return st;
}

int main(void)
{
    static const gp_engine engines[] = {GP_ENGINE_ONEDNN, GP_ENGINE_PLAIN};
    static const gp_precision precisions[] = {GP_PRECISION_FP32, GP_PRECISION_BF16, GP_PRECISION_INT8};
    gp_error err = {0};
    float *weight = floats(4096 * 1024), *x = floats(gp_linear_padded_rows(1028) * 4096),
          *y = floats(gp_linear_padded_rows(1028) * 4096);
    gp_status st = weight && x && y ? GP_OK : GP_ERR_MEMORY;
    for (size_t e = 0; e < 2; e++)
        for (size_t p = 0; p < (e ? 3 : 2); p++)
            for (size_t s = 0; s < sizeof shapes / sizeof shapes[0] && st == GP_OK; s++) {
                st = measure(&shapes[s], engines[e], precisions[p], weight, x, y, &err);
                if (st == GP_ERR_UNSUPPORTED) st = GP_OK; /* goldpan was built without oneDNN */
            }
    if (st != GP_OK) fprintf(stderr, "bench_linear: %s\n", err.message);
    gp_mem_free(y);
    gp_mem_free(x);
    gp_mem_free(weight);
    return st != GP_OK;
}
