/* SPDX-License-Identifier: MIT
 * Reads NumPy arrays that NumPy wrote (fuzz/corpus/npy). */
#include "support.h"

#include "base/mem.h"
#include "table/npy_read.h"
#include <math.h>

static float *load(const char *file, size_t n, size_t d)
{
    char path[200];
    float *rows;
    size_t got_n, got_d;
    gp_error err = {0};
    snprintf(path, sizeof path, "fuzz/corpus/npy/%s.npy", file);
    if (gp_npy_load(source_path(path), &rows, &got_n, &got_d, &err) != GP_OK) fail_msg("%s", err.message);
    assert_int_equal(got_n, n);
    assert_int_equal(got_d, d);
    return rows;
}

static void test_kinds_of_numbers(void **state)
{
    (void)state;
    static const float f4[] = {0.12573022f, -0.13210486f, 0.64042264f, 0.10490011f};
    float *rows = load("f4", 3, 4);
    for (int i = 0; i < 4; i++) assert_true(fabsf(rows[i] - f4[i]) < 1e-7f);
    gp_mem_free(rows);
    rows = load("i8", 3, 3);
    for (int i = 0; i < 9; i++) assert_true(rows[i] == (float)(i - 3));
    gp_mem_free(rows);
    rows = load("u1", 2, 3);
    for (int i = 0; i < 6; i++) assert_true(rows[i] == (float)i);
    gp_mem_free(rows);
    rows = load("bool", 1, 2);
    assert_true(rows[0] == 1 && rows[1] == 0);
    gp_mem_free(rows);
    gp_mem_free(load("f2", 5, 2));
    gp_mem_free(load("f8_1d", 7, 1));
    gp_mem_free(load("v2", 2, 2));
    gp_mem_free(load("empty", 0, 4));
}

static void put_half(uint8_t *file, size_t at, uint16_t bits)
{
    file[at] = (uint8_t)bits, file[at + 1] = (uint8_t)(bits >> 8);
}

/* Compares every half-precision number with its definition. */
static void test_halves(void **state)
{
    (void)state;
    static const char head[] = "\x93NUMPY\x01\x00\x36\x00{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }";
    uint8_t file[80] = {0};
    memset(file, ' ', sizeof file);
    memcpy(file, head, sizeof head - 1);
    file[9] = 0;
    size_t n, d, at = 10 + 0x36;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float *rows;
        int exponent = bits >> 10 & 31;
        double want = exponent == 31 ? ((bits & 1023) ? NAN : INFINITY)
                      : exponent     ? ldexp(1024 + (bits & 1023), exponent - 25)
                                     : ldexp(bits & 1023, -24);
        put_half(file, at, (uint16_t)bits);
        assert_int_equal(gp_npy_parse("half", file, at + 2, &rows, &n, &d, NULL), GP_OK);
        if (bits >> 15) want = -want;
        assert_true(isnan(want) ? isnan(rows[0]) : rows[0] == want);
        gp_mem_free(rows);
    }
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *says;
        gp_status status;
    } cases[] = {{"fortran", "Fortran", GP_ERR_UNSUPPORTED},
                 {"scalar", "single number", GP_ERR_UNSUPPORTED},
                 {"three", "two dimensions", GP_ERR_UNSUPPORTED},
                 {"big", "must be a NumPy array of type f2", GP_ERR_UNSUPPORTED},
                 {"object", "must be a NumPy array of type f2", GP_ERR_UNSUPPORTED},
                 {"cut", "cut off", GP_ERR_FORMAT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[200];
        float *rows = NULL;
        size_t n, d;
        gp_error err = {0};
        snprintf(path, sizeof path, "fuzz/corpus/npy/%s.npy", cases[i].file);
        assert_int_equal(gp_npy_load(source_path(path), &rows, &n, &d, &err), cases[i].status);
        if (!strstr(err.message, cases[i].says) || !strstr(err.message, cases[i].file)) fail_msg("%s", err.message);
        assert_null(rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds_of_numbers), cmocka_unit_test(test_halves),
                                       cmocka_unit_test(test_what_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
