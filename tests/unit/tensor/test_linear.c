/* SPDX-License-Identifier: MIT
 * gp_linear compared with a product in double, for every engine, precision and stored type. */
#include "linear_support.h"

#include <pthread.h>

/* Stores `values` as weights of `dtype`, at an odd address.  Sets `values` to the floats that the stored weights
 * represent.  The caller frees *block. */
static uint8_t *store(gp_dtype dtype, float *values, size_t n, uint8_t **block)
{
    *block = gp_mem_new(n * 4 + 1, 1);
    assert_non_null(*block);
    uint8_t *bytes = *block + 1;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        if (dtype == GP_F32) memcpy(bytes + 4 * i, &values[i], 4);
        if (dtype == GP_BF16) {
            gp_kernel_table_c()->f32_to_bf16(&values[i], &half, 1);
            gp_kernel_table_c()->bf16_to_f32(&half, &values[i], 1);
        }
        /* makes a finite half-precision number: random sign, exponent 8 to 15, random fraction */
        if (dtype == GP_F16) {
            uint64_t r = gp_rng_at(99, i);
            half = (uint16_t)((r & 0x8000) | (8 + (r >> 16) % 8) << 10 | (r >> 32 & 0x3ff));
            gp_kernel_table_c()->f16_to_f32(&half, &values[i], 1);
        }
        if (dtype != GP_F32) memcpy(bytes + 2 * i, &half, 2);
    }
    return bytes;
}

/* Checks the largest error relative to the sum of magnitudes.  A float sum of k products in order has an error below k
 * * 2^-24.  The limit 2e-6 suffices for the longest sum here (5120), measured 3e-7. */
static void against_double(gp_engine engine, gp_precision precision, gp_dtype dtype, size_t m, size_t out, size_t in,
                           bool with_bias)
{
    gp_error err = {0};
    gp_linear *linear = NULL;
    uint8_t *block;
    float *weight = random_floats(1 + out, out * in), *bias = random_floats(2, out);
    float *x = random_floats(3 + m, gp_linear_padded_rows(m) * in);
    uint8_t *stored = store(dtype, weight, out * in, &block);
    assert_ok(gp_linear_new(stored, dtype, with_bias ? bias : NULL, out, in, precision, engine, &linear, &err));
    memset(stored, 0xff, out * in * gp_dtype_size(dtype)); /* the layer has its own copy of the weights */
    assert_true(gp_linear_bytes(linear) >= out * in * 2);
    float *y = run(linear, x, m, out);
    bool half = precision == GP_PRECISION_BF16;
    double worst = 0;
    for (size_t r = 0; r < m; r++)
        for (size_t o = 0; o < out; o++) {
            double sum = with_bias ? bias[o] : 0.0, size = 1.0;
            for (size_t i = 0; i < in; i++) {
                double a = half ? bf16_of(x[r * in + i]) : x[r * in + i];
                double b = half ? bf16_of(weight[o * in + i]) : weight[o * in + i];
                sum += a * b;
                size += fabs(a * b);
            }
            double error = fabs(y[r * out + o] - sum) / size;
            worst = error > worst ? error : worst;
        }
    if (!(worst <= 2e-6))
        fail_msg("engine %d precision %d %s m %zu out %zu in %zu: error %g", (int)engine, (int)precision,
                 gp_dtype_name(dtype), m, out, in, worst);
    gp_mem_free(y);
    gp_linear_free(linear);
    gp_mem_free(x);
    gp_mem_free(bias);
    gp_mem_free(weight);
    gp_mem_free(block);
}

/* In int8, the error is at most the rounding error of weights and inputs. The results of every engine equal the
 * definition exactly. */
static void in_eight_bits(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 1}, {3, 5, 3}, {17, 88, 104}, {77, 33, 65}, {200, 7, 130}, {50, 96, 768}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        size_t m = shapes[s][0], out = shapes[s][1], in = shapes[s][2];
        gp_error err = {0};
        gp_linear *linear = NULL;
        float *weight = random_floats(1 + out, out * in), *bias = random_floats(2, out);
        float *x = random_floats(3 + m, gp_linear_padded_rows(m) * in);
        assert_ok(gp_linear_new(weight, GP_F32, bias, out, in, GP_PRECISION_INT8, GP_ENGINE_AUTO, &linear, &err));
        assert_true(gp_linear_bytes(linear) < out * in * 2 + 16 * in + 64 * 12 + out * 12);
        float *y = run(linear, x, m, out);
        for (size_t r = 0; r < m; r++) {
            double low = 0, high = 0;
            for (size_t i = 0; i < in; i++) {
                double value = (double)x[r * in + i];
                if (value < low) low = value;
                if (value > high) high = value;
            }
            double step = (high - low) / 255;
            for (size_t o = 0; o < out; o++) {
                const float *w = weight + o * in;
                double pair = 0, sum = (double)bias[o], room = 1e-5;
                for (size_t i = 0; i < in; i += 2) {
                    double second = i + 1 < in ? fabs((double)w[i + 1]) : 0, size = fabs((double)w[i]) + second;
                    if (size > pair) pair = size;
                }
                for (size_t i = 0; i < in; i++) {
                    double a = (double)x[r * in + i], b = (double)w[i], half = pair / 127 / 2;
                    sum += a * b;
                    room += fabs(a) * half + (fabs(b) + half) * step;
                }
                if (!(fabs((double)y[r * out + o] - sum) <= room))
                    fail_msg("row %zu of %zu, out %zu: %g instead of %g, within %g", r, m, o, (double)y[r * out + o],
                             sum, room);
            }
        }
        gp_mem_free(y);
        gp_linear_free(linear);
        gp_mem_free(x);
        gp_mem_free(bias);
        gp_mem_free(weight);
    }
}

/* NaN in the input and infinity in the weights must appear in the result. */
static void eight_bits_hide_nothing(void **state)
{
    (void)state;
    gp_error err = {0};
    for (int which = 0; which < 2; which++) {
        gp_linear *linear = NULL;
        float *weight = random_floats(1, 3 * 8), *x = random_floats(2, gp_linear_padded_rows(2) * 8);
        if (which)
            x[8 + 5] = NAN;
        else
            weight[2 * 8 + 1] = INFINITY;
        assert_ok(gp_linear_new(weight, GP_F32, NULL, 3, 8, GP_PRECISION_INT8, GP_ENGINE_AUTO, &linear, &err));
        float *y = run(linear, x, 2, 3);
        for (size_t r = 0; r < 2; r++)
            for (size_t o = 0; o < 3; o++) assert_true((isfinite(y[r * 3 + o]) != 0) == (which ? r != 1 : o != 2));
        gp_mem_free(y);
        gp_linear_free(linear);
        gp_mem_free(x);
        gp_mem_free(weight);
    }
    gp_linear *linear = NULL;
    float *wide = random_floats(3, 65537);
    assert_int_equal(gp_linear_new(wide, GP_F32, NULL, 1, 65537, GP_PRECISION_INT8, GP_ENGINE_AUTO, &linear, &err),
                     GP_ERR_UNSUPPORTED);
    assert_string_equal(err.message, "int8 supports at most 65536 input columns, not 65537");
    gp_mem_free(wide);
}

static void product(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 1, 1},    {1, 512, 768}, {3, 5, 3},     {17, 88, 104}, {50, 104, 88},
                                       {77, 33, 65}, {200, 7, 130}, {257, 40, 56}, {2, 24, 5120}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (size_t e = 0; e < ENGINES; e++)
            for (size_t p = 0; p < 2; p++)
                for (int dtype = GP_F32; dtype <= GP_BF16; dtype++)
                    against_double(engines[e], precisions[p], (gp_dtype)dtype, shapes[s][0], shapes[s][1], shapes[s][2],
                                   (s + (size_t)dtype) % 2);
}

/* An activation that is the epilogue of the product gives the same bits as a separate activation after the product. */
static void activates(void **state)
{
    (void)state;
    gp_error err = {0};
    static const gp_precision all[] = {GP_PRECISION_FP32, GP_PRECISION_BF16, GP_PRECISION_INT8};
    static const size_t shapes[][3] = {{1, 16, 8}, {5, 37, 300}, {400, 50, 40}, {209, 96, 17}}; /* m, out, in */
    for (size_t c = 0; c < ENGINES * 3 * 4; c++) {
        const size_t *shape = shapes[c % 4], m = shape[0], out = shape[1], in = shape[2];
        gp_linear *linear = NULL;
        float *weight = random_floats(c, out * in), *x = random_floats(c + 1, gp_linear_padded_rows(m) * in);
        assert_ok(gp_linear_new(weight, GP_F32, NULL, out, in, all[c / 4 % 3], engines[c / 12], &linear, &err));
        float *wanted = run(linear, x, m, out), *got = run(linear, x, m, out);
        void *scratch = gp_mem_aligned(gp_linear_scratch(linear, m), 1);
        assert_non_null(scratch);
        gp_kernel_table()->quick_gelu(wanted, m * out);
        assert_ok(gp_linear_run(linear, x, got, m, gp_kernel_table()->quick_gelu, scratch, &err));
        assert_memory_equal(got, wanted, m * out * sizeof *got);
        gp_linear_free(linear);
        void *all_of_it[] = {weight, x, wanted, got, scratch};
        for (size_t i = 0; i < 5; i++) gp_mem_free(all_of_it[i]);
    }
}

/* Scratch memory for many rows is enough for fewer rows, whatever blocks they are divided into. */
static void scratch_is_enough(void **state)
{
    (void)state;
    gp_error err = {0};
    enum { WIDTH = 20, DEPTH = 33, MOST = 500 };
    static const gp_precision all[] = {GP_PRECISION_FP32, GP_PRECISION_BF16, GP_PRECISION_INT8};
    float *weight = random_floats(1, WIDTH * DEPTH), *x = random_floats(2, gp_linear_padded_rows(MOST) * DEPTH);
    float *y = gp_mem_aligned(gp_linear_padded_rows(MOST) * WIDTH, sizeof *y);
    assert_non_null(y);
    for (size_t c = 0; c < ENGINES * 3; c++) {
        gp_linear *linear = NULL;
        assert_ok(gp_linear_new(weight, GP_F32, NULL, WIDTH, DEPTH, all[c % 3], engines[c / 3], &linear, &err));
        size_t bytes = gp_linear_scratch(linear, MOST);
        void *scratch = gp_mem_aligned(bytes, 1); /* a block of the exact size, so that the sanitizer detects writes
                                                   * past its end */
        assert_non_null(scratch);
        for (size_t m = 1; m <= MOST; m++) {
            assert_true(gp_linear_scratch(linear, m) <= bytes);
            if (m % 7 == 0 || m % 16 == 0) assert_ok(gp_linear_run(linear, x, y, m, NULL, scratch, &err));
        }
        gp_mem_free(scratch);
        gp_linear_free(linear);
    }
    gp_mem_free(weight), gp_mem_free(x), gp_mem_free(y);
}

enum { OUT = 120, IN = 72, M = 210, THREADS = 4 };
typedef struct share {
    const gp_linear *linear;
    const float *x;
    float *y[THREADS];
} share;

static void *one_thread(void *user)
{
    share *s = ((void **)user)[0];
    float **y = ((void **)user)[1];
    for (int turn = 0; turn < 8; turn++) {
        gp_mem_free(*y);
        *y = run(s->linear, s->x, M, OUT);
    }
    return NULL;
}

static void threads(void **state)
{
    (void)state;
    gp_error err = {0};
    float *weight = random_floats(5, OUT * IN), *x = random_floats(6, gp_linear_padded_rows(M) * IN);
    for (size_t e = 0; e < ENGINES; e++)
        for (size_t p = 0; p < 2; p++) {
            gp_linear *linear = NULL;
            assert_ok(gp_linear_new(weight, GP_F32, NULL, OUT, IN, precisions[p], engines[e], &linear, &err));
            share s = {linear, x, {0}};
            float *alone = run(linear, x, M, OUT);
            pthread_t thread[THREADS];
            void *args[THREADS][2];
            for (int t = 0; t < THREADS; t++) {
                args[t][0] = &s, args[t][1] = &s.y[t];
                assert_int_equal(pthread_create(&thread[t], NULL, one_thread, args[t]), 0);
            }
            for (int t = 0; t < THREADS; t++) {
                pthread_join(thread[t], NULL);
                assert_memory_equal(s.y[t], alone, (size_t)M * OUT * sizeof(float));
                gp_mem_free(s.y[t]);
            }
            gp_mem_free(alone);
            gp_linear_free(linear);
        }
    gp_mem_free(x);
    gp_mem_free(weight);
}

static void out_of_memory(void **state)
{
    (void)state;
    float *weight = random_floats(7, 40 * 24);
    for (size_t e = 0; e < ENGINES; e++)
        for (size_t p = 0; p < 2; p++) {
            gp_status st = GP_ERR_MEMORY;
            uint64_t n = 0;
            for (n = 1; st != GP_OK && n < 100; n++) {
                gp_linear *linear = NULL;
                gp_error err = {0};
                gp_mem_fail_at(n);
                st = gp_linear_new(weight, GP_F32, NULL, 40, 24, precisions[p], engines[e], &linear, &err);
                gp_mem_fail_at(0);
                if (st == GP_OK)
                    gp_linear_free(linear);
                else {
                    assert_int_equal(st, GP_ERR_MEMORY);
                    assert_int_equal(err.status, GP_ERR_MEMORY);
                    assert_null(linear);
                }
            }
            assert_int_equal(st, GP_OK);
            assert_true(n > 4);
        }
    gp_mem_free(weight);
}

static void refusals(void **state)
{
    (void)state;
    float one = 1;
    gp_linear *linear = NULL;
    gp_error err = {0};
    assert_int_equal(gp_linear_new(&one, GP_F32, NULL, 0, 1, GP_PRECISION_AUTO, GP_ENGINE_AUTO, &linear, &err),
                     GP_ERR_USAGE);
    assert_int_equal(
        gp_linear_new(&one, GP_F32, NULL, SIZE_MAX / 2, 4, GP_PRECISION_AUTO, GP_ENGINE_AUTO, &linear, &err),
        GP_ERR_LIMIT);
    assert_null(linear);
}

static void words(void **state)
{
    (void)state;
    char name[64];
    gp_precision precision = GP_PRECISION_AUTO;
    gp_engine engine = GP_ENGINE_PLAIN;
    gp_linear_resolve(&precision, &engine);
    assert_int_equal(engine, GP_ENGINE_PLAIN);
    assert_int_equal(precision, GP_PRECISION_FP32);
    gp_linear_describe(GP_ENGINE_PLAIN, GP_PRECISION_AUTO, name, sizeof name);
    assert_true(strncmp(name, "plain C", 7) == 0);
    gp_linear_describe(GP_ENGINE_AUTO, GP_PRECISION_AUTO, name, sizeof name);
    assert_true(strncmp(name, "oneDNN ", 7) == 0 || strncmp(name, "plain C", 7) == 0);
    gp_linear_describe(GP_ENGINE_ONEDNN, GP_PRECISION_AUTO, name, sizeof name);
    assert_true(strncmp(name, ENGINES == 2 ? "oneDNN " : "plain C", 7) == 0);
    assert_int_equal(gp_linear_padded_rows(0), 0);
    assert_int_equal(gp_linear_padded_rows(1), 16);
    assert_int_equal(gp_linear_padded_rows(192), 192);
    assert_int_equal(gp_linear_padded_rows(193), 208);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(product),
                                       cmocka_unit_test(activates),
                                       cmocka_unit_test(scratch_is_enough),
                                       cmocka_unit_test(in_eight_bits),
                                       cmocka_unit_test(eight_bits_hide_nothing),
                                       cmocka_unit_test(threads),
                                       cmocka_unit_test(out_of_memory),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
