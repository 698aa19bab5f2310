/* SPDX-License-Identifier: MIT
 * The perceptual hash: equal for an image that is halved or saved again at low quality, different for another image. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/phash.h"

static gp_pixels decode(const void *bytes, size_t size)
{
    gp_pixels pixels = GP_INIT(gp_pixels);
    assert_int_equal(gp_image_decode_bytes(bytes, size, GP_MAX_PIXELS, &pixels, NULL), GP_OK);
    return pixels;
}

static gp_pixels decode_file(const char *path)
{
    gp_bytes file = {0};
    assert_int_equal(gp_file_read(path, 1u << 30, &file, NULL), GP_OK);
    gp_pixels pixels = decode(file.data, file.size);
    gp_bytes_clear(&file);
    return pixels;
}

static uint64_t look_of(const gp_pixels *pixels)
{
    uint64_t look;
    assert_int_equal(gp_image_phash(pixels, &look, NULL), GP_OK);
    return look;
}

static gp_pixels halve(const gp_pixels *p)
{
    gp_pixels h = {.width = p->width / 2,
                   .height = p->height / 2,
                   .rgb = gp_mem_new((size_t)(p->width / 2) * (p->height / 2) * 3, 1)};
    for (uint32_t y = 0; y < h.height; y++)
        for (uint32_t x = 0; x < h.width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                const uint8_t *at = p->rgb + ((size_t)2 * y * p->width + 2 * x) * 3 + c;
                unsigned sum = 0u + at[0] + at[3] + at[p->width * 3] + at[p->width * 3 + 3];
                h.rgb[((size_t)y * h.width + x) * 3 + c] = (uint8_t)(sum / 4);
            }
    return h;
}

static int apart(uint64_t a, uint64_t b)
{
    return __builtin_popcountll(a ^ b);
}

enum { PICTURES = 24 };

static void test_copies_are_alike_and_others_not(void **state)
{
    (void)state;
    uint64_t looks[PICTURES];
    char list[2048];
    int n = 0, alike = 0, pairs = 0;
    FILE *key = fopen(source_path("sample/drawn-world/answers.csv"), "r");
    assert_non_null(key);
    assert_non_null(fgets(list, sizeof list, key));
    while (n < PICTURES && fgets(list, sizeof list, key)) {
        char path[2100], *comma = strchr(list, ',');
        if (!comma || strstr(comma, "blur") || strstr(comma, "noise")) continue;
        *comma = 0;
        snprintf(path, sizeof path, "%s/%s", source_path("sample/drawn-world"), list);
        gp_pixels whole = decode_file(path), half = halve(&whole);
        looks[n] = look_of(&whole);
        assert_true(apart(looks[n], look_of(&half)) <= 10);
        gp_str jpeg = GP_STR_INIT;
        assert_int_equal(gp_image_jpeg_bytes(whole.rgb, whole.width, whole.height, 70, &jpeg, NULL), GP_OK);
        gp_pixels again = decode(jpeg.data, jpeg.size);
        assert_true(apart(looks[n], look_of(&again)) <= 10);
        gp_str_clear(&jpeg);
        gp_mem_free(again.rgb);
        gp_mem_free(half.rgb);
        gp_mem_free(whole.rgb);
        n++;
    }
    fclose(key);
    assert_int_equal(n, PICTURES);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) pairs++, alike += apart(looks[i], looks[j]) <= 10;
    print_message("%d of %d pairs of different pictures within 10 bits\n", alike, pairs);
    assert_true(alike * 10 <= pairs);
}

static void test_small_and_flat(void **state)
{
    (void)state;
    uint8_t rgb[12] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    gp_pixels p = {.width = 2, .height = 2, .rgb = rgb}, none = {0};
    uint64_t look;
    assert_int_equal(gp_image_phash(&p, &look, NULL), GP_OK);
    assert_int_equal(gp_image_phash(&none, &look, NULL), GP_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies_are_alike_and_others_not),
                                       cmocka_unit_test(test_small_and_flat)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
