/* SPDX-License-Identifier: MIT
 * Finds the XMP packet of a file and replaces its chunk or segment.
 * PNG: a chunk iTXt with the keyword XML:com.adobe.xmp. A new one is inserted before the first IDAT.
 * JPEG: a segment APP1. A new one is inserted after the leading segments APP0 and APP1. Extended XMP stays as it is.
 * WebP: a chunk "XMP ". A new one is added as the last chunk, and its bit is set in VP8X. */
#include "image/packet.h"

#include "image/codec.h"
#include "image/image.h"
#include "image/jpeg_scan.h"
#include "image/png_chunk.h"
#include "image/riff.h"

#include <libdeflate.h>
#include <string.h>
#include <zlib.h>

enum { LARGEST_PACKET = 16 << 20, JPEG_SEGMENT = 65533 /* maximum bytes of a segment's data */ };

/* Where the packet is, or where a new packet belongs. */
typedef struct place {
    size_t at, end;      /* bytes of the chunk or segment to replace; at == end: insert there */
    const uint8_t *text; /* [size] the packet as stored, NULL: none */
    size_t size;
    bool packed; /* the packet is compressed (PNG) */
} place;

static gp_status two_packets(gp_error *err)
{
    return gp_fail(err, GP_ERR_FORMAT, "has two XMP packets");
}

/* ------------------------------------------------------------------ PNG */

static const char png_keyword[] = "XML:com.adobe.xmp";

/* Returns the position after the next zero byte, or NULL if there is none. */
static const uint8_t *after_nul(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *zero = p && p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
    return zero ? zero + 1 : NULL;
}

static bool has_keyword(const gp_png_chunk *c, const char *keyword)
{
    size_t size = strlen(keyword) + 1;
    bool text = memcmp(c->tag, "iTXt", 4) == 0 || memcmp(c->tag, "zTXt", 4) == 0 || memcmp(c->tag, "tEXt", 4) == 0;
    return text && c->length >= size && memcmp(c->data, keyword, size) == 0;
}

/* Finds the text inside a chunk with the keyword of XMP. */
static gp_status png_text(const gp_png_chunk *c, place *found, gp_error *err)
{
    const uint8_t *end = c->data + c->length, *text = c->data + sizeof png_keyword;
    if (found->text) return two_packets(err);
    if (libdeflate_crc32(0, c->tag, c->length + 4) != gp_be32(end))
        return gp_fail(err, GP_ERR_FORMAT, "has an XMP packet with a wrong checksum");
    if (memcmp(c->tag, "iTXt", 4) == 0) {
        found->packed = end - text >= 2 && text[0] != 0;
        text = end - text < 2 || text[0] > 1 || text[1] != 0 ? NULL : after_nul(after_nul(text + 2, end), end);
    } else if (memcmp(c->tag, "zTXt", 4) == 0) {
        found->packed = true;
        text = text < end && *text == 0 ? text + 1 : NULL;
    }
    if (!text) return gp_fail(err, GP_ERR_FORMAT, "has a damaged XMP packet");
    found->text = text, found->size = (size_t)(end - text);
    return GP_OK;
}

static gp_status png_place(const uint8_t *bytes, size_t size, place *found, gp_error *err)
{
    size_t at = 8, begin = at, pixels = 0;
    gp_png_chunk c;
    bool end = false;
    for (; !end && gp_png_next(bytes, size, &at, &c) && c.whole; begin = at) {
        if (memcmp(c.tag, "IDAT", 4) == 0 && !pixels) pixels = begin;
        end = memcmp(c.tag, "IEND", 4) == 0;
        if (has_keyword(&c, "Raw profile type xmp"))
            return gp_fail(
                err, GP_ERR_UNSUPPORTED,
                "has its XMP packet in ImageMagick's form (Raw profile type xmp), which goldpan does not write");
        if (!has_keyword(&c, png_keyword)) continue;
        GP_TRY(png_text(&c, found, err));
        found->at = begin, found->end = at;
    }
    if (!end || !pixels) return gp_fail(err, GP_ERR_FORMAT, "PNG data is damaged or truncated at byte %zu", begin);
    if (!found->text) found->at = found->end = pixels;
    return GP_OK;
}

static gp_status inflate_packet(const place *found, gp_str *out, gp_error *err)
{
    uint8_t part[16384];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)found->text, .avail_in = (uInt)found->size};
    int rc = found->size > UINT32_MAX ? Z_DATA_ERROR : inflateInit(&z);
    if (rc == Z_MEM_ERROR) return gp_fail_memory(err, "an XMP packet");
    if (rc != Z_OK) return gp_fail(err, GP_ERR_FORMAT, "has an XMP packet that cannot be inflated");
    while (rc == Z_OK && out->size <= LARGEST_PACKET) {
        z.next_out = part, z.avail_out = sizeof part;
        rc = inflate(&z, Z_NO_FLUSH);
        if (rc == Z_OK || rc == Z_STREAM_END) gp_str_add(out, part, sizeof part - z.avail_out);
    }
    inflateEnd(&z);
    if (rc == Z_MEM_ERROR) return gp_fail_memory(err, "an XMP packet");
    if (rc == Z_OK) return gp_fail(err, GP_ERR_LIMIT, "has an XMP packet of more than %d bytes", LARGEST_PACKET);
    return rc == Z_STREAM_END ? GP_OK : gp_fail(err, GP_ERR_FORMAT, "has an XMP packet that cannot be inflated");
}

static void put_be32(gp_str *s, uint32_t v)
{
    const uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    gp_str_add(s, bytes, 4);
}

/* Appends the chunk iTXt. It is never compressed, as the XMP specification asks. */
static void png_put(gp_str *out, const gp_str *packet)
{
    static const char head[5] = {0}; /* NUL after the keyword, not compressed, method 0, no language, no translation */
    size_t length = sizeof png_keyword - 1 + sizeof head + packet->size, begin = out->size + 4;
    put_be32(out, (uint32_t)length);
    gp_str_puts(out, "iTXt");
    gp_str_add(out, png_keyword, sizeof png_keyword - 1);
    gp_str_add(out, head, sizeof head);
    gp_str_add(out, packet->data, packet->size);
    if (!out->failed) put_be32(out, libdeflate_crc32(0, out->data + begin, length + 4));
}

/* ------------------------------------------------------------------ JPEG */

static const char jpeg_xmp[] = "http://ns.adobe.com/xap/1.0/";

static gp_status jpeg_place(const uint8_t *bytes, size_t size, place *found, gp_error *err)
{
    enum { APP0 = 0xe0, APP1 = 0xe1, APP2 = 0xe2, SOS = 0xda };
    size_t at = 2, first = 2;
    bool leading = true, pictures = false;
    gp_jpeg_segment s = {0};
    while (gp_jpeg_next(bytes, size, &at, &s) == 1 && s.marker != SOS) {
        leading = leading && (s.marker == APP0 || s.marker == APP1);
        if (leading) first = at;
        pictures |= s.marker == APP2 && s.length >= 4 && memcmp(s.data, "MPF", 4) == 0;
        if (s.marker != APP1 || s.length < sizeof jpeg_xmp || memcmp(s.data, jpeg_xmp, sizeof jpeg_xmp) != 0) continue;
        if (found->text) return two_packets(err);
        if (pictures) /* the offsets of the other images count from the segment MPF */
            return gp_fail(err, GP_ERR_UNSUPPORTED, "holds several images, and its XMP packet cannot be moved");
        *found = (place){.at = (size_t)(s.data - bytes) - 4, .end = at, .text = s.data + sizeof jpeg_xmp};
        found->size = s.length - sizeof jpeg_xmp;
    }
    if (s.marker != SOS) return gp_fail(err, GP_ERR_FORMAT, "JPEG data is damaged or truncated at byte %zu", at);
    if (!found->text) found->at = found->end = first;
    return GP_OK;
}

static gp_status jpeg_put(gp_str *out, const gp_str *packet, gp_error *err)
{
    if (packet->size > JPEG_SEGMENT - sizeof jpeg_xmp)
        return gp_fail(err, GP_ERR_LIMIT, "cannot hold an XMP packet of %zu bytes: a JPEG has room for %zu",
                       packet->size, JPEG_SEGMENT - sizeof jpeg_xmp);
    size_t length = 2 + sizeof jpeg_xmp + packet->size;
    const uint8_t head[4] = {0xff, 0xe1, (uint8_t)(length >> 8), (uint8_t)length};
    gp_str_add(out, head, sizeof head);
    gp_str_add(out, jpeg_xmp, sizeof jpeg_xmp);
    gp_str_add(out, packet->data, packet->size);
    return GP_OK;
}

/* ------------------------------------------------------------------ WebP */

/* Sets *end to the end of the RIFF data, after checking that all chunks are whole. */
static gp_status webp_place(const uint8_t *bytes, size_t size, place *found, size_t *end, gp_error *err)
{
    const uint8_t *tag, *data;
    size_t length, at = 12, begin = at, whole = size < 12 ? 0 : (size_t)gp_le32(bytes + 4) + 8;
    whole += whole & 1 && whole < size;
    if (whole < 12 || whole > size) return gp_fail(err, GP_ERR_FORMAT, "WebP data is truncated");
    for (; gp_riff_next(bytes, whole, &at, &tag, &data, &length); begin = at) {
        if (memcmp(tag, "XMP ", 4) != 0) continue;
        if (found->text) return two_packets(err);
        *found = (place){.at = begin, .end = at, .text = data, .size = length};
    }
    if (at != whole) return gp_fail(err, GP_ERR_FORMAT, "WebP data is damaged at byte %zu", at);
    *end = whole;
    if (!found->text) found->at = found->end = whole;
    return GP_OK;
}

static void put_le(gp_str *s, uint32_t v, int count)
{
    for (int i = 0; i < count; i++) gp_str_putc(s, (char)(v >> (8 * i) & 255));
}

static void webp_put_chunk(gp_str *out, const char *tag, const void *data, size_t size)
{
    gp_str_puts(out, tag);
    put_le(out, (uint32_t)size, 4);
    gp_str_add(out, data, size);
    if (size & 1) gp_str_putc(out, 0);
}

/* Appends a VP8X for a file without one. */
static gp_status webp_put_header(const uint8_t *bytes, size_t size, gp_str *out, gp_error *err)
{
    enum { ALPHA = 0x10, EXIF = 8, XMP = 4, ICC = 0x20 };
    const uint8_t *tag, *data;
    size_t length, at = 12;
    uint32_t flags = XMP;
    gp_image_info head;
    GP_TRY(gp_image_read_info(bytes, size, &head, err));
    while (gp_riff_next(bytes, size, &at, &tag, &data, &length)) {
        bool alpha = memcmp(tag, "VP8L", 4) == 0 && length >= 5 && data[4] & 0x10;
        if (alpha || memcmp(tag, "ALPH", 4) == 0) flags |= ALPHA;
        if (memcmp(tag, "EXIF", 4) == 0) flags |= EXIF;
        if (memcmp(tag, "ICCP", 4) == 0) flags |= ICC;
    }
    gp_str_puts(out, "VP8X");
    put_le(out, 10, 4);
    put_le(out, flags, 4);
    put_le(out, head.width - 1, 3);
    put_le(out, head.height - 1, 3);
    return GP_OK;
}

static gp_status webp_write(const uint8_t *bytes, size_t size, const gp_str *packet, gp_str *out, gp_error *err)
{
    place found = {0};
    size_t end = 0, begin = 12;
    GP_TRY(webp_place(bytes, size, &found, &end, err));
    gp_str_add(out, bytes, 12);
    if (end >= 30 && memcmp(bytes + 12, "VP8X", 4) == 0 && gp_le32(bytes + 16) >= 10) {
        gp_str_add(out, bytes + 12, 8);
        gp_str_putc(out, (char)(bytes[20] | 4));
        begin = 21;
    } else {
        GP_TRY(webp_put_header(bytes, end, out, err));
    }
    gp_str_add(out, bytes + begin, found.at - begin);
    webp_put_chunk(out, "XMP ", packet->data, packet->size);
    gp_str_add(out, bytes + found.end, end - found.end);
    if (out->size > UINT32_MAX) return gp_fail(err, GP_ERR_LIMIT, "is too large for another chunk");
    uint32_t whole = (uint32_t)out->size - 8;
    for (int i = 0; i < 4 && !out->failed; i++) out->data[4 + i] = (char)(whole >> (8 * i) & 255);
    gp_str_add(out, bytes + end, size - end);
    return GP_OK;
}

/* ------------------------------------------------------------------ any format */

static gp_status other_format(gp_format format, const gp_image_guess *seems, gp_error *err)
{
    const gp_codec *codec = gp_codec_of(format);
    if (codec)
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "is a %s image, but goldpan changes the metadata only of PNG, JPEG and WebP images",
                       codec->name);
    return gp_fail(err, seems->what ? seems->status : GP_ERR_UNSUPPORTED, "is %s",
                   seems->what ? seems->what : "no PNG, JPEG or WebP image");
}

static gp_status find_place(gp_format format, const uint8_t *bytes, size_t size, place *found, gp_error *err)
{
    size_t end = 0;
    if (format == GP_FORMAT_PNG) return png_place(bytes, size, found, err);
    if (format == GP_FORMAT_JPEG) return jpeg_place(bytes, size, found, err);
    return webp_place(bytes, size, found, &end, err);
}

/* Detects the format. Fails for all formats except those three. */
static gp_status known_format(const uint8_t *bytes, size_t size, gp_format *format, gp_error *err)
{
    gp_image_guess seems = {0};
    *format = gp_image_sniff(bytes, size, &seems);
    bool known = *format == GP_FORMAT_PNG || *format == GP_FORMAT_JPEG || *format == GP_FORMAT_WEBP;
    return known ? GP_OK : other_format(*format, &seems, err);
}

gp_status gp_packet_read(const uint8_t *bytes, size_t size, gp_str *packet, gp_error *err)
{
    place found = {0};
    gp_format format;
    GP_TRY(known_format(bytes, size, &format, err));
    GP_TRY(find_place(format, bytes, size, &found, err));
    if (found.packed)
        GP_TRY(inflate_packet(&found, packet, err));
    else if (found.text)
        gp_str_add(packet, found.text, found.size);
    return packet->failed ? gp_fail_memory(err, "an XMP packet") : GP_OK;
}

gp_status gp_packet_write(const uint8_t *bytes, size_t size, const gp_str *packet, gp_str *out, gp_error *err)
{
    place found = {0};
    gp_format format;
    if (packet->size > LARGEST_PACKET)
        return gp_fail(err, GP_ERR_LIMIT, "cannot hold an XMP packet of %zu bytes", packet->size);
    GP_TRY(known_format(bytes, size, &format, err));
    if (format == GP_FORMAT_WEBP) {
        GP_TRY(webp_write(bytes, size, packet, out, err));
    } else {
        GP_TRY(find_place(format, bytes, size, &found, err));
        gp_str_add(out, bytes, found.at);
        if (format == GP_FORMAT_PNG)
            png_put(out, packet);
        else
            GP_TRY(jpeg_put(out, packet, err));
        gp_str_add(out, bytes + found.end, size - found.end);
    }
    return out->failed ? gp_fail_memory(err, "an image with its XMP packet") : GP_OK;
}
