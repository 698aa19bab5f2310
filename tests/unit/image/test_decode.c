/* SPDX-License-Identifier: MIT
 * The decoders on 100 synthetic files, compared with Pillow's pixels, and on files that are made or damaged here.
 * Every message is checked, and every allocation fails once. */
#include "corpus.h"
#include "png.h"

#include "base/image_names.h"
#include "base/json.h"
#include "base/str.h"

#include <math.h>

static gp_bytes load(const char *name)
{
    gp_error err = {0};
    gp_bytes bytes;
    char path[300];
    snprintf(path, sizeof path, "tests/golden/images/%s", name);
    assert_ok(gp_file_read(source_path(path), 1 << 24, &bytes, &err));
    return bytes;
}

static void test_golden(void **state)
{
    (void)state;
    gp_error err = {0};
    gp_bytes text = load("images.json");
    gp_json *root;
    assert_ok(gp_json_parse((char *)text.data, text.size, true, 16, &root, &err));
    const gp_json *images = gp_json_get(root, "images");
    assert_int_equal(gp_json_count(images), 100);
    size_t fast = 0;
    for (size_t i = 0; i < gp_json_count(images); i++) {
        const gp_json *image = gp_json_at(images, i);
        const char *name = gp_json_text(gp_json_get(image, "file"), NULL);
        uint64_t w = 0, h = 0;
        assert_true(gp_json_u64(gp_json_get(image, "width"), &w) && gp_json_u64(gp_json_get(image, "height"), &h));
        gp_bytes bytes = load(name);
        gp_pixels pixels = GP_INIT(gp_pixels);
        gp_image_info head;
        assert_ok(gp_image_decode_bytes(bytes.data, bytes.size, 0, &pixels, &err));
        assert_ok(gp_image_read_info(bytes.data, bytes.size, &head, &err));
        assert_int_equal(pixels.width, w);
        assert_int_equal(pixels.height, h);
        assert_int_equal(head.width, w);
        assert_int_equal(head.height, h);
        const char *number = strstr(name, "orientation-");
        assert_int_equal(head.orientation, number ? atoi(number + 12) : 0);
        assert_int_equal(head.animated, strstr(name, "animated") != NULL);
        assert_true(gp_name_is_image(name));
        char crc[16];
        snprintf(crc, sizeof crc, "%08x", crc_of_pixels(&pixels));
        if (strcmp(crc, gp_json_text(gp_json_get(image, "rgb_crc32"), NULL)) != 0) fail_msg("%s: wrong pixels", name);
        bool answered = false;
        if (head.format == GP_FORMAT_PNG) assert_true(fast_equals_full(bytes.data, bytes.size, 0, &answered));
        fast += answered;
        gp_pixels_clear(&pixels);
        gp_bytes_clear(&bytes);
    }
    assert_int_equal(fast, 52); /* the fast decoder supports only 8-bit files without interlacing */
    gp_json_free(root);
    gp_bytes_clear(&text);
}

/* ------------------------------------------------------------------ messages */

static void expect(const void *bytes, size_t size, gp_status status, const char *message)
{
    gp_error err = {0};
    gp_pixels pixels = {.width = 7, .height = 7, .rgb = NULL};
    /* each file is in its own memory block, so that ASan detects a read past the end */
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    if (size) memcpy(exact, bytes, size);
    gp_status got = gp_image_decode_bytes(exact, size, 1000, &pixels, &err);
    assert_string_equal(err.message, message);
    assert_int_equal(got, status);
    assert_int_equal(err.status, status);
    assert_int_equal(pixels.width, 7); /* the decoder writes the output only on success */
    free(exact);
}

static void test_not_images(void **state)
{
    (void)state;
#define SAYS(text, status, message) expect(text, sizeof(text) - 1, status, message)
    SAYS("", GP_ERR_FORMAT, "is empty");
    SAYS("8BPS\0\1", GP_ERR_UNSUPPORTED, "is a Photoshop file, which goldpan does not read");
    SAYS("\0\0\0 ftypheic", GP_ERR_UNSUPPORTED, "is an HEIC image, which goldpan does not read");
    SAYS("BM\0\0\0\0\0\0\0\0", GP_ERR_FORMAT, "BMP data is truncated");
    SAYS("a photo of a cat\n", GP_ERR_UNSUPPORTED, "is a text file, which goldpan does not read");
    SAYS("version https://git-lfs.github.com/spec/v1\n", GP_ERR_UNSUPPORTED,
         "is a Git LFS pointer, which goldpan does not read");
    SAYS("\n <!DOCTYPE html>", GP_ERR_UNSUPPORTED, "is an HTML page, which goldpan does not read");
    SAYS("\0\0\0\0\0", GP_ERR_FORMAT, "is nothing but zeros");
    SAYS("\1\2\3\4\5", GP_ERR_FORMAT, "is not an image");
    SAYS("\x89PNG\r\n\n", GP_ERR_FORMAT, "is a PNG image with a damaged signature");
    SAYS("\x89PNG\r\n\x1a\n", GP_ERR_FORMAT, "PNG data is truncated");
    SAYS("\xff\xd8\xff", GP_ERR_FORMAT, "JPEG data is truncated");
    SAYS("RIFF\4\0\0\0WEBP", GP_ERR_FORMAT, "WebP data is truncated");
}

static void expect_of(const char *name, size_t cut, size_t at, uint8_t xor, gp_status status, const char *message)
{
    gp_bytes bytes = load(name);
    if (xor) bytes.data[at] ^= xor;
    expect(bytes.data, cut ? cut : bytes.size, status, message);
    gp_bytes_clear(&bytes);
}

static void test_damage(void **state)
{
    (void)state;
    expect_of("in/png-rgb8.png", 0, 0, 0, GP_ERR_LIMIT, "97x61 pixels is over the limit of 1000");
    expect_of("in/jpg-gray.jpg", 0, 0, 0, GP_ERR_LIMIT, "123x91 pixels is over the limit of 1000");
    expect_of("in/webp-lossy.webp", 0, 0, 0, GP_ERR_LIMIT, "101x67 pixels is over the limit of 1000");
    expect_of("in/noise-64x1.png", 100, 0, 0, GP_ERR_FORMAT, "PNG data is truncated");
    expect_of("in/noise-64x1.png", 0, 17, 1, GP_ERR_FORMAT, "PNG chunk IHDR is damaged: its checksum is wrong");
    expect_of("in/noise-64x1.png", 0, 60, 1, GP_ERR_FORMAT, "PNG image data is damaged: its checksum is wrong");
    expect_of("in/jpg-edges-17x15.jpg", 700, 0, 0, GP_ERR_FORMAT, "JPEG data is truncated");
    expect_of("in/webp-1x1.webp", 50, 0, 0, GP_ERR_FORMAT, "WebP data is damaged or truncated");
}

static void expect_whole(const uint8_t *bytes, size_t size, const gp_bytes *same_as)
{
    gp_pixels a = GP_INIT(gp_pixels), b = GP_INIT(gp_pixels);
    gp_error err = {0};
    assert_ok(gp_image_decode_bytes(bytes, size, 0, &a, &err));
    assert_ok(gp_image_decode_bytes(same_as->data, same_as->size, 0, &b, &err));
    assert_memory_equal(a.rgb, b.rgb, 3 * (size_t)b.width * b.height);
    gp_pixels_clear(&a);
    gp_pixels_clear(&b);
}

/* Damage in an ancillary chunk, at any position, is not an error: such a chunk contains no pixels. */
static void test_damaged_metadata(void **state)
{
    (void)state;
    static const char *const names[] = {"tEXt", "zTXt", "iTXt", "eXIf", "gAMA", "pHYs",
                                        "iCCP", "tRNS", "acTL", "fcTL", "priv"};
    gp_bytes png = load("in/noise-3x3.png");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int behind = 0; behind < 2; behind++) {
            gp_str s = GP_STR_INIT;
            size_t at = behind ? png.size - 12 : 33;
            gp_str_add(&s, png.data, at);
            png_chunk(&s, names[i], "key\0\0text", 9);
            s.data[s.size - 1] ^= 1; /* the test changes the last byte of the checksum */
            gp_str_add(&s, png.data + at, png.size - at);
            if (!behind || (strcmp(names[i], "acTL") && strcmp(names[i], "fcTL")))
                expect_whole((const uint8_t *)s.data, s.size, &png);
            gp_str_clear(&s);
        }
    }
    gp_bytes_clear(&png);
}

/* As in Pillow, a file is decoded even if these parts after the last row are missing: the checksum of the stream, the
 * CRC, IEND, and the end marker of a JPEG. */
static void test_missing_end(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t less;
    } cases[] = {{"in/noise-3x3.png", 12},
                 {"in/noise-3x3.png", 12 + 4 + 4},
                 {"in/png-gray1-adam7.png", 12 + 4 + 4},
                 {"in/png-pal4.png", 12 + 4 + 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gp_bytes bytes = load(cases[i].name);
        expect_whole(bytes.data, bytes.size - cases[i].less, &bytes);
        gp_bytes_clear(&bytes);
    }
}

/* ------------------------------------------------------------------ files that need much time or memory */

static void test_bombs(void **state)
{
    (void)state;
    /* a compressed text before or after the pixels inflates to a thousand times its size; the image is still decoded */
    size_t big = 2 << 20;
    uint8_t *zeros = calloc(big, 1), packed[10000] = "text\0";
    uLongf packed_size = sizeof packed - 6;
    assert_non_null(zeros);
    assert_int_equal(compress(packed + 6, &packed_size, zeros, big), Z_OK);
    free(zeros);
    gp_bytes png = load("in/noise-3x3.png");
    for (int behind = 0; behind < 2; behind++) {
        gp_str s = GP_STR_INIT;
        size_t at = behind ? png.size - 12 : 33;
        gp_str_add(&s, png.data, at);
        png_chunk(&s, "zTXt", packed, packed_size + 6);
        gp_str_add(&s, png.data + at, png.size - at);
        expect_whole((const uint8_t *)s.data, s.size, &png);
        gp_str_clear(&s);
    }
    gp_bytes_clear(&png);
    /* a progressive file whose last scan is repeated 600 times */
    gp_bytes jpeg = load("in/jpg-gray-progressive.jpg");
    gp_str s = GP_STR_INIT;
    size_t end = jpeg.size - 2, scan = end;
    while (!(jpeg.data[scan] == 0xff && jpeg.data[scan + 1] == 0xda)) scan--;
    gp_str_add(&s, jpeg.data, scan);
    for (int i = 0; i < 600; i++) gp_str_add(&s, jpeg.data + scan, end - scan);
    gp_str_add(&s, jpeg.data + end, 2);
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_error err = {0};
    assert_int_equal(gp_image_decode_bytes((uint8_t *)s.data, s.size, 0, &pixels, &err), GP_ERR_LIMIT);
    assert_string_equal(err.message, "JPEG has more than 500 scans");
    gp_str_clear(&s);
    gp_bytes_clear(&jpeg);
}

/* Tests a PNG with correct checksums and a filter number that does not exist. */
static void test_unknown_filter(void **state)
{
    (void)state;
    uint8_t packed[100];
    uLongf size = sizeof packed;
    assert_int_equal(compress(packed, &size, (const uint8_t *)"\5abc", 4), Z_OK);
    gp_str s = GP_STR_INIT;
    gp_str_add(&s, "\x89PNG\r\n\x1a\n", 8);
    png_chunk(&s, "IHDR", "\0\0\0\1\0\0\0\1\b\2\0\0\0", 13);
    png_chunk(&s, "IDAT", packed, size);
    png_chunk(&s, "IEND", "", 0);
    expect(s.data, s.size, GP_ERR_FORMAT, "PNG image data is damaged: bad adaptive filter value");
    gp_str_clear(&s);
}

/* An animation of 3x2 pixels whose first frame covers one pixel: the other pixels are black. */
static void test_small_first_frame(void **state)
{
    (void)state;
    gp_bytes one = load("in/webp-1x1.webp");
    gp_pixels pixel = GP_INIT(gp_pixels), pixels = GP_INIT(gp_pixels);
    gp_error err = {0};
    assert_ok(gp_image_decode_bytes(one.data, one.size, 0, &pixel, &err));
    size_t part = one.size - 12; /* the chunk with the pixels */
    gp_str s = GP_STR_INIT;
    gp_str_add(&s, "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\2\0\0\0\2\0\0\1\0\0ANIM\6\0\0\0\xff\xff\xff\xff\0\0", 44);
    s.data[4] = (char)(44 - 8 + 24 + part);
    /* the offset of the first frame is (2, 0); the file stores it in units of two pixels */
    gp_str_add(&s, "ANMF\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\x64\0\0\0", 24);
    s.data[44 + 4] = (char)(16 + part);
    gp_str_add(&s, one.data + 12, part);
    assert_ok(gp_image_decode_bytes((uint8_t *)s.data, s.size, 0, &pixels, &err));
    uint8_t want[18] = {0};
    memcpy(want + 6, pixel.rgb, 3);
    assert_int_equal(pixels.width, 3);
    assert_int_equal(pixels.height, 2);
    assert_memory_equal(pixels.rgb, want, 18);
    gp_pixels_clear(&pixel);
    gp_pixels_clear(&pixels);
    gp_str_clear(&s);
    gp_bytes_clear(&one);
}

/* Every prefix of a file gives an error or the whole image, and never a crash. */
static void test_prefixes(void **state)
{
    (void)state;
    static const char *const names[] = {"in/noise-3x3.png", "in/png-gray1-adam7.png", "in/jpg-edges-8x8.jpg",
                                        "in/webp-1x1.webp", "in/png-pal2.png"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        gp_bytes bytes = load(names[i]);
        gp_pixels whole = GP_INIT(gp_pixels), part = GP_INIT(gp_pixels);
        gp_error err = {0};
        assert_ok(gp_image_decode_bytes(bytes.data, bytes.size, 0, &whole, &err));
        size_t read = 0;
        for (size_t n = 0; n < bytes.size; n++) {
            uint8_t *exact = malloc(n ? n : 1);
            assert_non_null(exact);
            memcpy(exact, bytes.data, n);
            if (gp_image_decode_bytes(exact, n, 0, &part, &err) == GP_OK) {
                assert_memory_equal(part.rgb, whole.rgb, 3 * (size_t)whole.width * whole.height);
                gp_pixels_clear(&part);
                read++;
            }
            free(exact);
        }
        /* a truncated file is decoded only if it lacks no more than the end marker and checksums, which are shorter
         * than 32 bytes */
        assert_true(read < 32);
        gp_pixels_clear(&whole);
        gp_bytes_clear(&bytes);
    }
}

/* ------------------------------------------------------------------ decoding at reduced size */

/* Each value of `small` represents a block of by x by values of `whole`.  Returns the mean of |value - mean of its
 * block|. */
static double away(const gp_pixels *whole, const gp_pixels *small, uint32_t by)
{
    double sum = 0;
    for (uint32_t y = 0; y < small->height; y++)
        for (uint32_t x = 0; x < small->width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                double block = 0, n = 0;
                for (uint32_t i = y * by; i < (y + 1) * by && i < whole->height; i++)
                    for (uint32_t j = x * by; j < (x + 1) * by && j < whole->width; j++, n++)
                        block += whole->rgb[3 * ((size_t)i * whole->width + j) + c];
                sum += fabs(block / n - small->rgb[3 * ((size_t)y * small->width + x) + c]);
            }
    return sum / (3.0 * small->width * small->height);
}

static void test_reduced(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool whole;
    } files[] = {
        {"in/jpg-420-q90.jpg", false},          {"in/jpg-444-q90.jpg", false},
        {"in/jpg-discs-301x299.jpg", false},    {"in/jpg-edges-17x15.jpg", false},
        {"in/jpg-noise-1x1.jpg", false},        {"in/jpg-gray.jpg", false},
        {"in/jpg-gray-progressive.jpg", false}, {"in/jpg-cmyk.jpg", false},
        {"in/webp-lossy-500x333.webp", true},   {"in/png-rgb8.png", true},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        gp_error err = {0};
        gp_bytes bytes = load(files[i].name);
        gp_pixels whole = GP_INIT(gp_pixels), small = GP_INIT(gp_pixels);
        assert_ok(gp_image_decode_bytes(bytes.data, bytes.size, 0, &whole, &err));
        for (uint32_t by = 1; by <= 8; by *= 2) {
            const uint32_t n = files[i].whole ? 1 : by;
            assert_ok(gp_image_decode_reduced(bytes.data, bytes.size, 0, by, &small, &err));
            assert_int_equal(small.width, (whole.width + n - 1) / n);
            assert_int_equal(small.height, (whole.height + n - 1) / n);
            double a = away(&whole, &small, n);
            if (n == 1 ? a != 0 : a > 4) /* measured 2.7 */
                fail_msg("%s at 1/%u: %.2f away", files[i].name, by, a);
            gp_pixels_clear(&small);
        }
        /* the limit applies to the size of the whole image, not of the reduced image; damage is still an error */
        if (whole.width > 1) {
            assert_int_equal(gp_image_decode_reduced(bytes.data, bytes.size, 1, 8, &small, &err), GP_ERR_LIMIT);
            assert_int_equal(gp_image_decode_reduced(bytes.data, bytes.size / 2, 0, 8, &small, &err), GP_ERR_FORMAT);
        }
        gp_pixels_clear(&whole);
        gp_bytes_clear(&bytes);
    }
}

/* ------------------------------------------------------------------ memory */

typedef gp_status decoder(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);

static void fail_each_allocation(decoder *decode, const char *name)
{
    gp_bytes bytes = load(name);
    gp_status st = GP_ERR_MEMORY;
    uint64_t n = 1;
    for (; st != GP_OK; n++) {
        gp_pixels pixels = GP_INIT(gp_pixels);
        gp_error err = {0};
        gp_mem_fail_at(n);
        st = decode(bytes.data, bytes.size, 0, &pixels, &err);
        gp_mem_fail_at(0);
        if (st != GP_OK && st != GP_ERR_MEMORY) fail_msg("%s, allocation %d: %s", name, (int)n, err.message);
        gp_pixels_clear(&pixels);
        assert_true(n < 100);
    }
    assert_true(n > 2); /* at least one allocation was made to fail */
    gp_bytes_clear(&bytes);
}

static gp_status half_size(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    return gp_image_decode_reduced(bytes, size, max_pixels, 2, out, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    fail_each_allocation(gp_image_png_fast, "in/png-rgb8.png");
    fail_each_allocation(gp_image_png_full, "in/png-rgb8-adam7.png");
    fail_each_allocation(gp_image_png_full, "in/png-pal4.png");
    fail_each_allocation(gp_image_decode_bytes, "in/jpg-cmyk.jpg");
    fail_each_allocation(gp_image_decode_bytes, "in/webp-animated-alpha.webp");
    fail_each_allocation(half_size, "in/jpg-cmyk.jpg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_not_images),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_missing_end),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_damaged_metadata),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_unknown_filter),
        cmocka_unit_test(test_small_first_frame),
        cmocka_unit_test(test_reduced),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
