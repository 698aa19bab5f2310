/* SPDX-License-Identifier: MIT
 * The hash of compressed pixels: independent of metadata, dependent on every pixel, and no read beyond the input. */
#include "image/stream.h"
#include "base/mem.h"
#include "image/image.h"
#include "picture.h"
#include "png.h"

#include <webp/encode.h>
#include <webp/mux.h>

static gp_hash stream_of(const void *bytes, size_t size)
{
    gp_error err = {0};
    gp_hash out;
    bool known = false;
    assert_ok(gp_image_stream(bytes, size, &out, &known, &err));
    assert_true(known);
    return out;
}

static void assert_stream(const void *a, size_t a_size, const void *b, size_t b_size, bool same)
{
    gp_hash x = stream_of(a, a_size), y = stream_of(b, b_size);
    assert_int_equal(memcmp(x.bytes, y.bytes, sizeof x.bytes) == 0, same);
}

/* Appends a copy of the PNG `in` to `out`. The copy has a text chunk after its header, and IDAT chunks of `piece`
 * bytes. */
static void rewrite_png(const gp_str *in, const char *text, size_t piece, gp_str *out)
{
    gp_str_add(out, in->data, 8);
    for (size_t at = 8; at < in->size;) {
        const uint8_t *p = (const uint8_t *)in->data + at;
        size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        bool idat = memcmp(p + 4, "IDAT", 4) == 0;
        for (size_t k = 0; idat && k < n; k += piece) png_chunk(out, "IDAT", p + 8 + k, n - k < piece ? n - k : piece);
        if (!idat) gp_str_add(out, p, n + 12);
        if (memcmp(p + 4, "IHDR", 4) == 0 && text) png_chunk(out, "tEXt", text, strlen(text));
        at += n + 12;
    }
}

static void test_png(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_str png = GP_STR_INIT, other = GP_STR_INIT, marked = GP_STR_INIT;
    uint8_t *rgb = noise_picture(40, 30);
    assert_ok(gp_image_png_bytes(rgb, 40, 30, &png, &err));
    rewrite_png(&png, "Rating", 100, &marked);
    assert_stream(png.data, png.size, marked.data, marked.size, true);
    rgb[0] ^= 1;
    assert_ok(gp_image_png_bytes(rgb, 40, 30, &other, &err));
    assert_stream(png.data, png.size, other.data, other.size, false);
    assert_true(gp_image_is_plain((const uint8_t *)png.data, png.size));
    /* a change of the palette or of the transparency changes the hash */
    gp_str clear = GP_STR_INIT;
    gp_str_add(&clear, png.data, 33);
    png_chunk(&clear, "tRNS", "\0\1\0\2\0\3", 6);
    gp_str_add(&clear, png.data + 33, png.size - 33);
    assert_stream(png.data, png.size, clear.data, clear.size, false);
    assert_false(gp_image_is_plain((const uint8_t *)clear.data, clear.size));
    gp_str_clear(&clear);
    gp_str_clear(&marked);
    gp_str_clear(&other);
    gp_str_clear(&png);
    free(rgb);
}

static void test_jpeg(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_str jpeg = GP_STR_INIT, other = GP_STR_INIT, marked = GP_STR_INIT, adobe = GP_STR_INIT;
    uint8_t *rgb = noise_picture(40, 30);
    assert_ok(gp_image_jpeg_bytes(rgb, 40, 30, 90, &jpeg, &err));
    gp_str_add(&marked, jpeg.data, 2);
    gp_str_add(&marked, "\xff\xe1\x00\x0bhttp://x\0", 13);
    gp_str_add(&marked, "\xff\xfe\x00\x07hello", 9);
    gp_str_add(&marked, jpeg.data + 2, jpeg.size - 2);
    gp_str_puts(&marked, "\xff\xd8\xff trailing things of a phone");
    assert_stream(jpeg.data, jpeg.size, marked.data, marked.size, true);
    gp_str_add(&adobe, jpeg.data, 2);
    gp_str_add(&adobe,
               "\xff\xee\x00\x0e"
               "Adobe\0\x64\0\0\0\0\0",
               16); /* transform 0 means RGB */
    gp_str_add(&adobe, jpeg.data + 2, jpeg.size - 2);
    assert_stream(jpeg.data, jpeg.size, adobe.data, adobe.size, false);
    rgb[600] ^= 128;
    assert_ok(gp_image_jpeg_bytes(rgb, 40, 30, 90, &other, &err));
    assert_stream(jpeg.data, jpeg.size, other.data, other.size, false);
    gp_str_clear(&adobe);
    gp_str_clear(&marked);
    gp_str_clear(&other);
    gp_str_clear(&jpeg);
    free(rgb);
}

/* Makes a simple WebP file, and the same bitstream in a container with EXIF. */
static void webp_with_exif(const uint8_t *bytes, size_t size, WebPData *out)
{
    WebPData in = {bytes, size}, exif = {(const uint8_t *)"Exif\0\0II*\0\x08\0\0\0\0\0", 16};
    WebPMux *mux = WebPMuxCreate(&in, 1);
    assert_non_null(mux);
    assert_int_equal(WebPMuxSetChunk(mux, "EXIF", &exif, 1), WEBP_MUX_OK);
    assert_int_equal(WebPMuxAssemble(mux, out), WEBP_MUX_OK);
    WebPMuxDelete(mux);
}

static void test_webp(void **state)
{
    (void)state;
    uint8_t *rgb = noise_picture(40, 30), *lossy = NULL, *lossless = NULL;
    size_t lossy_size = WebPEncodeRGB(rgb, 40, 30, 120, 80, &lossy);
    size_t lossless_size = WebPEncodeLosslessRGB(rgb, 40, 30, 120, &lossless);
    WebPData a = {0}, b = {0};
    webp_with_exif(lossy, lossy_size, &a);
    webp_with_exif(lossless, lossless_size, &b);
    assert_stream(lossy, lossy_size, a.bytes, a.size, true);
    assert_stream(lossless, lossless_size, b.bytes, b.size, true);
    assert_stream(lossy, lossy_size, lossless, lossless_size, false);
    assert_true(gp_image_is_plain(lossy, lossy_size));
    WebPDataClear(&a);
    WebPDataClear(&b);
    WebPFree(lossy);
    WebPFree(lossless);
    free(rgb);
}

static void test_damaged(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_str png = GP_STR_INIT, jpeg = GP_STR_INIT;
    uint8_t *rgb = noise_picture(16, 16);
    assert_ok(gp_image_png_bytes(rgb, 16, 16, &png, &err));
    assert_ok(gp_image_jpeg_bytes(rgb, 16, 16, 90, &jpeg, &err));
    const gp_str *files[] = {&png, &jpeg};
    for (int f = 0; f < 2; f++)
        for (size_t n = 0; n < files[f]->size; n++) {
            /* the data is in a separate memory block, so that ASan detects a read past the end */
            uint8_t *cut = gp_mem_new(n ? n : 1, 1);
            bool known = true;
            gp_hash out;
            assert_non_null(cut);
            if (n) memcpy(cut, files[f]->data, n);
            assert_ok(gp_image_stream(cut, n, &out, &known, &err));
            assert_false(known);
            (void)gp_image_is_plain(cut, n);
            gp_mem_free(cut);
        }
    gp_str_clear(&jpeg);
    gp_str_clear(&png);
    free(rgb);
}

static void test_pixels(void **state)
{
    (void)state;
    gp_error err = {0};
    uint8_t rgb[24] = {1, 2, 3};
    gp_hash a, b, c;
    assert_ok(gp_pixels_hash(&(gp_pixels){.width = 4, .height = 2, .rgb = rgb}, &a, &err));
    assert_ok(gp_pixels_hash(&(gp_pixels){.width = 2, .height = 4, .rgb = rgb}, &b, &err));
    rgb[23] = 1;
    assert_ok(gp_pixels_hash(&(gp_pixels){.width = 4, .height = 2, .rgb = rgb}, &c, &err));
    assert_memory_not_equal(a.bytes, b.bytes, 16);
    assert_memory_not_equal(a.bytes, c.bytes, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png), cmocka_unit_test(test_jpeg),
                                       cmocka_unit_test(test_webp), cmocka_unit_test(test_damaged),
                                       cmocka_unit_test(test_pixels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
