/* SPDX-License-Identifier: MIT
 * Resizing compared with Pillow: small vectors by hand, checksums of Pillow 13.0.0 for images made by a formula (all
 * filters, both orders of the passes), and windows compared with the whole image. */
#include "picture.h"
#include "base/mem.h"
#include "image/resize.h"

static gp_error err;

/* Resizes one row or column of grey values and checks the result. */
static void check_line(const uint8_t *in, uint32_t n, const uint8_t *want, uint32_t m)
{
    uint8_t rgb[64 * 3], out[64 * 3];
    for (uint32_t i = 0; i < n * 3; i++) rgb[i] = in[i / 3];
    assert_ok(gp_resize_rgb(rgb, n, 1, out, m, 1, GP_FILTER_BICUBIC, &err));
    for (uint32_t i = 0; i < m * 3; i++) assert_int_equal(out[i], want[i / 3]);
    assert_ok(gp_resize_rgb(rgb, 1, n, out, 1, m, GP_FILTER_BICUBIC, &err));
    for (uint32_t i = 0; i < m * 3; i++) assert_int_equal(out[i], want[i / 3]);
}

static void test_small_vectors(void **state)
{
    (void)state;
    check_line((uint8_t[]){0, 50, 100, 200, 255}, 5, (uint8_t[]){16, 110, 237}, 3);
    check_line((uint8_t[]){0, 255, 0, 255}, 4, (uint8_t[]){0, 54, 216, 215, 40, 39, 201, 255}, 8);
    check_line((uint8_t[]){10, 20, 30, 40, 50, 60, 70}, 7, (uint8_t[]){14, 31, 49, 66}, 4);
    check_line((uint8_t[]){0, 0, 255, 255}, 4, (uint8_t[]){21, 234}, 2);

    uint8_t ramp[16 * 3], out[4 * 3];
    for (int i = 0; i < 48; i++) ramp[i] = (uint8_t)(i / 3 * 16);
    assert_ok(gp_resize_rgb(ramp, 4, 4, out, 2, 2, GP_FILTER_BICUBIC, &err));
    for (int i = 0; i < 12; i++) assert_int_equal(out[i], ((int[]){47, 77, 163, 193})[i / 3]);
}

static const struct {
    uint32_t in_w, in_h, out_w, out_h;
    uint32_t crc[4]; /* the filters bicubic, bilinear, Lanczos and box */
} pillow[] = {
    {1, 1, 5, 7, {0x9d87b24c, 0x9d87b24c, 0x9d87b24c, 0x9d87b24c}},
    {5, 4, 5, 9, {0x68b0aa40, 0xaf1fe3a8, 0xdd7add55, 0x5cb95208}},
    {9, 4, 3, 4, {0x627ffd15, 0x55b34ad4, 0x378093d6, 0xdd11ae07}},
    {17, 31, 17, 31, {0x2f6f03a6, 0x2f6f03a6, 0x2f6f03a6, 0x2f6f03a6}},
    {64, 64, 16, 16, {0xb9cf4d40, 0x5c614d4c, 0xef0c9b36, 0x94d1bf81}},
    {31, 17, 40, 50, {0x9586405a, 0x9c174eed, 0xd7274126, 0x278e3caa}},
    {50, 120, 25, 60, {0xa71cd703, 0xa6547035, 0xc6591601, 0x8fc756cb}},
    {50, 130, 25, 65, {0x29f26c01, 0xa25c82b8, 0x5f032622, 0xbc61afb6}},
    {50, 151, 26, 62, {0xe38f42cf, 0x2a8465ee, 0xdaefdcf9, 0x84c99a0a}},
    {20, 90, 40, 30, {0x13060b87, 0x8186dfb1, 0xfed847bc, 0x98d0aa5c}},
    {90, 20, 30, 40, {0x81d9a267, 0x3405f43f, 0xd6b7b576, 0x7bbbd977}},
    {37, 53, 112, 160, {0xbc1fdfa3, 0x6d36ebc2, 0x18cfe37d, 0xd009d49d}},
    {200, 3, 11, 2, {0xe95b4f8a, 0x94545a2b, 0xddde891d, 0x25af4118}},
    {3, 200, 2, 11, {0xa6076071, 0x2089b792, 0x644885ca, 0x9c2ab58d}},
    {3, 201, 2, 198, {0xbf52fbd6, 0x4c835605, 0xcb1d9ebc, 0x41c5eb70}},
    {255, 97, 64, 24, {0x0017fe22, 0x01770dd9, 0xf324e4e3, 0x171ac042}},
};

static void test_equal_to_pillow(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pillow / sizeof *pillow; i++) {
        uint8_t *in = noise_picture(pillow[i].in_w, pillow[i].in_h);
        size_t n = (size_t)pillow[i].out_w * pillow[i].out_h * 3;
        uint8_t *out = malloc(n);
        for (int f = 0; f < 4; f++) {
            assert_ok(gp_resize_rgb(in, pillow[i].in_w, pillow[i].in_h, out, pillow[i].out_w, pillow[i].out_h,
                                    (gp_resample_filter)f, &err));
            if (crc_of(out, n) != pillow[i].crc[f]) fail_msg("case %zu, filter %d", i, f);
        }
        free(out);
        free(in);
    }
}

static uint32_t pick(uint64_t *at, uint32_t most)
{
    return 1 + (uint32_t)(gp_rng_at(77, (*at)++) % most);
}

static void test_window_is_part_of_whole(void **state)
{
    (void)state;
    uint64_t at = 0;
    for (int i = 0; i < 300; i++) {
        const uint32_t in_w = pick(&at, 90), in_h = pick(&at, 200), out_w = i % 7 ? pick(&at, 70) : in_w,
                       out_h = i % 5 ? pick(&at, 70) : in_h;
        const uint32_t x = pick(&at, out_w) - 1, y = pick(&at, out_h) - 1;
        const uint32_t w = pick(&at, out_w - x), h = pick(&at, out_h - y);
        uint8_t *in = noise_picture(in_w, in_h), *whole = malloc((size_t)out_w * out_h * 3);
        uint8_t *part = malloc((size_t)w * h * 3); /* the input block has exactly the size of the image, so that the
                                                    * sanitizer detects a read past the end */
        assert_ok(gp_resize_rgb(in, in_w, in_h, whole, out_w, out_h, (gp_resample_filter)(i & 3), &err));
        assert_ok(
            gp_resize_rgb_window(in, in_w, in_h, part, out_w, out_h, x, y, w, h, (gp_resample_filter)(i & 3), &err));
        for (uint32_t r = 0; r < h; r++)
            assert_memory_equal(part + (size_t)r * w * 3, whole + ((size_t)(y + r) * out_w + x) * 3, (size_t)w * 3);
        free(part);
        free(whole);
        free(in);
    }
}

/* Computes only a window of a resized image; the whole resized image would need 700 MB. */
static void test_window_of_huge(void **state)
{
    (void)state;
    uint8_t *in = noise_picture(1, 5000), *out = malloc(224 * 224 * 3);
    assert_ok(gp_resize_rgb_window(in, 1, 5000, out, 224, 1120000, 0, 559888, 224, 224, GP_FILTER_BICUBIC, &err));
    /* the input has one column, so all pixels of an output row are equal */
    for (int i = 3; i < 224 * 3; i++) assert_int_equal(out[i], out[i - 3]);
    assert_int_equal(gp_resize_rgb_window(in, 1, 5000, out, 224, UINT32_MAX, 0, 0, 1, 1, GP_FILTER_BICUBIC, &err),
                     GP_ERR_LIMIT);
    free(out);
    free(in);
}

static void test_allocation_failures(void **state)
{
    (void)state;
    uint8_t *in = noise_picture(40, 50), *out = malloc(25 * 90 * 3);
    const int64_t before = gp_mem_live();
    for (uint32_t out_h = 10; out_h <= 90; out_h += 80) { /* with out_h 10, the vertical pass comes first */
        int failed = 0;
        gp_status st;
        do {
            gp_mem_fail_at((uint64_t)failed + 1);
            st = gp_resize_rgb(in, 40, 50, out, 25, out_h, GP_FILTER_BICUBIC, &err);
            assert_int_equal(gp_mem_live(), before);
            if (st != GP_OK) assert_int_equal(st, GP_ERR_MEMORY);
        } while (st != GP_OK && ++failed < 100);
        gp_mem_fail_at(0);
        assert_in_range(failed, 5, 20);
    }
    free(out);
    free(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_vectors),           cmocka_unit_test(test_equal_to_pillow),
        cmocka_unit_test(test_window_is_part_of_whole), cmocka_unit_test(test_window_of_huge),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
