/* SPDX-License-Identifier: MIT
 * BMP, GIF, TIFF, AVIF and JPEG XL: small files in tests/golden/images/formats, compared with Pillow's pixels, and the
 * same files damaged.  Files of a format that goldpan was built without must be rejected with a message. */
#include "corpus.h"

#include "base/image_names.h"
#include "image/chunks.h"
#include "image/codec.h"
#include "image/stream.h"

#ifdef GP_HAVE_AVIF
#include <avif/avif.h>
#endif

static gp_bytes load(const char *name)
{
    gp_error err = {0};
    gp_bytes bytes;
    char path[300];
    snprintf(path, sizeof path, "tests/golden/images/formats/%s", name);
    assert_ok(gp_file_read(source_path(path), 1 << 20, &bytes, &err));
    return bytes;
}

/* Returns whether goldpan was built with the format of a file. If not, checks the message. */
static bool is_built(const char *name, const gp_bytes *bytes)
{
    gp_error err = {0};
    gp_pixels pixels = GP_INIT(gp_pixels);
    const gp_codec *codec = gp_codec_of(gp_image_sniff(bytes->data, bytes->size, NULL));
    if (!codec) fail_msg("%s: the format is not recognised", name);
    if (codec->decode) return true;
    assert_int_equal(gp_image_decode_bytes(bytes->data, bytes->size, 0, &pixels, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "this goldpan was built without "));
    assert_non_null(gp_name_unbuilt_format(name));
    return false;
}

/* ------------------------------------------------------------------ golden pixels */

enum { ROWS = 80 };
enum { NAME, WIDTH, HEIGHT, ORIENTATION, ANIMATED, ALLOWED, CRC, RED, CELLS = RED + 3 };

/* The AVIF files were compared with libavif 0.11 and with the libavif 1.4 of Pillow. Other versions may convert the
 * colours differently, so only the mean colour is compared. */
static double allowed_for(const char *const *cell)
{
#ifdef GP_HAVE_AVIF
    if (strstr(cell[NAME], ".avif") && AVIF_VERSION >= 120000 && AVIF_VERSION < 1040000) return 3;
#endif
    return atof(cell[ALLOWED]);
}

static void check_pixels(const char *const *cell, const gp_pixels *pixels)
{
    char crc[16];
    snprintf(crc, sizeof crc, "%08x", crc_of_pixels(pixels));
    const double count = (double)pixels->width * pixels->height, allowed = allowed_for(cell);
    if (allowed == 0 && strcmp(crc, cell[CRC]) != 0) fail_msg("%s: wrong pixels", cell[NAME]);
    for (size_t c = 0; c < 3; c++) {
        double sum = 0;
        for (size_t i = c; i < 3 * (size_t)pixels->width * pixels->height; i += 3) sum += pixels->rgb[i];
        const double apart = (sum - atof(cell[RED + c])) / count;
        if (apart > allowed || apart < -allowed) fail_msg("%s: channel %zu differs by %f", cell[NAME], c, apart);
    }
}

static void check_row(const char *const *cell)
{
    gp_error err = {0};
    gp_bytes bytes = load(cell[NAME]);
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_image_info head;
    if (is_built(cell[NAME], &bytes)) {
        if (gp_image_decode_bytes(bytes.data, bytes.size, 0, &pixels, &err) != GP_OK)
            fail_msg("%s: %s", cell[NAME], err.message);
        assert_ok(gp_image_read_info(bytes.data, bytes.size, &head, &err));
        assert_int_equal(pixels.width, atoi(cell[WIDTH]));
        assert_int_equal(pixels.height, atoi(cell[HEIGHT]));
        assert_int_equal(head.width, pixels.width);
        assert_int_equal(head.height, pixels.height);
        assert_int_equal(head.orientation, atoi(cell[ORIENTATION]));
        assert_int_equal(head.animated, atoi(cell[ANIMATED]));
        assert_true(gp_name_is_image(cell[NAME]));
        check_pixels(cell, &pixels);
        gp_pixels_clear(&pixels);
        const uint64_t one_less = (uint64_t)head.width * head.height - 1;
        assert_int_equal(gp_image_decode_bytes(bytes.data, bytes.size, one_less, &pixels, &err), GP_ERR_LIMIT);
    }
    gp_bytes_clear(&bytes);
}

static void test_golden(void **state)
{
    (void)state;
    char line[400];
    size_t rows = 0;
    FILE *table = fopen(source_path("tests/golden/images/formats.tsv"), "r");
    assert_non_null(table);
    for (; fgets(line, sizeof line, table); rows++) {
        const char *cells[CELLS];
        split_line(line, cells, CELLS);
        check_row(cells);
    }
    fclose(table);
    assert_int_equal(rows, ROWS);
}

/* ------------------------------------------------------------------ metadata */

static const struct {
    const char *plain, *with_texts, *key, *text, *other_key, *other_text;
} twins[] = {
    {"no-texts.gif", "texts.gif", "gif:comment", "hello world", "xmp", "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>"},
    {"no-texts.avif", "texts.avif", "exif:ImageDescription", "a fox", "xmp", "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>"},
    {"no-texts.jxl", "texts.jxl", "exif:ImageDescription", "a fox", "xmp", "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>"},
    {"no-texts.jxl", "packed-texts.jxl", "exif:ImageDescription", "a fox", "xmp",
     "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>"},
    {"no-texts.tif", "texts.tif", "exif:ImageDescription", "a fox", "exif:UserComment", "a wolf"},
    {"no-texts.tif", "texts.tif", "xmp", "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>", "exif:UserComment", "a wolf"},
};

static gp_hash stream_of(const gp_bytes *bytes)
{
    gp_error err = {0};
    gp_hash hash;
    bool known = false;
    assert_ok(gp_image_stream(bytes->data, bytes->size, &hash, &known, &err));
    assert_true(known);
    return hash;
}

static void expect_text(const gp_chunks *chunks, const char *key, const char *text)
{
    const gp_chunk *chunk = gp_chunks_find(chunks, key);
    if (!chunk) fail_msg("no text %s", key);
    assert_string_equal(chunk->text, text);
}

/* Texts are read, and do not change the hash of the compressed pixels; a changed pixel does. */
static void test_texts(void **state)
{
    (void)state;
    gp_error err = {0};
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        gp_bytes plain = load(twins[i].plain), marked = load(twins[i].with_texts);
        if (is_built(twins[i].plain, &plain)) {
            gp_chunks chunks;
            gp_hash a = stream_of(&plain), b = stream_of(&marked);
            if (memcmp(a.bytes, b.bytes, sizeof a.bytes) != 0) fail_msg("%s: another hash", twins[i].with_texts);
            assert_ok(gp_image_read_chunks(plain.data, plain.size, &chunks, &err));
            assert_null(gp_chunks_find(&chunks, twins[i].key));
            gp_chunks_clear(&chunks);
            assert_ok(gp_image_read_chunks(marked.data, marked.size, &chunks, &err));
            expect_text(&chunks, twins[i].key, twins[i].text);
            expect_text(&chunks, twins[i].other_key, twins[i].other_text);
            gp_chunks_clear(&chunks);
        }
        gp_bytes_clear(&plain);
        gp_bytes_clear(&marked);
    }
}

static void test_identity(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool plain;
        int from_end; /* distance of a byte of compressed pixels from the end of the file; 0: not tested */
    } files[] = {{"8bit.bmp", true, 1},      {"alpha.bmp", false, 1},      {"palette.gif", true, 40},
                 {"animated.gif", false, 3}, {"no-palette.gif", true, 40}, {"RGB.tif", true, 0},
                 {"RGBA.tif", false, 0},     {"jpeg.tif", true, 0},        {"part-transparent.gif", false, 20},
                 {"444.avif", true, 9},      {"alpha.avif", false, 9},     {"rgb.jxl", true, 9},
                 {"alpha.jxl", false, 9},    {"jpeg.jxl", true, 0}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        gp_bytes bytes = load(files[i].name);
        if (is_built(files[i].name, &bytes)) {
            gp_hash a = stream_of(&bytes);
            if (gp_image_is_plain(bytes.data, bytes.size) != files[i].plain) fail_msg("%s: plain", files[i].name);
            if (files[i].from_end) {
                bytes.data[bytes.size - (size_t)files[i].from_end] ^= 1;
                gp_hash b = stream_of(&bytes);
                assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
            }
        }
        gp_bytes_clear(&bytes);
    }
}

/* ------------------------------------------------------------------ damage */

static void decode_exact(const uint8_t *bytes, size_t size)
{
    gp_pixels pixels = {.width = 7, .height = 7, .rgb = NULL};
    gp_error err = {0};
    /* each file is in its own memory block, so that ASan detects a read past the end */
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    if (gp_image_decode_bytes(exact, size, 100000, &pixels, &err) == GP_OK) {
        gp_mem_free(pixels.rgb);
    } else {
        assert_int_equal(pixels.width, 7); /* the decoder writes the output only on success */
        assert_true(err.message[0] && !strchr(err.message, '\n'));
    }
    free(exact);
}

static void test_damage(void **state)
{
    (void)state;
    static const char *const names[] = {"4bit.bmp",         "rle8.bmp",  "part.gif",   "texts.gif",  "P.tif",
                                        "tiles.tif",        "jpeg.tif",  "planes.tif", "texts.avif", "alpha.avif",
                                        "packed-texts.jxl", "lossy.jxl", "jpeg.jxl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gp_bytes bytes = load(names[i]);
        const size_t step = bytes.size / 100 + 1;
        for (size_t n = 0; n < bytes.size; n += step) decode_exact(bytes.data, n);
        for (size_t n = 0; n < bytes.size; n += step) {
            bytes.data[n] ^= 0xff;
            decode_exact(bytes.data, bytes.size);
            bytes.data[n] ^= 0xff;
        }
        gp_bytes_clear(&bytes);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"8bit.bmp",   "rle8.bmp",         "part.gif", "planes.tif", "turned-6.tif",
                                        "alpha.avif", "12bit-422-3.avif", "rgb.jxl",  "jpeg.jxl",   "gray16.jxl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        gp_bytes bytes = load(names[i]);
        gp_status st = is_built(names[i], &bytes) ? GP_ERR_MEMORY : GP_OK;
        for (uint64_t n = 1; st != GP_OK; n++) {
            gp_pixels pixels = GP_INIT(gp_pixels);
            gp_error err = {0};
            gp_mem_fail_at(n);
            st = gp_image_decode_bytes(bytes.data, bytes.size, 0, &pixels, &err);
            gp_mem_fail_at(0);
            if (st != GP_OK && st != GP_ERR_MEMORY) fail_msg("%s, allocation %d: %s", names[i], (int)n, err.message);
            gp_pixels_clear(&pixels);
            assert_true(n < 100);
        }
        gp_bytes_clear(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden), cmocka_unit_test(test_texts),     cmocka_unit_test(test_identity),
        cmocka_unit_test(test_damage), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
