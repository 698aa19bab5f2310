/* SPDX-License-Identifier: MIT
 * Checks a PNG file's chunks in one pass and fills a gp_png_info. It allocates nothing.
 *
 * Damage is an error where Pillow reports one, so that both read the same images of a folder:
 * - Before the pixel data every critical chunk must have the right CRC.
 * - After the pixel data CRCs are ignored. A chunk that claims more bytes than the file has is an error; a missing IEND
 *   is not.
 * - The sequence numbers of animation chunks must increase by one.
 * goldpan is less strict in one point: damaged metadata does not reject an image. In an ancillary chunk neither a wrong
 * CRC nor bad content (text that cannot be inflated, a short gAMA) is an error; chunks.c counts them as damage.
 * goldpan is stricter in two points. It checks the CRCs of IDAT (PngSuite's xcsn0g01.png, which Pillow accepts). And
 * compressed data that ends before the last row is always an error; Pillow makes the missing rows black if the data
 * ends between two rows. */
#include "image/png_scan.h"
#include "image/bytes.h"
#include "image/exif.h"
#include "image/rgb.h"

#include <libdeflate.h>
#include <string.h>

typedef struct chunk {
    size_t at; /* position of the length field */
    char name[5];
    const uint8_t *data;
    size_t length;
} chunk;

typedef struct scan {
    const uint8_t *bytes;
    size_t size, at;
    uint64_t max_pixels;
    gp_png_info *header;
    bool have_header;
    /* animation: the file has a valid acTL chunk; fctl_first: an fcTL chunk came before IDAT */
    bool animation, fctl_first;
    bool sequence_gap; /* an animation chunk with a wrong CRC was skipped, so a sequence number is missing */
    uint32_t frames;
    int64_t sequence; /* sequence number of the last animation chunk; -1 before the first */
} scan;

static bool is(const chunk *c, const char *name)
{
    return memcmp(c->name, name, 4) == 0;
}

/* Reads the header of the chunk at s->at. Returns 1: found; 0: end of data; -1: the bytes there are not a chunk
 * name. */
static int next(const scan *s, chunk *c)
{
    if (s->size - s->at < 8) return 0;
    const uint8_t *p = s->bytes + s->at;
    *c = (chunk){.at = s->at, .data = p + 8, .length = gp_be32(p)};
    memcpy(c->name, p + 4, 4);
    for (int i = 0; i < 4; i++) {
        unsigned char v = (unsigned char)c->name[i], low = (unsigned char)(v | 32);
        if (!((low >= 'a' && low <= 'z') || (v >= '0' && v <= '9') || v == '_')) return -1;
    }
    return 1;
}

static gp_status ends_early(gp_error *err)
{
    return gp_fail(err, GP_ERR_FORMAT, "PNG data is truncated");
}

static gp_status short_chunk(const chunk *c, gp_error *err)
{
    return gp_fail(err, GP_ERR_FORMAT, "PNG chunk %s is too short (%zu bytes)", c->name, c->length);
}

static gp_status read_header(scan *s, const chunk *c, gp_error *err)
{
    static const uint8_t depths[7] = {1 | 2 | 4 | 8 | 16, 0, 8 | 16, 1 | 2 | 4 | 8, 8 | 16, 0, 8 | 16};
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    gp_png_info *p = s->header;
    if (c->length < 13) return short_chunk(c, err);
    if (s->have_header) return gp_fail(err, GP_ERR_FORMAT, "PNG has two headers");
    const uint8_t *d = c->data;
    p->width = gp_be32(d), p->height = gp_be32(d + 4);
    p->depth = d[8], p->color = d[9];
    if (p->color > 6 || channels[p->color] == 0)
        return gp_fail(err, GP_ERR_FORMAT, "PNG header is damaged: colour type %d does not exist", p->color);
    if (p->depth > 16 || p->depth == 0 || (p->depth & (p->depth - 1)) || !(depths[p->color] & p->depth))
        return gp_fail(err, GP_ERR_FORMAT, "PNG header is damaged: colour type %d cannot have %d bits", p->color,
                       p->depth);
    if (d[11]) return gp_fail(err, GP_ERR_FORMAT, "PNG header is damaged: filter method %d does not exist", d[11]);
    p->interlaced = d[12] != 0;
    GP_TRY(gp_image_check_size(p->width, p->height, s->max_pixels, err));
    p->row_bytes = (size_t)(((uint64_t)p->width * channels[p->color] * (unsigned)p->depth + 7) / 8);
    s->have_header = true;
    return GP_OK;
}

static gp_status read_palette(scan *s, const chunk *c, gp_error *err)
{
    if (!s->have_header || s->header->color != 3) return GP_OK;
    if (c->length / 3 > 256)
        return gp_fail(err, GP_ERR_FORMAT, "PNG palette has %zu entries, more than 256", c->length / 3);
    memset(s->header->palette, 0, sizeof s->header->palette);
    if (c->length) memcpy(s->header->palette, c->data, c->length / 3 * 3);
    return GP_OK;
}

static gp_status check_animation(scan *s, const chunk *c, gp_error *err)
{
    gp_png_info *p = s->header;
    if (is(c, "acTL")) {
        if (c->length < 8) return short_chunk(c, err);
        uint32_t n = gp_be32(c->data);
        /* a second acTL chunk cancels the first, as in Pillow */
        s->animation = !s->animation && n > 0 && n <= 0x80000000u;
        s->frames = n;
        return GP_OK;
    }
    if (s->sequence_gap) return GP_OK;
    size_t min_length = is(c, "fcTL") ? 26 : 4;
    if (c->length < min_length) return short_chunk(c, err);
    int64_t sequence = gp_be32(c->data);
    bool first = min_length == 26 && s->sequence < 0;
    if (first ? sequence != 0 : s->sequence < 0 || s->sequence + 1 != sequence)
        return gp_fail(err, GP_ERR_FORMAT, "PNG animation is damaged: its chunks are out of order");
    s->sequence = sequence;
    if (min_length == 4) return GP_OK;
    uint64_t w = gp_be32(c->data + 4), h = gp_be32(c->data + 8), x = gp_be32(c->data + 12), y = gp_be32(c->data + 16);
    if (x + w > p->width || y + h > p->height)
        return gp_fail(err, GP_ERR_FORMAT, "PNG animation is damaged: a frame extends beyond the image");
    if (!p->idat && (w != p->width || h != p->height))
        return gp_fail(err, GP_ERR_FORMAT, "PNG animation is damaged: its first frame is smaller than the image");
    s->fctl_first = s->fctl_first || !p->idat;
    return GP_OK;
}

static bool is_animation(const chunk *c)
{
    return is(c, "acTL") || is(c, "fcTL") || is(c, "fdAT");
}

/* Reads all chunks other than IHDR, PLTE and IDAT. */
static gp_status check_chunk(scan *s, const chunk *c, gp_error *err)
{
    gp_png_info *p = s->header;
    if (is_animation(c)) return check_animation(s, c, err);
    if (is(c, "eXIf") && !p->orientation) p->orientation = gp_exif_orientation(c->data, c->length);
    return GP_OK;
}

static bool crc_right(const scan *s, const chunk *c)
{
    return libdeflate_crc32(0, s->bytes + c->at + 4, c->length + 4) == gp_be32(c->data + c->length);
}

/* Reads the chunks from the signature to the first IDAT and leaves s->at at the first IDAT. */
static gp_status scan_before_pixels(scan *s, gp_error *err)
{
    chunk c;
    for (;;) {
        int got = next(s, &c);
        if (got == 0) return ends_early(err);
        if (got < 0) return gp_fail(err, GP_ERR_FORMAT, "PNG chunks are damaged at byte %zu", s->at);
        if (is(&c, "IDAT")) break;
        if (is(&c, "IEND") || is(&c, "fdAT")) return gp_fail(err, GP_ERR_FORMAT, "PNG has no image data");
        if (c.length > s->size - s->at - 8 || s->size - s->at - 8 - c.length < 4) return ends_early(err);
        bool right = crc_right(s, &c), ancillary = (c.name[0] & 32) != 0;
        if (!right && !ancillary)
            return gp_fail(err, GP_ERR_FORMAT, "PNG chunk %s is damaged: its checksum is wrong", c.name);
        if (!right)
            s->sequence_gap = s->sequence_gap || is_animation(&c);
        else if (is(&c, "IHDR"))
            GP_TRY(read_header(s, &c, err));
        else if (is(&c, "PLTE"))
            GP_TRY(read_palette(s, &c, err));
        else
            GP_TRY(check_chunk(s, &c, err));
        s->at += 12 + c.length;
    }
    if (!s->have_header) return gp_fail(err, GP_ERR_FORMAT, "PNG has no header");
    s->header->idat = s->at;
    s->header->animated = s->animation && s->frames + (s->fctl_first ? 0u : 1u) > 1;
    return GP_OK;
}

/* Reads the consecutive IDAT chunks. The last one may be truncated; the decoder finds out whether the data suffices. */
static gp_status scan_pixels(scan *s, gp_error *err)
{
    chunk c;
    gp_png_info *p = s->header;
    while (next(s, &c) > 0 && is(&c, "IDAT")) {
        size_t rest = s->size - s->at - 8;
        if (c.length > rest || rest - c.length < 4) {
            if (rest == 0 && s->at > p->idat) return ends_early(err);
            p->idat_cut = s->at;
            p->idat_bytes += c.length < rest ? c.length : rest;
            s->at = s->size;
            break;
        }
        if (!crc_right(s, &c)) return gp_fail(err, GP_ERR_FORMAT, "PNG image data is damaged: its checksum is wrong");
        p->idat_bytes += c.length;
        s->at += 12 + c.length;
    }
    p->idat_end = s->at;
    if (!p->idat_cut) p->idat_cut = p->idat_end;
    return GP_OK;
}

static gp_status scan_after_pixels(scan *s, gp_error *err)
{
    chunk c;
    while (next(s, &c) > 0 && !is(&c, "IEND")) {
        if (is(&c, "fcTL") && s->header->animated) break;
        if (c.length > s->size - s->at - 8) return ends_early(err);
        GP_TRY(check_chunk(s, &c, err));
        size_t rest = s->size - s->at - 8 - c.length;
        s->at += 8 + c.length + (rest < 4 ? rest : 4);
    }
    return GP_OK;
}

gp_status gp_png_scan(const uint8_t *bytes, size_t size, uint64_t max_pixels, bool header_only, gp_png_info *out,
                      gp_error *err)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (size < 8 || memcmp(bytes, signature, 8) != 0) return gp_fail(err, GP_ERR_FORMAT, "is not a PNG image");
    gp_png_info header = {0};
    scan s = {.bytes = bytes, .size = size, .at = 8, .max_pixels = max_pixels, .header = &header, .sequence = -1};
    GP_TRY(scan_before_pixels(&s, err));
    if (!header_only) {
        GP_TRY(scan_pixels(&s, err));
        GP_TRY(scan_after_pixels(&s, err));
    }
    *out = header;
    return GP_OK;
}

bool gp_png_idat(const gp_png_info *header, const uint8_t *bytes, size_t *at, const uint8_t **data, size_t *length)
{
    if (header->idat_end - *at < 8) return false;
    size_t rest = header->idat_end - *at - 8, n = gp_be32(bytes + *at);
    if (n > rest) n = rest;
    *data = bytes + *at + 8, *length = n;
    rest -= n;
    *at += 8 + n + (rest < 4 ? rest : 4);
    return true;
}
