/* SPDX-License-Identifier: MIT
 * XMP packets in image files, and copies without metadata: own-made files of each format, also damaged ones. */
#include "image/packet.h"

#include "base/hash.h"
#include "image/chunks.h"
#include "image/stream.h"
#include "picture.h"
#include "png.h"

#include <webp/encode.h>

static void put_le32(gp_str *s, uint32_t v)
{
    for (int i = 0; i < 4; i++) gp_str_putc(s, (char)(v >> (8 * i) & 255));
}

/* ------------------------------------------------------------------ files */

enum { SIDE = 8 };

static void fill(uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(i * 37);
}

/* Appends a PNG with these chunks after its header. */
static void make_png(gp_str *out, const gp_str *chunks)
{
    uint8_t rgb[SIDE * SIDE * 3];
    gp_str plain = GP_STR_INIT;
    gp_error err = {0};
    fill(rgb, sizeof rgb);
    assert_ok(gp_image_png_bytes(rgb, SIDE, SIDE, &plain, &err));
    gp_str_add(out, plain.data, 33);
    gp_str_add(out, chunks->data, chunks->size);
    gp_str_add(out, plain.data + 33, plain.size - 33);
    gp_str_clear(&plain);
}

static void put_segment(gp_str *s, int marker, const void *data, size_t size)
{
    const uint8_t head[] = {0xff, (uint8_t)marker, (uint8_t)((size + 2) >> 8), (uint8_t)(size + 2)};
    gp_str_add(s, head, sizeof head);
    gp_str_add(s, data, size);
}

/* Appends a JPEG with these segments after its JFIF segment. */
static void make_jpeg(gp_str *out, const gp_str *segments)
{
    uint8_t rgb[SIDE * SIDE * 3];
    gp_str plain = GP_STR_INIT;
    gp_error err = {0};
    fill(rgb, sizeof rgb);
    assert_ok(gp_image_jpeg_bytes(rgb, SIDE, SIDE, 90, &plain, &err));
    gp_str_add(out, plain.data, 20);
    gp_str_add(out, segments->data, segments->size);
    gp_str_add(out, plain.data + 20, plain.size - 20);
    gp_str_clear(&plain);
}

static void put_riff(gp_str *s, const char *tag, const void *data, size_t size)
{
    gp_str_puts(s, tag);
    put_le32(s, (uint32_t)size);
    gp_str_add(s, data, size);
    if (size & 1) gp_str_putc(s, 0);
}

/* Appends a WebP with transparency. extended: with VP8X and these chunks at its end. */
static void make_webp(gp_str *out, bool extended, const gp_str *chunks)
{
    uint8_t rgba[SIDE * SIDE * 4], *bytes = NULL;
    gp_str body = GP_STR_INIT;
    fill(rgba, sizeof rgba);
    size_t size = WebPEncodeLosslessRGBA(rgba, SIDE, SIDE, SIDE * 4, &bytes);
    assert_true(size > 12);
    const uint8_t head[10] = {0x10 | 8, 0, 0, 0, SIDE - 1, 0, 0, SIDE - 1, 0, 0};
    gp_str_puts(&body, "WEBP");
    if (extended) put_riff(&body, "VP8X", head, sizeof head);
    gp_str_add(&body, bytes + 12, size - 12);
    gp_str_add(&body, chunks->data, chunks->size);
    put_riff(out, "RIFF", body.data, body.size);
    gp_str_clear(&body);
    WebPFree(bytes);
}

static const uint8_t turned[] = {'I', 'I', '*', 0,    8, 0, 0, 0, 2, 0, 0x0e, 1, 2, 0, 4, 0, 0, 0, 'c',
                                 'a', 't', 0,   0x12, 1, 3, 0, 1, 0, 0, 0,    6, 0, 0, 0, 0, 0, 0, 0};

/* ------------------------------------------------------------------ writing */

static void assert_same_pixels(const gp_str *a, const gp_str *b)
{
    gp_error err = {0};
    gp_hash x, y;
    bool x_known = false, y_known = false;
    assert_ok(gp_image_stream((const uint8_t *)a->data, a->size, &x, &x_known, &err));
    assert_ok(gp_image_stream((const uint8_t *)b->data, b->size, &y, &y_known, &err));
    assert_true(x_known && y_known);
    assert_memory_equal(&x, &y, sizeof x);
    gp_pixels p = {0}, q = {0};
    assert_ok(gp_image_decode_bytes((const uint8_t *)a->data, a->size, 1000, &p, &err));
    assert_ok(gp_image_decode_bytes((const uint8_t *)b->data, b->size, 1000, &q, &err));
    assert_memory_equal(p.rgb, q.rgb, (size_t)p.width * p.height * 3);
    gp_pixels_clear(&p);
    gp_pixels_clear(&q);
}

/* Writes a packet to the file, reads it again, and writes the first packet again. */
static void check_write(gp_str *file, const char *first)
{
    gp_error err = {0};
    gp_str packet = GP_STR_INIT, out = GP_STR_INIT, back = GP_STR_INIT;
    assert_ok(gp_packet_read((const uint8_t *)file->data, file->size, &back, &err));
    assert_string_equal(back.data ? back.data : "", first);
    gp_str_puts(&packet, "<a>another packet</a>");
    assert_ok(gp_packet_write((const uint8_t *)file->data, file->size, &packet, &out, &err));
    assert_same_pixels(file, &out);
    gp_str_reset(&back);
    assert_ok(gp_packet_read((const uint8_t *)out.data, out.size, &back, &err));
    assert_string_equal(back.data, packet.data);
    /* no other text is lost */
    gp_chunks before = {0}, after = {0};
    assert_ok(gp_image_read_chunks((const uint8_t *)file->data, file->size, &before, &err));
    assert_ok(gp_image_read_chunks((const uint8_t *)out.data, out.size, &after, &err));
    assert_int_equal(after.count, before.count + (*first == '\0'));
    for (size_t i = 0; i < before.count; i++) assert_non_null(gp_chunks_find(&after, before.items[i].key));
    gp_chunks_clear(&before);
    gp_chunks_clear(&after);
    gp_str_clear(&back);
    gp_str_clear(&out);
    gp_str_clear(&packet);
    gp_str_clear(file);
}

static void test_png(void **state)
{
    (void)state;
    static const char head[] = "XML:com.adobe.xmp\0\0\0\0";
    gp_str chunks = GP_STR_INIT, file = GP_STR_INIT, packed = GP_STR_INIT;
    png_chunk(&chunks, "tEXt", "parameters\0a cat", 16);
    make_png(&file, &chunks);
    check_write(&file, "");
    gp_str_add(&packed, head, sizeof head);
    gp_str_puts(&packed, "<a/>");
    png_chunk(&chunks, "iTXt", packed.data, packed.size);
    make_png(&file, &chunks);
    check_write(&file, "<a/>");
    /* a compressed packet */
    uint8_t small[64];
    uLongf size = sizeof small;
    assert_int_equal(compress(small, &size, (const uint8_t *)"<b/>", 4), Z_OK);
    gp_str_reset(&packed);
    gp_str_reset(&chunks);
    gp_str_add(&packed, "XML:com.adobe.xmp\0\1\0\0", 22);
    gp_str_add(&packed, small, size);
    png_chunk(&chunks, "iTXt", packed.data, packed.size);
    make_png(&file, &chunks);
    check_write(&file, "<b/>");
    gp_str_clear(&packed);
    gp_str_clear(&chunks);
}

#define JPEG_XMP "http://ns.adobe.com/xap/1.0/\0"

static void test_jpeg(void **state)
{
    (void)state;
    gp_str segments = GP_STR_INIT, file = GP_STR_INIT;
    put_segment(&segments, 0xfe, "a cat", 5);
    make_jpeg(&file, &segments);
    check_write(&file, "");
    put_segment(&segments, 0xe1, JPEG_XMP "<a/>", sizeof JPEG_XMP - 1 + 4);
    make_jpeg(&file, &segments);
    gp_str_puts(&file, "bytes after the image");
    check_write(&file, "<a/>");
    /* extended XMP stays, byte for byte */
    static const char more[] = "http://ns.adobe.com/xmp/extension/\0 0123456789abcdef0123456789abcdef, a long text";
    put_segment(&segments, 0xe1, more, sizeof more);
    make_jpeg(&file, &segments);
    gp_str packet = GP_STR_INIT, out = GP_STR_INIT;
    gp_error err = {0};
    gp_str_puts(&packet, "<b/>");
    assert_ok(gp_packet_write((const uint8_t *)file.data, file.size, &packet, &out, &err));
    assert_non_null(memmem(out.data, out.size, more, sizeof more));
    /* a packet that is too large for a segment */
    for (int i = 0; i < 70000; i++) gp_str_putc(&packet, ' ');
    assert_int_equal(gp_packet_write((const uint8_t *)file.data, file.size, &packet, &out, &err), GP_ERR_LIMIT);
    gp_str_clear(&packet);
    gp_str_clear(&out);
    gp_str_clear(&file);
    gp_str_clear(&segments);
}

static void test_webp(void **state)
{
    (void)state;
    gp_str chunks = GP_STR_INIT, file = GP_STR_INIT, packet = GP_STR_INIT, out = GP_STR_INIT;
    gp_error err = {0};
    make_webp(&file, false, &chunks);
    gp_str_puts(&packet, "<odd/>!");
    assert_ok(gp_packet_write((const uint8_t *)file.data, file.size, &packet, &out, &err));
    assert_memory_equal(out.data + 12, "VP8X", 4);
    assert_int_equal(out.data[20], 0x10 | 4); /* transparency, XMP */
    assert_int_equal(out.data[24], SIDE - 1);
    assert_int_equal(out.size % 2, 0);
    gp_str_clear(&out);
    check_write(&file, "");
    put_riff(&chunks, "EXIF", turned, sizeof turned);
    make_webp(&file, true, &chunks);
    check_write(&file, "");
    put_riff(&chunks, "XMP ", "<a/>", 4);
    make_webp(&file, true, &chunks);
    check_write(&file, "<a/>");
    gp_str_clear(&packet);
    gp_str_clear(&chunks);
}

/* Damaged files are rejected, and nothing beyond the end of a truncated file is read. */
static void test_damaged(void **state)
{
    (void)state;
    gp_str chunks = GP_STR_INIT, files[3] = {GP_STR_INIT, GP_STR_INIT, GP_STR_INIT}, packet = GP_STR_INIT;
    gp_str_puts(&packet, "<a/>");
    make_png(&files[0], &chunks);
    make_jpeg(&files[1], &chunks);
    make_webp(&files[2], false, &chunks);
    for (int f = 0; f < 3; f++)
        for (size_t size = 0; size < files[f].size; size++) {
            uint8_t *cut = malloc(size ? size : 1);
            gp_str out = GP_STR_INIT, stripped = GP_STR_INIT;
            assert_non_null(cut);
            memcpy(cut, files[f].data, size);
            gp_status st = gp_packet_write(cut, size, &packet, &out, NULL);
            if (st == GP_OK && f != 1) fail_msg("file %d of %zu bytes", f, size);
            if (gp_image_strip(cut, size, &stripped, NULL) == GP_OK) fail_msg("file %d of %zu bytes", f, size);
            gp_str_clear(&stripped);
            gp_str_clear(&out);
            free(cut);
        }
    gp_error err = {0};
    gp_str out = GP_STR_INIT;
    assert_int_equal(gp_packet_write((const uint8_t *)"GIF89a.....", 11, &packet, &out, &err), GP_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "GIF"));
    /* a packet in the form of ImageMagick, and a wrong checksum */
    png_chunk(&chunks, "zTXt", "Raw profile type xmp\0\0x", 23);
    gp_str_reset(&files[0]);
    make_png(&files[0], &chunks);
    assert_int_equal(gp_packet_write((const uint8_t *)files[0].data, files[0].size, &packet, &out, &err),
                     GP_ERR_UNSUPPORTED);
    gp_str_reset(&chunks);
    png_chunk(&chunks, "iTXt", "XML:com.adobe.xmp\0\0\0\0\0<a/>", 26);
    chunks.data[chunks.size - 1] ^= 1;
    gp_str_reset(&files[0]);
    make_png(&files[0], &chunks);
    assert_int_equal(gp_packet_write((const uint8_t *)files[0].data, files[0].size, &packet, &out, &err),
                     GP_ERR_FORMAT);
    for (int f = 0; f < 3; f++) gp_str_clear(&files[f]);
    gp_str_clear(&chunks);
    gp_str_clear(&packet);
    gp_str_clear(&out);
}

/* ------------------------------------------------------------------ copies without metadata */

/* Checks that the copy has no texts, but the orientation `orientation` and the bytes of the colour profile. */
static void check_strip(const gp_str *file, const char *profile, uint32_t orientation)
{
    gp_error err = {0};
    gp_str out = GP_STR_INIT;
    gp_chunks chunks = {0};
    gp_image_info head;
    assert_ok(gp_image_strip((const uint8_t *)file->data, file->size, &out, &err));
    assert_same_pixels(file, &out);
    assert_ok(gp_image_read_chunks((const uint8_t *)out.data, out.size, &chunks, &err));
    assert_int_equal(chunks.count, 0);
    assert_ok(gp_image_read_info((const uint8_t *)out.data, out.size, &head, &err));
    assert_int_equal(head.orientation, orientation);
    assert_int_equal(memmem(out.data, out.size, profile, strlen(profile)) != NULL, 1);
    assert_null(memmem(out.data, out.size, "cat", 3));
    gp_chunks_clear(&chunks);
    gp_str_clear(&out);
}

static void test_strip(void **state)
{
    (void)state;
    gp_str chunks = GP_STR_INIT, file = GP_STR_INIT, exif = GP_STR_INIT;
    png_chunk(&chunks, "gAMA", "\0\0\xb1\x8f", 4);
    png_chunk(&chunks, "tEXt", "parameters\0a cat", 16);
    png_chunk(&chunks, "eXIf", turned, sizeof turned);
    png_chunk(&chunks, "prVt", "a cat", 5);
    make_png(&file, &chunks);
    gp_str_puts(&file, "a cat after the end");
    check_strip(&file, "gAMA", 6);
    gp_str_reset(&chunks);
    gp_str_reset(&file);

    gp_str_add(&exif, "Exif\0\0", 6);
    gp_str_add(&exif, turned, sizeof turned);
    put_segment(&chunks, 0xe1, exif.data, exif.size);
    put_segment(&chunks, 0xe2, "ICC_PROFILE\0\1\1profile", 21);
    put_segment(&chunks, 0xe1, JPEG_XMP "<cat/>", sizeof JPEG_XMP - 1 + 6);
    put_segment(&chunks, 0xfe, "a cat", 5);
    put_segment(&chunks, 0xed, "Photoshop 3.0\0cat", 17);
    make_jpeg(&file, &chunks);
    gp_str_puts(&file, "a cat after the end");
    check_strip(&file, "ICC_PROFILE", 6);
    gp_str_reset(&chunks);
    gp_str_reset(&file);

    put_riff(&chunks, "EXIF", turned, sizeof turned);
    put_riff(&chunks, "XMP ", "<cat/>", 6);
    make_webp(&file, true, &chunks);
    check_strip(&file, "VP8X", 6);
    gp_str_clear(&exif);
    gp_str_clear(&chunks);
    gp_str_clear(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png), cmocka_unit_test(test_jpeg),
                                       cmocka_unit_test(test_webp), cmocka_unit_test(test_damaged),
                                       cmocka_unit_test(test_strip)};
    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
