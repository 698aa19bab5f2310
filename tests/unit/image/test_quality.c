/* SPDX-License-Identifier: MIT
 * Quality measures of synthetic images whose values follow from the definitions, and frames that show nothing. */
#include "support.h"

#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/quality.h"

#include <math.h>

typedef struct canvas {
    gp_pixels pixels;
    uint64_t random;
} canvas;

static canvas blank(uint32_t width, uint32_t height)
{
    canvas c = {{.width = width, .height = height, .rgb = gp_mem_zero((size_t)width * height * 3, 1)},
                88172645463325252u};
    assert_non_null(c.pixels.rgb);
    return c;
}

static void put(canvas *c, uint32_t x, uint32_t y, int r, int g, int b)
{
    uint8_t *at = c->pixels.rgb + ((size_t)y * c->pixels.width + x) * 3;
    at[0] = (uint8_t)r, at[1] = (uint8_t)g, at[2] = (uint8_t)b;
}

/* Returns a grey image whose values are a function of the position. */
static canvas grey(uint32_t width, uint32_t height, int (*value)(uint32_t x, uint32_t y))
{
    canvas c = blank(width, height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            int v = value(x, y);
            put(&c, x, y, v, v, v);
        }
    return c;
}

static canvas plain(uint32_t width, uint32_t height, int r, int g, int b)
{
    canvas c = blank(width, height);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) put(&c, x, y, r, g, b);
    return c;
}

/* Draws a grey square whose upper left corner is at (start, start). */
static void put_square(canvas *c, uint32_t start, uint32_t size, int v)
{
    for (uint32_t y = start; y < start + size; y++)
        for (uint32_t x = start; x < start + size; x++) put(c, x, y, v, v, v);
}

static double uniform(canvas *c)
{
    c->random ^= c->random << 13, c->random ^= c->random >> 7, c->random ^= c->random << 17;
    return (double)(c->random >> 11) / 9007199254740992.0;
}

static double normal(canvas *c)
{
    return sqrt(-2 * log(1 - uniform(c))) * cos(6.283185307179586 * uniform(c));
}

static int clip(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : (int)lround(v);
}

/* Adds white noise. coloured: separate noise for each channel; otherwise all channels get the same noise. */
static void add_noise(canvas *c, double deviation, bool coloured)
{
    size_t n = (size_t)c->pixels.width * c->pixels.height;
    for (size_t i = 0; i < n; i++) {
        double noise = normal(c) * deviation;
        for (size_t k = 0; k < 3; k++) {
            uint8_t *at = c->pixels.rgb + 3 * i + k;
            *at = (uint8_t)clip(*at + (coloured ? normal(c) * deviation : noise));
        }
    }
}

/* Measures the image and frees it. */
static gp_quality measure(canvas *c)
{
    gp_quality q;
    assert_int_equal(gp_image_quality(&c->pixels, true, &q, NULL), GP_OK);
    gp_mem_free(c->pixels.rgb);
    return q;
}

static const double IMMERKAER = 0.20888568955258338; /* sqrt(pi/2) / 6 */

static void expect(const gp_quality *q, double sharpness, double noise, double exposure, double entropy, double spread)
{
    assert_true(fabs(q->sharpness - sharpness) < 1e-6 * (1 + sharpness));
    assert_true(fabs(q->noise - noise) < 1e-6 * (1 + noise));
    assert_true(fabs(q->exposure - exposure) < 1e-9);
    assert_true(fabs(q->entropy - entropy) < 1e-9);
    assert_true(fabs(q->spread - spread) < 1e-9);
}

static int ramp(uint32_t x, uint32_t y)
{
    return (int)(x + y);
}

static int checker(uint32_t x, uint32_t y)
{
    return (x + y) % 2 ? 100 : 0;
}

static int dot(uint32_t x, uint32_t y)
{
    return x == 5 && y == 5 ? 200 : 0;
}

/* Returns the values of an image of 16 x 32 pixels in which each of the 256 levels occurs twice. */
static int levels(uint32_t x, uint32_t y)
{
    return (int)(y / 2 * 16 + x);
}

static void test_closed_forms(void **state)
{
    (void)state;
    canvas c = plain(32, 32, 128, 128, 128);
    gp_quality q = measure(&c);
    expect(&q, 0, 0, 128 / 255.0, 0, 0);
    assert_true(q.saturation == 0);
    c = grey(64, 64, ramp); /* both filters (the Laplacian and Immerkaer's) give 0 for a linear ramp of grey values */
    q = measure(&c);
    assert_true(q.sharpness == 0 && q.noise == 0 && q.spread > 0);
    c = grey(64, 64, checker); /* the Laplacian is +-4 * 100, Immerkaer's filter gives +-8 * 100 */
    q = measure(&c);
    expect(&q, 160000, IMMERKAER * 800, 50 / 255.0, 1, 50 / 255.0);
    c = grey(1000, 500, checker); /* larger than the sample */
    q = measure(&c);
    expect(&q, 160000, IMMERKAER * 800, 50 / 255.0, 1, 50 / 255.0);
    /* 9 x 9 = 81 pixels have all neighbours; the expected sums follow from the coefficients of the two filters */
    c = grey(11, 11, dot);
    q = measure(&c);
    assert_true(fabs(q.sharpness - (16 + 4) * 40000 / 81.0) < 1e-6);
    assert_true(fabs(q.noise - IMMERKAER * 16 * 200 / 81) < 1e-6);
    c = grey(16, 32, levels);
    q = measure(&c);
    assert_true(fabs(q.entropy - 8) < 1e-9 && fabs(q.exposure - 0.5) < 1e-9);
    assert_true(fabs(q.spread - sqrt((256.0 * 256 - 1) / 12) / 255) < 1e-9);
}

static void test_saturation(void **state)
{
    (void)state;
    static const struct {
        int r, g, b;
        double saturation;
    } cases[] = {{255, 0, 0, 1}, {200, 100, 50, 0.75}, {0, 0, 0, 0}, {9, 9, 9, 0}, {0, 80, 100, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        canvas c = plain(40, 40, cases[i].r, cases[i].g, cases[i].b);
        gp_quality q = measure(&c);
        assert_true(fabs(q.saturation - cases[i].saturation) < 1e-6);
    }
}

static void test_noise_is_estimated(void **state)
{
    (void)state;
    static const double deviations[] = {3, 10, 20};
    for (size_t i = 0; i < 3; i++) {
        canvas c = plain(1024, 1024, 128, 128, 128);
        add_noise(&c, deviations[i], false);
        gp_quality q = measure(&c);
        assert_true(fabs(q.noise / deviations[i] - 1) < 0.03);
        /* noise on a grey ground, such as the grain of a wall, is not a noise frame */
        assert_int_equal(q.frame, GP_FRAME_NORMAL);
    }
}

static void test_tiny_images(void **state)
{
    (void)state;
    for (uint32_t width = 1; width <= 4; width++)
        for (uint32_t height = 1; height <= 4; height++) {
            canvas c = plain(width, height, 10, 10, 10);
            gp_quality q = measure(&c);
            expect(&q, 0, 0, 10 / 255.0, 0, 0);
            assert_int_equal(q.frame, GP_FRAME_NORMAL);
        }
    gp_quality q;
    gp_pixels none = GP_INIT(gp_pixels);
    assert_int_equal(gp_image_quality(&none, true, &q, NULL), GP_ERR_USAGE);
}

/* Returns the frame of an image of one colour with a square of another colour. */
static gp_frame square(uint32_t side, int back, uint32_t size, int front)
{
    canvas c = plain(side, side, back, back, back);
    put_square(&c, side / 3, size, front);
    return measure(&c).frame;
}

static void test_black_frames(void **state)
{
    (void)state;
    assert_int_equal(square(512, 0, 0, 0), GP_FRAME_BLACK);
    assert_int_equal(square(64, 0, 0, 0), GP_FRAME_BLACK);
    assert_int_equal(square(63, 0, 0, 0), GP_FRAME_NORMAL);    /* images below 64 pixels are not tested */
    assert_int_equal(square(512, 2, 200, 14), GP_FRAME_BLACK); /* all pixels are below 16 */
    /* 10 x 10 = 100 bright pixels of 262144: less than 1 in 1000, so the frame is black */
    assert_int_equal(square(512, 0, 10, 25), GP_FRAME_BLACK);
    /* 20 x 20 = 400 bright pixels are more than 1 in 1000, so the frame is normal */
    assert_int_equal(square(512, 0, 20, 25), GP_FRAME_NORMAL);
    /* 3 x 3 pixels with a luma above 32 make the frame normal, even if they are outside the sample */
    assert_int_equal(square(512, 0, 3, 40), GP_FRAME_NORMAL);
    assert_int_equal(square(512, 0, 1, 255), GP_FRAME_NORMAL); /* a single star */
}

/* An image with transparency may have black lines on a transparent ground. All its pixels are black, but it is not a
 * black frame. */
static void test_transparent_images_are_not_judged(void **state)
{
    (void)state;
    canvas c = plain(128, 128, 0, 0, 0);
    gp_quality q;
    assert_int_equal(gp_image_quality(&c.pixels, false, &q, NULL), GP_OK);
    assert_int_equal(q.frame, GP_FRAME_NORMAL);
    gp_mem_free(c.pixels.rgb);
}

static void test_uniform_frames(void **state)
{
    (void)state;
    canvas c = plain(512, 512, 200, 10, 30);
    assert_int_equal(measure(&c).frame, GP_FRAME_UNIFORM);
    assert_int_equal(square(512, 255, 0, 0), GP_FRAME_UNIFORM);
    assert_int_equal(square(512, 255, 300, 251), GP_FRAME_UNIFORM);
    /* a square that differs from the ground by 5 levels makes the frame normal */
    assert_int_equal(square(512, 255, 300, 250), GP_FRAME_NORMAL);
    assert_int_equal(square(512, 255, 1, 250), GP_FRAME_NORMAL);
    c = plain(512, 512, 100, 100, 100);
    put(&c, 7, 9, 100, 100, 110); /* one pixel differs in one channel, so the image is not of one colour */
    assert_int_equal(measure(&c).frame, GP_FRAME_NORMAL);
}

static canvas noisy_square(int back, int front, double deviation, bool coloured)
{
    canvas c = plain(256, 256, back, back, back);
    put_square(&c, 60, 100, front);
    add_noise(&c, deviation, coloured);
    return c;
}

static void test_noise_frames(void **state)
{
    (void)state;
    for (int coloured = 0; coloured < 2; coloured++) {
        canvas c = noisy_square(128, 128, 50, coloured);
        assert_int_equal(measure(&c).frame, GP_FRAME_NOISE);
        c = noisy_square(118, 138, 50, coloured); /* an image with strong noise is not a noise frame */
        assert_int_equal(measure(&c).frame, GP_FRAME_NORMAL);
    }
    canvas c = noisy_square(128, 128, 50, true);
    gp_str jpeg = GP_STR_INIT;
    gp_pixels again = GP_INIT(gp_pixels);
    gp_quality q;
    assert_int_equal(gp_image_jpeg_bytes(c.pixels.rgb, 256, 256, 90, &jpeg, NULL), GP_OK);
    assert_int_equal(gp_image_decode_bytes((const uint8_t *)jpeg.data, jpeg.size, GP_MAX_PIXELS, &again, NULL), GP_OK);
    assert_int_equal(gp_image_quality(&again, true, &q, NULL), GP_OK);
    assert_int_equal(q.frame, GP_FRAME_NOISE);
    gp_mem_free(again.rgb);
    gp_mem_free(c.pixels.rgb);
    gp_str_clear(&jpeg);
}

/* Squares of 1, 2, 4 ... pixels, and coarse noise, are not noise frames. */
static void test_patterns_are_not_noise(void **state)
{
    (void)state;
    for (uint32_t size = 1; size <= 8; size *= 2) {
        canvas c = blank(256, 256), coarse = blank(256, 256), stripes = blank(256, 256);
        for (uint32_t y = 0; y < 256; y++)
            for (uint32_t x = 0; x < 256; x++) {
                int v = (x / size + y / size) % 2 ? 255 : 0, w = x / size % 2 ? 255 : 0;
                put(&c, x, y, v, v, v), put(&stripes, x, y, w, w, w);
            }
        for (uint32_t y = 0; y < 256; y += 2 * size)
            for (uint32_t x = 0; x < 256; x += 2 * size) {
                int v = clip(uniform(&coarse) * 256);
                for (uint32_t k = 0; k < 4 * size * size; k++)
                    put(&coarse, x + k % (2 * size), y + k / (2 * size), v, v, v);
            }
        assert_int_equal(measure(&c).frame, GP_FRAME_NORMAL);
        assert_int_equal(measure(&stripes).frame, GP_FRAME_NORMAL);
        assert_int_equal(measure(&coarse).frame, GP_FRAME_NORMAL);
    }
}

/* In the bundled sample only the black image is a frame that shows nothing.  The measures separate images with noise
 * and blur from all others. */
static void test_sample(void **state)
{
    (void)state;
    char line[2048], path[2100];
    int black = 0;
    double least_noise = INFINITY, most_other = 0, sharpest_blur = 0, softest_other = INFINITY;
    FILE *key = fopen(source_path("sample/drawn-world/answers.csv"), "r");
    assert_non_null(key);
    assert_non_null(fgets(line, sizeof line, key));
    while (fgets(line, sizeof line, key)) {
        gp_bytes file = {0};
        gp_pixels pixels = GP_INIT(gp_pixels);
        gp_quality q;
        bool noisy = strstr(line, ",noise,"), blurred = strstr(line, ",blur,");
        snprintf(path, sizeof path, "%s/%.*s", source_path("sample/drawn-world"), (int)strcspn(line, ","), line);
        assert_int_equal(gp_file_read(path, 1u << 30, &file, NULL), GP_OK);
        assert_int_equal(gp_image_decode_bytes(file.data, file.size, GP_MAX_PIXELS, &pixels, NULL), GP_OK);
        assert_int_equal(gp_image_quality(&pixels, true, &q, NULL), GP_OK);
        black += q.frame == GP_FRAME_BLACK;
        assert_true(q.frame == GP_FRAME_NORMAL || q.frame == GP_FRAME_BLACK);
        if (q.frame == GP_FRAME_NORMAL) {
            if (noisy) least_noise = fmin(least_noise, q.noise);
            if (!noisy) most_other = fmax(most_other, q.noise);
            if (blurred) sharpest_blur = fmax(sharpest_blur, q.sharpness);
            if (!blurred) softest_other = fmin(softest_other, q.sharpness);
        }
        gp_mem_free(pixels.rgb);
        gp_bytes_clear(&file);
    }
    fclose(key);
    assert_int_equal(black, 1);
    assert_true(least_noise > 2 * most_other);
    assert_true(softest_other > 2 * sharpest_blur);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed_forms),           cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_noise_is_estimated),     cmocka_unit_test(test_tiny_images),
        cmocka_unit_test(test_black_frames),           cmocka_unit_test(test_transparent_images_are_not_judged),
        cmocka_unit_test(test_uniform_frames),         cmocka_unit_test(test_noise_frames),
        cmocka_unit_test(test_patterns_are_not_noise), cmocka_unit_test(test_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
