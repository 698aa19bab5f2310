/* SPDX-License-Identifier: MIT
 * The guarantee that an image's score does not depend on the other images of its batch: a row of gp_linear's result has
 * the same bits whatever the number of rows, its position, and the other rows.  The test runs again in child processes
 * in which oneDNN is limited to SSE4.1, AVX and AVX2, because its kernels differ there. */
#include "linear_support.h"

#include <sys/wait.h>

enum { MOST = 420, KINDS = 16 }; /* MOST: maximum rows of a call; KINDS: number of different rows */

/* Runs the layer on a random number m of rows, followed by padding of NaN.  Each row is a copy of one of the `KINDS`
 * rows.  The result of each row must equal the result of this kind in `alone` [KINDS, out]. */
static void one_call(const gp_linear *linear, const float *kinds, const float *alone, size_t out, size_t in,
                     uint64_t seed)
{
    size_t m = 1 + gp_rng_at(seed, 0) % MOST, rows = gp_linear_padded_rows(m);
    float *x = random_floats(seed, rows * in);
    size_t which[MOST + 16];
    for (size_t r = 0; r < rows; r++) {
        which[r] = gp_rng_at(seed, r + 1) % KINDS;
        for (size_t i = 0; i < in; i++) x[r * in + i] = r < m ? kinds[which[r] * in + i] : NAN;
    }
    float *y = run(linear, x, m, out);
    for (size_t r = 0; r < m; r++)
        if (memcmp(y + r * out, alone + which[r] * out, out * sizeof *y) != 0)
            fail_msg("out %zu in %zu: row %zu of %zu differs (seed %llu)", out, in, r, m, (unsigned long long)seed);
    gp_mem_free(y);
    gp_mem_free(x);
}

static void layer(gp_engine engine, gp_precision precision, size_t out, size_t in, int calls)
{
    gp_error err = {0};
    gp_linear *linear = NULL;
    float *weight = random_floats(out, out * in), *bias = random_floats(out + 1, out),
          *kinds = random_floats(in, 16 * in);
    float *alone = gp_mem_aligned(KINDS * out, sizeof *alone), *first = gp_mem_aligned(16 * in, sizeof *first);
    assert_non_null(alone);
    assert_non_null(first);
    assert_ok(gp_linear_new(weight, GP_F32, bias, out, in, precision, engine, &linear, &err));
    for (size_t k = 0; k < KINDS; k++) { /* each row alone in a call */
        for (size_t i = 0; i < 16 * in; i++) first[i] = i < in ? kinds[k * in + i] : 0.0f;
        float *y = run(linear, first, 1, out);
        memcpy(alone + k * out, y, out * sizeof *y);
        gp_mem_free(y);
    }
    for (int c = 0; c < calls; c++) one_call(linear, kinds, alone, out, in, (uint64_t)c * 1000 + out + in);
    gp_linear_free(linear);
    gp_mem_free(first);
    gp_mem_free(alone);
    gp_mem_free(kinds);
    gp_mem_free(bias);
    gp_mem_free(weight);
}

/* Tests widths of real towers and odd widths.  With 1024 and 4096, oneDNN chooses other kernels because of the leading
 * dimension. */
static void rows_alone(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{768, 768},  {2304, 768}, {512, 768},  {1024, 1024}, {1024, 320}, {1024, 4096},
                                       {640, 1024}, {320, 1280}, {88, 104},   {104, 88},    {5, 3},      {33, 257},
                                       {128, 112},  {256, 64},   {3072, 192}, {1280, 88}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (size_t e = 0; e < ENGINES; e++)
            for (size_t p = 0; p < 2; p++) {
                bool large = shapes[s][0] * shapes[s][1] > 200000;
                if (large && engines[e] == GP_ENGINE_PLAIN) continue;
                layer(engines[e], precisions[p], shapes[s][0], shapes[s][1], large ? 3 : 12);
            }
}

static const char *self;

static void in_child(const char *isa)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("ONEDNN_MAX_CPU_ISA", isa, 1);
        execl(self, self, "child", (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0) fail_msg("with ONEDNN_MAX_CPU_ISA=%s: status %d", isa, status);
}

static void rows_alone_sse41(void **state)
{
    (void)state;
    in_child("SSE41");
}

static void rows_alone_avx(void **state)
{
    (void)state;
    in_child("AVX");
}

static void rows_alone_avx2(void **state)
{
    (void)state;
    in_child("AVX2");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_alone), cmocka_unit_test(rows_alone_sse41),
                                       cmocka_unit_test(rows_alone_avx), cmocka_unit_test(rows_alone_avx2)};
    const struct CMUnitTest only[] = {cmocka_unit_test(rows_alone)};
    self = argv[0];
    if (argc > 1) return cmocka_run_group_tests(only, NULL, NULL);
    return ENGINES == 2 ? cmocka_run_group_tests(tests, NULL, NULL) : cmocka_run_group_tests(only, NULL, NULL);
}
