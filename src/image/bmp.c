/* SPDX-License-Identifier: MIT
 * Decodes BMP: 1, 4, 8, 16, 24 and 32 bits per pixel, run lengths, top-down rows, and the headers of OS/2 and Windows.
 * Pixels and rejected files are those of Pillow, with one exception. If all palette colours are gray and the number of
 * colours does not fit the bits per pixel, Pillow reads the wrong number of bits; goldpan looks up the palette. */
#include "base/mem.h"
#include "image/bytes.h"
#include "image/codec.h"
#include "image/rgb.h"

#include <string.h>

enum { FILE_HEADER = 14, RAW = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, TRUNCATED_AT = 18 };

typedef struct layout {
    uint8_t bits;
    uint32_t red, green, blue, alpha; /* masks */
    uint8_t r, g, b;                  /* byte of each colour in a pixel; unused for 16 bits */
} layout;

/* The masks that Pillow reads. */
static const layout layouts[] = {
    {32, 0xff0000, 0xff00, 0xff, 0, 2, 1, 0},
    {32, 0xff000000, 0xff0000, 0xff00, 0, 3, 2, 1},
    {32, 0xff000000, 0xff00, 0xff, 0, 3, 1, 0},
    {32, 0xff000000, 0xff0000, 0xff00, 0xff, 3, 2, 1},
    {32, 0xff, 0xff00, 0xff0000, 0xff000000, 0, 1, 2},
    {32, 0xff0000, 0xff00, 0xff, 0xff000000, 2, 1, 0},
    {32, 0xff000000, 0xff00, 0xff, 0xff0000, 3, 1, 0},
    {32, 0, 0, 0, 0, 2, 1, 0},
    {24, 0xff0000, 0xff00, 0xff, 0, 2, 1, 0},
    {16, 0xf800, 0x7e0, 0x1f, 0, 0, 0, 0},
    {16, 0x7c00, 0x3e0, 0x1f, 0, 0, 0, 0},
};

typedef struct header {
    uint32_t width, height, bits, compression, colors;
    bool top_down, alpha, green6; /* alpha: the pixels have alpha; green6: 16 bits with 6 bits of green */
    uint8_t r, g, b;              /* byte of each colour in a pixel of 24 or 32 bits */
    size_t after, pixels;         /* after: offset of the palette; pixels: offset of the pixels */
    unsigned entry;               /* bytes of a palette entry */
} header;

static gp_status truncated(gp_error *err)
{
    return gp_fail(err, GP_ERR_FORMAT, "BMP data is truncated");
}

/* Reads the masks of a file with bit fields. Headers of 40 bytes are followed by three masks. */
static gp_status read_masks(const uint8_t *bytes, size_t size, size_t header_size, header *h, gp_error *err)
{
    const uint8_t *p = bytes + FILE_HEADER + 40;
    const bool inside = header_size >= 52;
    if (!inside) h->after = FILE_HEADER + header_size + 12, p = bytes + FILE_HEADER + header_size;
    if (size < h->after) return truncated(err);
    const uint32_t red = gp_le32(p), green = gp_le32(p + 4), blue = gp_le32(p + 8);
    const uint32_t alpha = header_size >= 56 ? gp_le32(p + 12) : 0;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        const layout *l = &layouts[i];
        if (l->bits != h->bits || l->red != red || l->green != green || l->blue != blue) continue;
        if (h->bits == 32 && l->alpha != alpha) continue;
        h->r = l->r, h->g = l->g, h->b = l->b;
        h->alpha = h->bits == 32 && (alpha || !red);
        h->green6 = h->bits == 16 && green == 0x7e0;
        return GP_OK;
    }
    return gp_fail(err, GP_ERR_UNSUPPORTED, "has a BMP layout of %u bits per pixel that goldpan does not read",
                   h->bits);
}

static gp_status check_kind(const header *h, gp_error *err)
{
    const bool packed = h->compression == RLE8 || h->compression == RLE4;
    if (h->bits != 1 && h->bits != 4 && h->bits != 8 && h->bits != 16 && h->bits != 24 && h->bits != 32)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "has %u bits per pixel, which goldpan does not read in a BMP", h->bits);
    if (h->compression > BITFIELDS || (packed && h->bits > 8) || (h->compression == BITFIELDS && h->bits < 16))
        return gp_fail(err, GP_ERR_UNSUPPORTED,
                       "has BMP compression %u with %u bits per pixel, which goldpan does not read", h->compression,
                       h->bits);
    if (h->bits <= 8 && h->colors > 256)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "has a BMP palette of %u colours; at most 256 are possible", h->colors);
    return GP_OK;
}

static gp_status read_header(const uint8_t *bytes, size_t size, header *h, gp_error *err)
{
    if (size < TRUNCATED_AT) return truncated(err);
    const size_t own = gp_le32(bytes + FILE_HEADER), start = gp_le32(bytes + 10);
    const uint8_t *p = bytes + FILE_HEADER;
    if (own != 12 && own != 40 && own != 52 && own != 56 && own != 64 && own != 108 && own != 124)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "has a BMP header of %zu bytes, which goldpan does not read", own);
    if (size < FILE_HEADER + own) return truncated(err);
    *h = (header){.after = FILE_HEADER + own, .entry = own == 12 ? 3 : 4, .r = 2, .g = 1, .b = 0};
    if (own == 12) {
        h->width = gp_le16(p + 4), h->height = gp_le16(p + 6), h->bits = gp_le16(p + 10);
    } else {
        h->width = gp_le32(p + 4), h->height = gp_le32(p + 8), h->bits = gp_le16(p + 14);
        h->compression = gp_le32(p + 16), h->colors = gp_le32(p + 32);
        h->top_down = p[11] == 0xff;
        if (h->top_down) h->height = 0 - h->height;
    }
    if (!h->colors && h->bits <= 8) h->colors = 1u << h->bits;
    GP_TRY(check_kind(h, err));
    if (h->compression == BITFIELDS) GP_TRY(read_masks(bytes, size, own, h, err));
    const size_t palette = h->bits <= 8 ? (size_t)h->entry * h->colors : 0;
    h->pixels = start;
    if (start == FILE_HEADER + own && h->bits <= 8)
        h->pixels = start + palette;
    else if (!start)
        h->pixels = h->after + palette < size ? h->after + palette : size;
    return GP_OK;
}

/* Fills palette [256, 3]. Entries that the file lacks are black, as in Pillow. */
static void read_palette(const uint8_t *bytes, size_t size, const header *h, uint8_t *palette)
{
    const uint8_t *p = bytes + h->after;
    const size_t room = (size - h->after) / h->entry, count = h->colors < room ? h->colors : room;
    memset(palette, 0, 256 * 3);
    for (size_t i = 0; i < count; i++, palette += 3) {
        palette[0] = p[i * h->entry + 2], palette[1] = p[i * h->entry + 1], palette[2] = p[i * h->entry];
    }
}

static void convert_row(const header *h, const uint8_t *row, const uint8_t *palette, uint8_t *rgb)
{
    if (h->bits <= 8) {
        gp_rgb_from_png(row, rgb, h->width, 3, (int)h->bits, palette);
        return;
    }
    for (size_t i = 0, step = h->bits / 8; i < h->width; i++, row += step, rgb += 3) {
        if (h->bits == 16) {
            const unsigned v = gp_le16(row), shift = h->green6 ? 11 : 10, most = h->green6 ? 63 : 31;
            rgb[0] = (uint8_t)((v >> shift & 31) * 255 / 31);
            rgb[1] = (uint8_t)((v >> 5 & most) * 255 / most);
            rgb[2] = (uint8_t)((v & 31) * 255 / 31);
        } else {
            rgb[0] = row[h->r], rgb[1] = row[h->g], rgb[2] = row[h->b];
        }
    }
}

/* ------------------------------------------------------------------ run lengths */

typedef struct unpack {
    const uint8_t *bytes;
    size_t size, at; /* at: read position in the file */
    uint8_t *out;    /* [total] palette indices in the order of the file */
    size_t count, total, width, x;
    bool four;
} unpack;

static void put(unpack *u, uint8_t value)
{
    if (u->count < u->total) u->out[u->count++] = value;
}

static void put_run(unpack *u, size_t n, uint8_t value)
{
    const size_t room = u->x < u->width ? u->width - u->x : 0;
    if (n > room) n = room; /* the rest of the run would be outside the row */
    for (size_t i = 0; i < n; i++) put(u, !u->four ? value : i & 1 ? value & 15 : (uint8_t)(value >> 4));
    u->x += n;
}

/* Copies n pixels that are not compressed. Returns false at the end of the data or of the image. */
static bool put_literal(unpack *u, size_t n)
{
    const size_t want = n;
    if (n > u->total - u->count) n = u->total - u->count;
    const size_t bytes = u->four ? (n + 1) / 2 : n;
    if (bytes > u->size - u->at) return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t v = u->bytes[u->at + (u->four ? i / 2 : i)];
        put(u, !u->four ? v : i & 1 ? v & 15 : (uint8_t)(v >> 4));
    }
    u->at += bytes, u->x += want;
    if (u->at & 1) u->at++;
    return u->count < u->total;
}

/* Handles an escape code. Returns false if no more pixels follow. */
static bool escape(unpack *u, uint8_t code)
{
    if (code == 0) { /* end of the row */
        while (u->count % u->width) put(u, 0);
        u->x = 0;
        return true;
    }
    if (code == 1) return false; /* end of the image */
    if (code > 2) return put_literal(u, code);
    if (u->at + 2 > u->size) return false;
    size_t skip = u->bytes[u->at] + u->bytes[u->at + 1] * u->width;
    u->at += 2;
    if (skip > u->total - u->count) skip = u->total - u->count;
    while (skip--) put(u, 0);
    u->x = u->count % u->width;
    return true;
}

/* Unpacks the pixels to out [height, width]. */
static gp_status unpack_runs(const header *h, const uint8_t *bytes, size_t size, uint8_t *out, gp_error *err)
{
    unpack u = {bytes, size, h->pixels, out, 0, (size_t)h->width * h->height, h->width, 0, h->compression == RLE4};
    while (u.count < u.total && u.at + 2 <= size) {
        const uint8_t n = bytes[u.at], value = bytes[u.at + 1];
        u.at += 2;
        if (n)
            put_run(&u, n, value);
        else if (!escape(&u, value))
            break;
    }
    return u.count == u.total ? GP_OK : truncated(err);
}

/* ------------------------------------------------------------------ the codec */

static gp_status decode_packed(const header *h, const uint8_t *bytes, size_t size, const uint8_t *palette,
                               gp_pixels *out, gp_error *err)
{
    uint8_t *indices = NULL;
    /* an escape code of 4 bytes skips at most 255 rows and 255 pixels */
    if ((size - h->pixels) / 2 + 1 < (uint64_t)h->width * h->height / (255 * (uint64_t)h->width + 255))
        return truncated(err);
    GP_TRY(gp_alloc((void **)&indices, h->height, h->width, "pixels", err));
    gp_status st = unpack_runs(h, bytes, size, indices, err);
    if (st == GP_OK) st = gp_image_alloc(h->width, h->height, out, err);
    for (size_t y = 0; st == GP_OK && y < h->height; y++) {
        const size_t to = h->top_down ? y : h->height - 1 - y;
        gp_rgb_from_png(indices + y * h->width, out->rgb + to * 3 * h->width, h->width, 3, 8, palette);
    }
    gp_mem_free(indices);
    return st;
}

static gp_status decode(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    header h;
    uint8_t palette[256 * 3];
    GP_TRY(read_header(bytes, size, &h, err));
    GP_TRY(gp_image_check_size(h.width, h.height, max_pixels, err));
    if (h.pixels > size) return truncated(err);
    if (h.bits <= 8) read_palette(bytes, size, &h, palette);
    if (h.compression == RLE8 || h.compression == RLE4) return decode_packed(&h, bytes, size, palette, out, err);
    const uint64_t line = ((uint64_t)h.width * h.bits + 7) / 8, stride = (line + 3) / 4 * 4;
    if (size - h.pixels < line || (size - h.pixels - line) / stride < h.height - 1) return truncated(err);
    GP_TRY(gp_image_alloc(h.width, h.height, out, err));
    for (size_t y = 0; y < h.height; y++) {
        const size_t to = h.top_down ? y : h.height - 1 - y;
        convert_row(&h, bytes + h.pixels + y * stride, palette, out->rgb + to * 3 * h.width);
    }
    return GP_OK;
}

static gp_status info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    header h;
    GP_TRY(read_header(bytes, size, &h, err));
    GP_TRY(gp_image_check_size(h.width, h.height, UINT64_MAX, err));
    *out = (gp_image_info){.format = GP_FORMAT_BMP, .width = h.width, .height = h.height};
    return GP_OK;
}

/* A BMP has no metadata, so all bytes after the first header determine the pixels. */
static bool stream(const uint8_t *bytes, size_t size, gp_hasher *hasher)
{
    header h;
    if (read_header(bytes, size, &h, NULL) != GP_OK) return false;
    gp_hasher_add(hasher, bytes + 10, size - 10);
    return true;
}

static bool plain(const uint8_t *bytes, size_t size)
{
    header h;
    return read_header(bytes, size, &h, NULL) == GP_OK && !h.alpha;
}

const gp_codec gp_codec_bmp = {"BMP", info, decode, stream, plain, NULL};
