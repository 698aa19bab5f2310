/* SPDX-License-Identifier: MIT
 * Hashes the chunks or segments that determine the pixels, with one loop per format. Every length is checked against
 * the file's size. */
#include "image/stream.h"

#include "image/codec.h"
#include "image/image.h"
#include "image/jpeg_scan.h"
#include "image/png_chunk.h"
#include "image/riff.h"

#include <string.h>

static bool is(const uint8_t *tag, const char *name)
{
    return memcmp(tag, name, 4) == 0;
}

/* ------------------------------------------------------------------ PNG */

static bool png_makes_pixels(const uint8_t *tag)
{
    return is(tag, "IHDR") || is(tag, "PLTE") || is(tag, "tRNS") || is(tag, "acTL") || is(tag, "fcTL") ||
           is(tag, "fdAT");
}

/* All IDAT data is hashed as one chunk, because the pixels do not depend on how the data is split into IDAT chunks. */
static bool png_stream(const uint8_t *bytes, size_t size, gp_hasher *h)
{
    size_t at = 8;
    gp_png_chunk c;
    bool pixels = false, end = false;
    while (!end && gp_png_next(bytes, size, &at, &c) && c.whole) {
        bool idat = is(c.tag, "IDAT");
        if ((idat && !pixels) || png_makes_pixels(c.tag)) gp_hasher_add(h, c.tag, 4);
        if (idat || png_makes_pixels(c.tag)) gp_hasher_add(h, c.data, c.length);
        pixels = pixels || idat;
        end = is(c.tag, "IEND");
    }
    return pixels && end;
}

static bool png_is_plain(const uint8_t *bytes, size_t size)
{
    size_t at = 8;
    gp_png_chunk c;
    while (gp_png_next(bytes, size, &at, &c) && c.whole) {
        if (is(c.tag, "IHDR") && (c.length < 13 || (c.data[9] & 4))) return false;
        if (is(c.tag, "tRNS") || is(c.tag, "acTL")) return false;
        if (is(c.tag, "IDAT")) return true;
    }
    return false;
}

/* ------------------------------------------------------------------ JPEG */

enum {
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP0 = 0xe0,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe
};

static bool jpeg_is_metadata(const gp_jpeg_segment *s)
{
    if (s->marker == APP14 && s->length >= 12 && memcmp(s->data, "Adobe", 5) == 0) return false;
    return (s->marker >= APP0 && s->marker <= APP15) || s->marker == COM;
}

/* Returns the end of the entropy-coded data that begins at `at`: the next marker that is not a restart marker, or
 * `size`. */
static size_t jpeg_scan_end(const uint8_t *bytes, size_t size, size_t at)
{
    while (at < size) {
        const uint8_t *mark = memchr(bytes + at, 0xff, size - at);
        if (!mark || (size_t)(mark - bytes) + 1 >= size) return size;
        at = (size_t)(mark - bytes);
        uint8_t next = mark[1];
        if (next != 0 && next != 0xff && !(next >= RST0 && next <= RST7)) return at;
        at += next == 0xff ? 1 : 2;
    }
    return size;
}

/* Bytes after the EOI marker, such as a second image or a video, are not hashed. */
static bool jpeg_stream(const uint8_t *bytes, size_t size, gp_hasher *h)
{
    size_t at = 2;
    bool scanned = false;
    gp_jpeg_segment s;
    while (gp_jpeg_next(bytes, size, &at, &s) == 1) {
        const uint8_t marker = (uint8_t)s.marker;
        if (marker == EOI) return scanned;
        if (jpeg_is_metadata(&s)) continue;
        gp_hasher_add(h, &marker, 1);
        gp_hasher_add(h, s.data, s.length);
        if (marker != SOS) continue;
        size_t end = jpeg_scan_end(bytes, size, at);
        gp_hasher_add(h, bytes + at, end - at);
        at = end;
        scanned = true;
    }
    return false;
}

/* ------------------------------------------------------------------ WebP */

static bool webp_makes_pixels(const uint8_t *tag)
{
    return is(tag, "VP8 ") || is(tag, "VP8L") || is(tag, "ALPH") || is(tag, "ANIM") || is(tag, "ANMF");
}

static bool webp_stream(const uint8_t *bytes, size_t size, gp_hasher *h)
{
    const uint8_t *tag, *data;
    size_t length, at = 12;
    bool pixels = false;
    while (gp_riff_next(bytes, size, &at, &tag, &data, &length)) {
        if (!webp_makes_pixels(tag)) continue;
        gp_hasher_add(h, tag, 4);
        gp_hasher_add(h, data, length);
        pixels = pixels || !is(tag, "ALPH");
    }
    return pixels && at >= size;
}

static bool webp_is_plain(const uint8_t *bytes, size_t size)
{
    const uint8_t *tag, *data;
    size_t length, at = 12;
    while (gp_riff_next(bytes, size, &at, &tag, &data, &length)) {
        if (is(tag, "ALPH") || is(tag, "ANIM")) return false;
        if (is(tag, "VP8 ")) return true;
        if (is(tag, "VP8L")) return length >= 5 && !(data[4] & 0x10); /* the bit "alpha is used" */
    }
    return false;
}

/* ------------------------------------------------------------------ any format */

gp_status gp_image_stream(const uint8_t *bytes, size_t size, gp_hash *out, bool *known, gp_error *err)
{
    gp_hasher *h = NULL;
    gp_format format = gp_image_sniff(bytes, size, NULL);
    uint8_t first = (uint8_t)format;
    const gp_codec *codec = gp_codec_of(format);
    GP_TRY(gp_hasher_new(&h, err));
    gp_hasher_add(h, &first, 1);
    switch (format) {
    case GP_FORMAT_PNG: *known = png_stream(bytes, size, h); break;
    case GP_FORMAT_JPEG: *known = jpeg_stream(bytes, size, h); break;
    case GP_FORMAT_WEBP: *known = webp_stream(bytes, size, h); break;
    default: *known = codec && codec->stream && codec->stream(bytes, size, h); break;
    }
    *out = gp_hasher_end(h);
    gp_hasher_free(h);
    return GP_OK;
}

bool gp_image_is_plain(const uint8_t *bytes, size_t size)
{
    const gp_format format = gp_image_sniff(bytes, size, NULL);
    const gp_codec *codec = gp_codec_of(format);
    switch (format) {
    case GP_FORMAT_PNG: return png_is_plain(bytes, size);
    case GP_FORMAT_JPEG: return true;
    case GP_FORMAT_WEBP: return webp_is_plain(bytes, size);
    default: return codec && codec->plain && codec->plain(bytes, size);
    }
}

gp_status gp_pixels_hash(const gp_pixels *pixels, gp_hash *out, gp_error *err)
{
    gp_hasher *h = NULL;
    GP_TRY(gp_hasher_new(&h, err));
    const uint8_t size[8] = {(uint8_t)(pixels->width >> 24),  (uint8_t)(pixels->width >> 16),
                             (uint8_t)(pixels->width >> 8),   (uint8_t)pixels->width,
                             (uint8_t)(pixels->height >> 24), (uint8_t)(pixels->height >> 16),
                             (uint8_t)(pixels->height >> 8),  (uint8_t)pixels->height};
    gp_hasher_add(h, size, sizeof size);
    gp_hasher_add(h, pixels->rgb, (size_t)pixels->width * pixels->height * 3);
    *out = gp_hasher_end(h);
    gp_hasher_free(h);
    return GP_OK;
}
