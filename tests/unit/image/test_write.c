/* SPDX-License-Identifier: MIT
 * Images are written and read back: PNG exactly, JPEG nearly.  The bytes are the same each time and contain goldpan's
 * mark.  A failure leaves nothing behind. */
#include "corpus.h"

#include "base/own.h"
#include "base/rng.h"
#include "image/mark.h"
#include "png.h"

#include <dirent.h>
#include <sys/stat.h>

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/goldpan-write-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static const char *in_folder(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t files_in_folder(void)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    closedir(d);
    return n;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"a.png", "a.jpg"};
    for (size_t i = 0; i < 2; i++) unlink(in_folder(names[i]));
    return rmdir(folder);
}

static uint8_t *gradient(uint32_t w, uint32_t h, unsigned noise)
{
    uint8_t *rgb = malloc(3 * (size_t)w * h);
    assert_non_null(rgb);
    for (uint32_t y = 0; y < h; y++)
        for (uint32_t x = 0; x < w; x++)
            for (uint32_t c = 0; c < 3; c++) {
                size_t i = 3 * ((size_t)y * w + x) + c;
                rgb[i] = (uint8_t)((c == 0   ? 40 + x
                                    : c == 1 ? 30 + y
                                             : 60 + (x + y) / 2) +
                                   gp_rng_at(3, i) % (noise + 1));
            }
    return rgb;
}

static gp_bytes read_back(const char *name, gp_pixels *pixels)
{
    gp_bytes bytes;
    gp_error err = {0};
    assert_ok(gp_file_read(in_folder(name), 1 << 24, &bytes, &err));
    assert_ok(gp_image_decode_bytes(bytes.data, bytes.size, 0, pixels, &err));
    return bytes;
}

/* Appends the PNG of gp_image_png_bytes to `out`, with the mark after the IHDR chunk. */
static void marked_png(const uint8_t *rgb, uint32_t w, uint32_t h, gp_str *out)
{
    enum { BEFORE = 6, HEAD = 33 };
    static const char mark[] = GP_MARK_IMAGE "\0a test";
    gp_str bytes = GP_STR_INIT;
    gp_error err = {0};
    gp_str_puts(&bytes, "before");
    assert_ok(gp_image_png_bytes(rgb, w, h, &bytes, &err));
    gp_str_add(out, bytes.data + BEFORE, HEAD);
    png_chunk(out, "tEXt", mark, sizeof mark - 1);
    gp_str_add(out, bytes.data + BEFORE + HEAD, bytes.size - BEFORE - HEAD);
    gp_str_clear(&bytes);
}

static void test_png(void **state)
{
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {3, 2}, {131, 97}, {1, 200}, {200, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t w = sizes[i][0], h = sizes[i][1];
        uint8_t *rgb = gradient(w, h, 3);
        gp_error err = {0};
        gp_pixels pixels = GP_INIT(gp_pixels);
        assert_ok(gp_image_write_marked(in_folder("a.png"), rgb, w, h, 0, "a test", &err));
        gp_bytes first = read_back("a.png", &pixels);
        assert_int_equal(pixels.width, w);
        assert_int_equal(pixels.height, h);
        assert_memory_equal(pixels.rgb, rgb, 3 * (size_t)w * h);
        gp_pixels_clear(&pixels);
        assert_ok(gp_image_write_marked(in_folder("a.png"), rgb, w, h, 0, "a test", &err));
        gp_bytes second = read_back("a.png", &pixels);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        gp_pixels_clear(&pixels);
        gp_str bytes = GP_STR_INIT;
        marked_png(rgb, w, h, &bytes);
        assert_int_equal(bytes.size, first.size);
        assert_memory_equal(bytes.data, first.data, first.size);
        gp_str_clear(&bytes);
        gp_bytes_clear(&first);
        gp_bytes_clear(&second);
        free(rgb);
    }
}

static void test_jpeg(void **state)
{
    (void)state;
    uint32_t w = 131, h = 97;
    uint8_t *rgb = gradient(w, h, 0);
    gp_error err = {0};
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        gp_pixels pixels = GP_INIT(gp_pixels);
        assert_ok(gp_image_write_marked(in_folder("a.jpg"), rgb, w, h, i ? 95 : 60, "a test", &err));
        gp_bytes bytes = read_back("a.jpg", &pixels);
        assert_int_equal(pixels.width, w);
        assert_int_equal(pixels.height, h);
        static const char comment[] = "\xff\xd8\xff\xfe\0\x19" GP_MARK_IMAGE ": a test";
        assert_memory_equal(bytes.data, comment, sizeof comment - 1);
        int worst = 0;
        for (size_t k = 0; k < 3 * (size_t)w * h; k++) {
            int d = abs(pixels.rgb[k] - rgb[k]);
            worst = d > worst ? d : worst;
        }
        assert_true(worst <= (i ? 6 : 30));
        sizes[i] = bytes.size;
        gp_pixels_clear(&pixels);
        gp_bytes_clear(&bytes);
    }
    assert_true(sizes[0] < sizes[1]);
    free(rgb);
}

static void test_refused(void **state)
{
    (void)state;
    gp_error err = {0};
    uint8_t rgb[3] = {1, 2, 3};
    gp_str bytes = GP_STR_INIT;
    assert_int_equal(gp_image_write_marked("/nowhere/at/all/a.png", rgb, 1, 1, 0, "a test", &err), GP_ERR_IO);
    assert_non_null(strstr(err.message, "'/nowhere/at/all"));
    assert_int_equal(gp_image_write_marked(in_folder("b.png"), rgb, 0, 1, 0, "a test", &err), GP_ERR_USAGE);
    assert_int_equal(gp_image_write_marked(in_folder("b.jpg"), rgb, 70000, 1, 90, "a test", &err), GP_ERR_USAGE);
    assert_int_equal(gp_image_jpeg_bytes(rgb, 1, 1, 0, &bytes, &err), GP_ERR_USAGE);
    assert_int_equal(gp_image_write_marked(in_folder("b.jpg"), rgb, 1, 1, 101, "a test", &err), GP_ERR_USAGE);
}

static void test_no_memory(void **state)
{
    (void)state;
    uint8_t *rgb = gradient(20, 20, 50);
    gp_status st = GP_ERR_MEMORY;
    size_t before = files_in_folder();
    uint64_t n = 1;
    for (; st != GP_OK; n++) {
        gp_error err = {0};
        gp_mem_fail_at(n);
        st = gp_image_write_marked(in_folder("a.png"), rgb, 20, 20, 0, "a test", &err);
        gp_mem_fail_at(0);
        if (st != GP_OK && st != GP_ERR_MEMORY) fail_msg("allocation %d: %s", (int)n, err.message);
        assert_int_equal(files_in_folder(), before); /* no temporary file stays */
        assert_true(n < 100);
    }
    assert_true(n > 4);
    free(rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png), cmocka_unit_test(test_jpeg),
                                       cmocka_unit_test(test_refused), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
