/* SPDX-License-Identifier: MIT
 * Copies the chunks and segments that determine how the pixels look, and leaves out all others. Unknown chunks are left
 * out, because they may hold a prompt. */
#include "image/packet.h"

#include "image/chunks.h"
#include "image/image.h"
#include "image/jpeg_scan.h"
#include "image/png_chunk.h"
#include "image/riff.h"
#include "image/stream.h"

#include <libdeflate.h>
#include <string.h>

enum { EXIF_SIZE = 26 };

static bool is_one_of(const uint8_t *tag, const char *const *names)
{
    for (; *names; names++)
        if (memcmp(tag, *names, 4) == 0) return true;
    return false;
}

/* Writes EXIF data with one entry: the orientation (tag 0x0112, one SHORT). */
static void make_exif(uint32_t orientation, uint8_t exif[EXIF_SIZE])
{
    static const uint8_t head[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0};
    memset(exif, 0, EXIF_SIZE);
    memcpy(exif, head, sizeof head);
    exif[sizeof head] = (uint8_t)orientation;
}

/* An orientation of 1 is the same as none. */
static bool is_turned(const gp_image_info *head)
{
    return head->orientation >= 2 && head->orientation <= 8;
}

/* ------------------------------------------------------------------ PNG */

static void png_put_exif(uint32_t orientation, gp_str *out)
{
    uint8_t chunk[8 + EXIF_SIZE + 4] = {0, 0, 0, EXIF_SIZE, 'e', 'X', 'I', 'f'};
    make_exif(orientation, chunk + 8);
    uint32_t sum = libdeflate_crc32(0, chunk + 4, 4 + EXIF_SIZE);
    for (int i = 0; i < 4; i++) chunk[8 + EXIF_SIZE + i] = (uint8_t)(sum >> (24 - 8 * i));
    gp_str_add(out, chunk, sizeof chunk);
}

static gp_status strip_png(const uint8_t *bytes, size_t size, const gp_image_info *head, gp_str *out, gp_error *err)
{
    static const char *const kept[] = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND", "gAMA", "cHRM",
                                       "sRGB", "iCCP", "sBIT", "bKGD", "hIST", "pHYs", "sPLT",
                                       "cICP", "mDCV", "cLLI", "acTL", "fcTL", "fdAT", NULL};
    size_t at = 8, begin = at;
    gp_png_chunk c;
    bool end = false, turned = is_turned(head);
    gp_str_add(out, bytes, 8);
    for (; !end && gp_png_next(bytes, size, &at, &c) && c.whole; begin = at) {
        if (turned && memcmp(c.tag, "IDAT", 4) == 0) png_put_exif(head->orientation, out), turned = false;
        if (is_one_of(c.tag, kept)) gp_str_add(out, bytes + begin, at - begin);
        end = memcmp(c.tag, "IEND", 4) == 0;
    }
    return end ? GP_OK : gp_fail(err, GP_ERR_FORMAT, "PNG data is damaged or truncated at byte %zu", begin);
}

/* ------------------------------------------------------------------ JPEG */

enum {
    RST0 = 0xd0,
    RST7 = 0xd7,
    EOI = 0xd9,
    SOS = 0xda,
    APP0 = 0xe0,
    APP2 = 0xe2,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe
};

static bool jpeg_keeps(const gp_jpeg_segment *s)
{
    if (s->marker == COM) return false;
    if (s->marker < APP0 || s->marker > APP15) return true;
    return (s->marker == APP14 && s->length >= 12 && memcmp(s->data, "Adobe", 5) == 0) ||
           (s->marker == APP2 && s->length > 14 && memcmp(s->data, "ICC_PROFILE", 12) == 0);
}

/* Appends JFIF's segment without its preview, or EXIF data with the orientation. */
static void jpeg_put_head(const gp_jpeg_segment *jfif, const gp_image_info *head, gp_str *out)
{
    uint8_t exif[10 + EXIF_SIZE] = {0xff, 0xe1, 0, 8 + EXIF_SIZE, 'E', 'x', 'i', 'f'};
    static const uint8_t app0[] = {0xff, 0xe0, 0, 16};
    if (jfif->data) {
        gp_str_add(out, app0, sizeof app0);
        gp_str_add(out, jfif->data, 12);
        gp_str_add(out, "\0", 2); /* the width and the height of the preview */
    }
    if (!is_turned(head)) return;
    make_exif(head->orientation, exif + 10);
    gp_str_add(out, exif, sizeof exif);
}

/* Returns the end of the entropy-coded data that begins at `at`. */
static size_t scan_end(const uint8_t *bytes, size_t size, size_t at)
{
    while (at + 1 < size) {
        const uint8_t *mark = memchr(bytes + at, 0xff, size - at - 1);
        if (!mark) break;
        at = (size_t)(mark - bytes);
        if (mark[1] != 0 && mark[1] != 0xff && !(mark[1] >= RST0 && mark[1] <= RST7)) return at;
        at += mark[1] == 0xff ? 1 : 2;
    }
    return size;
}

static gp_status strip_jpeg(const uint8_t *bytes, size_t size, const gp_image_info *head, gp_str *out, gp_error *err)
{
    gp_jpeg_segment s, jfif = {0};
    size_t at = 2, first = 2;
    bool scanned = false;
    if (gp_jpeg_next(bytes, size, &first, &s) == 1 && s.marker == APP0 && s.length >= 14 &&
        memcmp(s.data, "JFIF", 5) == 0)
        jfif = s;
    gp_str_add(out, bytes, 2);
    jpeg_put_head(&jfif, head, out);
    while (gp_jpeg_next(bytes, size, &at, &s) == 1) {
        if (s.marker == EOI && !scanned) break;
        if (s.marker == EOI) {
            gp_str_add(out, "\xff\xd9", 2);
            return GP_OK;
        }
        if (!jpeg_keeps(&s)) continue;
        const char mark[2] = {(char)0xff, (char)s.marker};
        gp_str_add(out, mark, 2);
        if (s.data && (s.marker < RST0 || s.marker > EOI)) {
            size_t stated = s.length + 2;
            gp_str_putc(out, (char)(stated >> 8 & 255));
            gp_str_putc(out, (char)(stated & 255));
            gp_str_add(out, s.data, s.length);
        }
        if (s.marker != SOS) continue;
        size_t end = scan_end(bytes, size, at);
        gp_str_add(out, bytes + at, end - at);
        at = end;
        scanned = true;
    }
    return gp_fail(err, GP_ERR_FORMAT, "JPEG data is damaged or truncated at byte %zu", at);
}

/* ------------------------------------------------------------------ WebP */

static void webp_put_exif(uint32_t orientation, gp_str *out)
{
    uint8_t chunk[8 + EXIF_SIZE] = {'E', 'X', 'I', 'F', EXIF_SIZE};
    make_exif(orientation, chunk + 8);
    gp_str_add(out, chunk, sizeof chunk);
}

static gp_status strip_webp(const uint8_t *bytes, size_t size, const gp_image_info *head, gp_str *out, gp_error *err)
{
    static const char *const kept[] = {"VP8X", "ICCP", "ANIM", "ANMF", "ALPH", "VP8 ", "VP8L", NULL};
    enum { EXIF = 8, XMP = 4 };
    const uint8_t *tag, *data;
    size_t length, at = 12, begin = at, whole = (size_t)gp_le32(bytes + 4) + 8;
    bool extended = false;
    if (whole > size) return gp_fail(err, GP_ERR_FORMAT, "WebP data is truncated");
    gp_str_add(out, bytes, 12);
    for (; gp_riff_next(bytes, whole, &at, &tag, &data, &length); begin = at) {
        if (!is_one_of(tag, kept)) continue;
        size_t copy = out->size;
        gp_str_add(out, bytes + begin, at - begin);
        if (memcmp(tag, "VP8X", 4) != 0 || length < 10 || out->failed) continue;
        extended = true;
        out->data[copy + 8] = (char)((data[0] & ~(EXIF | XMP)) | (is_turned(head) ? EXIF : 0));
    }
    if (at < whole) return gp_fail(err, GP_ERR_FORMAT, "WebP data is damaged at byte %zu", at);
    if (extended && is_turned(head)) webp_put_exif(head->orientation, out);
    uint32_t made = (uint32_t)(out->size - 8);
    for (int i = 0; i < 4 && !out->failed; i++) out->data[4 + i] = (char)(made >> (8 * i) & 255);
    return GP_OK;
}

/* ------------------------------------------------------------------ any format */

/* A text that is hidden in the pixels cannot be removed without changing them. */
static gp_status check_hidden(const uint8_t *bytes, size_t size, gp_error *err)
{
    gp_chunks chunks = {0};
    GP_TRY(gp_chunks_add_hidden(bytes, size, &chunks, err));
    bool hidden = gp_chunks_find(&chunks, "stealth") || chunks.damaged;
    gp_chunks_clear(&chunks);
    return hidden ? gp_fail(err, GP_ERR_UNSUPPORTED,
                            "has a text that is hidden in its pixels (stealth PNG info), which goldpan cannot remove")
                  : GP_OK;
}

/* Returns the bytes of the image without those after its end. */
static size_t image_size(const uint8_t *bytes, size_t size, gp_format format)
{
    size_t whole = format == GP_FORMAT_WEBP ? (size_t)gp_le32(bytes + 4) + 8 : size;
    return whole < size ? whole : size;
}

/* Fails unless the copy has the same compressed pixels. */
static gp_status check_pixels(const uint8_t *bytes, size_t size, const gp_str *copy, gp_error *err)
{
    gp_hash before, after;
    bool known = false, still = false;
    GP_TRY(gp_image_stream(bytes, size, &before, &known, err));
    GP_TRY(gp_image_stream((const uint8_t *)copy->data, copy->size, &after, &still, err));
    bool same = known && still && memcmp(&before, &after, sizeof before) == 0;
    return same ? GP_OK : gp_fail(err, GP_ERR_FORMAT, "has pixel data that cannot be read completely");
}

gp_status gp_image_strip(const uint8_t *bytes, size_t size, gp_str *out, gp_error *err)
{
    gp_image_info head;
    GP_TRY(gp_image_read_info(bytes, size, &head, err));
    size = image_size(bytes, size, head.format);
    if (head.format == GP_FORMAT_PNG) {
        GP_TRY(check_hidden(bytes, size, err));
        GP_TRY(strip_png(bytes, size, &head, out, err));
    } else if (head.format == GP_FORMAT_JPEG) {
        GP_TRY(strip_jpeg(bytes, size, &head, out, err));
    } else if (head.format == GP_FORMAT_WEBP) {
        GP_TRY(check_hidden(bytes, size, err));
        GP_TRY(strip_webp(bytes, size, &head, out, err));
    } else {
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "is a %s file, whose metadata goldpan cannot remove: only PNG, JPEG and WebP",
                       gp_image_format_name(head.format));
    }
    if (out->failed) return gp_fail_memory(err, "a copy without metadata");
    return check_pixels(bytes, size, out, err);
}
