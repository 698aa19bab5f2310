/* SPDX-License-Identifier: MIT
 * Unfiltering PNG compared with the text of RFC 2083: the predictor for every a, b, c, and whole rows of every type and
 * pixel width, between bytes that must not change. */
#include "support.h"

#include "base/rng.h"
#include "kernel/kernel.h"

static uint8_t rfc_paeth(int a, int b, int c)
{
    int p = a + b - c, pa = abs(p - a), pb = abs(p - b), pc = abs(p - c);
    if (pa <= pb && pa <= pc) return (uint8_t)a;
    return (uint8_t)(pb <= pc ? b : c);
}

/* A row of two pixels.  The first pixel has the value a, and c is above it.  For the second pixel, a is left, b is
 * above, and c is above left. */
static void test_predictor(void **state)
{
    (void)state;
    const gp_kernels *k = gp_kernel_table();
    for (int a = 0; a < 256; a++)
        for (int c = 0; c < 256; c++)
            for (int b = 0; b < 256; b++) {
                uint8_t prior[2] = {(uint8_t)c, (uint8_t)b};
                uint8_t row[2] = {(uint8_t)(a - c), 0}; /* for the first pixel the predictor is c, the byte above */
                k->unfilter(row, row, prior, 2, 1, 4);
                if (row[0] != a || row[1] != rfc_paeth(a, b, c)) fail_msg("a %d b %d c %d: %d", a, b, c, row[1]);
            }
}

/* The same values a, b and c in long rows of wide pixels, where the variants process several pixels at once. */
static void test_predictor_in_rows(void **state)
{
    (void)state;
    const gp_kernels *k = gp_kernel_table();
    static uint8_t raw[512 * 4], prior[512 * 4], row[512 * 4];
    for (int a = 0; a < 256; a++)
        for (int c = 0; c < 256; c++) {
            size_t bpp = 3 + (size_t)((a ^ c) & 1), bytes = 512 * bpp;
            for (size_t i = 0; i < bytes; i++) {
                size_t pixel = i / bpp;
                raw[i] = (uint8_t)(pixel % 2 ? gp_rng_at(7, i) : (uint64_t)a);
                /* the channels of a pixel have different values */
                prior[i] = (uint8_t)(pixel % 2 ? pixel / 2 + i % bpp : (size_t)c);
                int left = i < bpp ? 0 : raw[i - bpp], corner = i < bpp ? 0 : prior[i - bpp];
                row[i] = (uint8_t)(raw[i] - rfc_paeth(left, prior[i], corner));
            }
            k->unfilter(row, row, prior, bytes, bpp, 4);
            if (memcmp(row, raw, bytes) != 0) fail_msg("a %d c %d, %zu bytes a pixel", a, c, bpp);
        }
}

static void rfc_unfilter(uint8_t *row, const uint8_t *prior, size_t bytes, size_t bpp, int type)
{
    for (size_t i = 0; i < bytes; i++) {
        int a = i >= bpp ? row[i - bpp] : 0, b = prior[i], c = i >= bpp ? prior[i - bpp] : 0;
        int guess[5] = {0, a, b, (a + b) / 2, rfc_paeth(a, b, c)};
        row[i] = (uint8_t)(row[i] + guess[type]);
    }
}

static void test_rows(void **state)
{
    (void)state;
    static const gp_kernels *(*const tables[])(void) = {gp_kernel_table, gp_kernel_table_c};
    uint64_t n = 0;
    for (size_t t = 0; t < 2; t++)
        for (size_t bpp = 1; bpp <= 8; bpp++)
            for (int type = 0; type <= 4; type++)
                for (size_t pixels = 1; pixels < 70; pixels++) {
                    uint8_t row[70 * 8 + 16], want[sizeof row], prior[sizeof row];
                    size_t bytes = pixels * bpp;
                    for (size_t i = 0; i < sizeof row; i++) {
                        row[i] = want[i] = (uint8_t)gp_rng_at(1, n++);
                        prior[i] = (uint8_t)gp_rng_at(2, n);
                    }
                    tables[t]()->unfilter(row + 8, row + 8, prior + 8, bytes, bpp, type);
                    rfc_unfilter(want + 8, prior + 8, bytes, bpp, type);
                    assert_memory_equal(row, want, sizeof row);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_predictor), cmocka_unit_test(test_predictor_in_rows),
                                       cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
