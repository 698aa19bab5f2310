/* SPDX-License-Identifier: MIT
 * Text hidden in the lowest bits of the samples of a PNG or a lossless WebP ("stealth PNG info"): in the alpha samples,
 * 1 bit per pixel, or in R, G and B, 3 bits per pixel. The bits run down the columns, from left to right, most
 * significant bit first:
 *   15 bytes  "stealth_pnginfo" (alpha, plain), "stealth_pngcomp" (alpha, gzip), "stealth_rgbinfo", "stealth_rgbcomp"
 *    4 bytes  number of bits of the text, big-endian
 *   the text
 *
 * Most images contain no such text, so only the rows of the first 152 bits are unpacked at first. The size of the text
 * is compared with the number of pixels before the text is read. */
#include "image/chunks.h"

#include "base/gzip.h"
#include "base/mem.h"
#include "image/bytes.h"
#include "image/exif.h"
#include "image/png_chunk.h"
#include "image/png_scan.h"
#include "kernel/kernel.h"

#include <string.h>
#include <webp/decode.h>
#include <zlib.h>

enum { MAGIC_BYTES = 15, HEAD_BITS = (MAGIC_BYTES + 4) * 8, MAX_TEXT = 64 << 20 };
#define MAX_INFLATE 1032u /* zlib never unpacks one byte to more bytes than this */

/* An image whose samples may contain a text. */
typedef struct picture {
    const uint8_t *bytes;
    size_t size;
    uint32_t width, height;
    size_t bpp;             /* bytes of a pixel: 3 or 4 */
    const gp_png_info *png; /* NULL: a WebP */
} picture;

/* A set of bits: bits first..first+count-1 of the hidden data. Each pixel has `channels` of these bits, one in each of
 * the samples from number `channel` on. */
typedef struct bits {
    size_t first, count;
    unsigned channel, channels;
    uint8_t *out; /* [ceil(count / 8)], zeroed */
} bits;

/* The state of unpacking the rows of the image one after another, from the first row on. */
typedef struct rows {
    const uint8_t *bytes;
    size_t size, at; /* at: the next chunk */
    z_stream z;
    bool open;
    uint8_t *block;              /* [1 + k] the filtered row, [k] the row, [k] the row above; k = kept */
    size_t row_bytes, kept, bpp; /* kept: bytes at the start of each row that the caller reads */
} rows;

/* pixels: number of pixels at the start of each row that the caller reads. Only these are kept, because the width is
 * only what the header says. */
static gp_status rows_open(rows *s, const gp_png_info *info, const uint8_t *bytes, size_t size, size_t pixels,
                           gp_error *err)
{
    *s = (rows){.bytes = bytes, .size = size, .at = info->idat, .row_bytes = info->row_bytes};
    s->bpp = info->color == 6 ? 4 : 3;
    s->kept = pixels < info->width ? pixels * s->bpp : info->row_bytes;
    s->block = gp_mem_zero(3 * s->kept + 1, 1);
    if (!s->block || inflateInit(&s->z) != Z_OK) {
        gp_mem_free(s->block);
        return gp_fail_memory(err, "metadata");
    }
    s->open = true;
    return GP_OK;
}

static void rows_close(rows *s)
{
    if (s->open) inflateEnd(&s->z);
    gp_mem_free(s->block);
    s->open = false, s->block = NULL;
}

/* Unpacks the next bytes. Returns false if the data ends or is damaged. */
static bool inflate_next(rows *s, uint8_t *out, size_t size)
{
    s->z.next_out = out, s->z.avail_out = (uInt)size;
    while (s->z.avail_out) {
        gp_png_chunk c;
        if (!s->z.avail_in) {
            if (!gp_png_next(s->bytes, s->size, &s->at, &c) || memcmp(c.tag, "IDAT", 4) != 0) return false;
            s->z.next_in = (Bytef *)(uintptr_t)c.data, s->z.avail_in = (uInt)c.length;
        }
        int rc = inflate(&s->z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_BUF_ERROR && !(rc == Z_STREAM_END && !s->z.avail_out)) return false;
    }
    return true;
}

/* Returns the start of the next row, or NULL if the data ends or is damaged. */
static const uint8_t *rows_next(rows *s)
{
    uint8_t *filtered = s->block, *row = filtered + 1 + s->kept, *above = row + s->kept, unused[16384];
    memcpy(above, row, s->kept);
    if (!inflate_next(s, filtered, s->kept + 1)) return NULL;
    for (size_t left = s->row_bytes - s->kept, n; left; left -= n) {
        n = left < sizeof unused ? left : sizeof unused;
        if (!inflate_next(s, unused, n)) return NULL;
    }
    if (*filtered > 4) return NULL;
    gp_kernel_table()->unfilter(filtered + 1, row, above, s->kept, s->bpp, *filtered);
    return row;
}

/* Stores those bits of the set `b` that are in row y. */
static void take_row(const picture *p, const uint8_t *row, uint32_t y, bits *b)
{
    size_t end = b->first + b->count;
    for (size_t x = 0; x < p->width; x++) {
        size_t index = (x * p->height + y) * b->channels;
        if (index >= end) return;
        for (unsigned c = 0; c < b->channels; c++, index++) {
            if (index < b->first || index >= end) continue;
            size_t at = index - b->first;
            b->out[at / 8] |= (uint8_t)((row[x * p->bpp + b->channel + c] & 1) << (7 - at % 8));
        }
    }
}

/* Decodes the pixels at the left and the top of a lossless WebP, from which `sets` are read. libwebp stops at the last
 * row that is needed. last: number of pixels that are needed. */
static gp_status read_webp(const picture *p, size_t last, bits *sets, size_t count, bool *whole, gp_error *err)
{
    uint32_t width = (uint32_t)((last + p->height - 1) / p->height);
    uint32_t height = last < p->height ? (uint32_t)last : p->height;
    WebPDecoderConfig config;
    *whole = false;
    if (!WebPInitDecoderConfig(&config)) return GP_OK; /* the library is not the one that goldpan was built with */
    config.options.use_cropping = 1;
    config.options.crop_width = (int)width, config.options.crop_height = (int)height;
    config.output.colorspace = MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.stride = (int)(4 * width);
    config.output.u.RGBA.size = (size_t)4 * width * height;
    uint8_t *pixels = gp_mem_new(config.output.u.RGBA.size, 1);
    if (!pixels) return gp_fail_memory(err, "metadata");
    config.output.u.RGBA.rgba = pixels;
    const VP8StatusCode code = WebPDecode(p->bytes, p->size, &config);
    const picture part = {.width = width, .height = p->height, .bpp = 4};
    *whole = code == VP8_STATUS_OK;
    for (uint32_t y = 0; y < height && *whole; y++)
        for (size_t i = 0; i < count; i++) take_row(&part, pixels + (size_t)4 * width * y, y, &sets[i]);
    gp_mem_free(pixels);
    return code == VP8_STATUS_OUT_OF_MEMORY ? gp_fail_memory(err, "metadata") : GP_OK;
}

/* Reads the bits of `count` sets in one pass. Sets *whole if all rows with bits of these sets could be unpacked. */
static gp_status read_bits(const picture *p, bits *sets, size_t count, bool *whole, gp_error *err)
{
    rows s;
    size_t last = 0;
    for (size_t i = 0; i < count; i++) {
        size_t pixels = (sets[i].first + sets[i].count + sets[i].channels - 1) / sets[i].channels;
        if (pixels > last) last = pixels;
    }
    if (!p->png) return read_webp(p, last, sets, count, whole, err);
    GP_TRY(rows_open(&s, p->png, p->bytes, p->size, (last + p->height - 1) / p->height, err));
    *whole = true;
    for (uint32_t y = 0; y < p->height && y < last && *whole; y++) {
        const uint8_t *row = rows_next(&s);
        *whole = row != NULL;
        for (size_t i = 0; i < count && row; i++) take_row(p, row, y, &sets[i]);
    }
    rows_close(&s);
    return GP_OK;
}

static gp_status add_text(gp_chunks *chunks, const uint8_t *bytes, size_t size, bool packed, gp_error *err)
{
    gp_str raw = GP_STR_INIT, text = GP_STR_INIT;
    gp_error ignored = {0};
    bool whole = !packed || gp_gzip_or_zlib_expand(bytes, size, MAX_TEXT, &raw, &ignored) == GP_OK;
    raw.failed |= ignored.status == GP_ERR_MEMORY;
    if (whole && packed)
        gp_exif_add_text(&text, (const uint8_t *)raw.data, raw.size);
    else if (whole)
        gp_exif_add_text(&text, bytes, size);
    bool failed = raw.failed || text.failed;
    gp_str_clear(&raw);
    if (!failed && !text.size) {
        chunks->damaged += !whole;
        gp_str_clear(&text);
        return GP_OK;
    }
    gp_chunk *items = failed ? NULL : gp_mem_resize(chunks->items, chunks->count + 1, sizeof *items);
    if (items) {
        chunks->items = items;
        gp_chunk one = {.size = text.size, .key = gp_str_dup("stealth")};
        one.text = gp_str_take(&text);
        if (one.key && one.text) {
            items[chunks->count++] = one;
            return GP_OK;
        }
        gp_mem_free(one.key);
        gp_mem_free(one.text);
    }
    gp_str_clear(&text);
    return gp_fail_memory(err, "metadata");
}

/* Reads the text of `size` bytes that follows the head. */
static gp_status read_text(const picture *p, const bits *head, size_t size, gp_chunks *chunks, gp_error *err)
{
    bits b = {.first = HEAD_BITS, .count = 8 * size, .channel = head->channel, .channels = head->channels};
    bool whole = false;
    b.out = gp_mem_zero(size, 1);
    if (!b.out) return gp_fail_memory(err, "metadata");
    gp_status st = read_bits(p, &b, 1, &whole, err);
    bool packed = memcmp(head->out + MAGIC_BYTES - 4, "comp", 4) == 0;
    if (st == GP_OK && whole)
        st = add_text(chunks, b.out, size, packed, err);
    else if (st == GP_OK)
        chunks->damaged++;
    gp_mem_free(b.out);
    return st;
}

/* Returns true if the first bits are the head of a hidden text. */
static bool is_head(const bits *head)
{
    const char *magic = (const char *)head->out;
    if (memcmp(magic, head->channels == 1 ? "stealth_png" : "stealth_rgb", 11) != 0) return false;
    return memcmp(magic + 11, "info", 4) == 0 || memcmp(magic + 11, "comp", 4) == 0;
}

/* Returns true if the file may contain a hidden text: RGB or RGBA with 8 bits per sample, not interlaced, with enough
 * pixels for the head of a text, and with enough compressed data for all pixels. */
static bool may_hide(const gp_png_info *info, size_t size)
{
    if (info->depth != 8 || info->interlaced || (info->color != 2 && info->color != 6)) return false;
    uint64_t pixels = (uint64_t)info->width * info->height, raw = ((uint64_t)info->row_bytes + 1) * info->height;
    return pixels * 3 > HEAD_BITS && raw / MAX_INFLATE <= size && info->row_bytes < UINT32_MAX;
}

/* Reads the text of an image that may have one. channels: samples of a pixel, 3 or 4. */
static gp_status read_picture(const picture *p, unsigned channels, gp_chunks *chunks, gp_error *err)
{
    uint8_t first[2][HEAD_BITS / 8] = {{0}};
    bool whole;
    bits heads[2] = {{0, HEAD_BITS, 0, 3, first[0]}, {0, HEAD_BITS, 3, 1, first[1]}};
    size_t count = channels - 2;
    GP_TRY(read_bits(p, heads, count, &whole, err));
    for (size_t i = count; i-- > 0 && whole;) {
        if (!is_head(&heads[i])) continue;
        uint64_t room = (uint64_t)p->width * p->height * heads[i].channels;
        uint32_t length = gp_be32(heads[i].out + MAGIC_BYTES);
        if (length && length % 8 == 0 && HEAD_BITS + (uint64_t)length <= room && length / 8 <= MAX_TEXT)
            return read_text(p, &heads[i], length / 8, chunks, err);
        chunks->damaged++;
    }
    return GP_OK;
}

/* Fills *p and *channels if the file is a lossless WebP that may contain a hidden text. */
static bool open_webp(const uint8_t *bytes, size_t size, picture *p, unsigned *channels)
{
    enum { MOST_PIXELS = 1 << 25, LOSSLESS = 2 };
    WebPBitstreamFeatures f;
    if (WebPGetFeatures(bytes, size, &f) != VP8_STATUS_OK || f.format != LOSSLESS || f.has_animation) return false;
    const uint64_t pixels = (uint64_t)f.width * (uint64_t)f.height;
    *p = (picture){bytes, size, (uint32_t)f.width, (uint32_t)f.height, 4, NULL};
    *channels = f.has_alpha && pixels >= HEAD_BITS ? 4 : 3;
    return pixels * 3 > HEAD_BITS && pixels <= MOST_PIXELS;
}

gp_status gp_chunks_add_hidden(const uint8_t *bytes, size_t size, gp_chunks *chunks, gp_error *err)
{
    gp_png_info info;
    gp_error ignored = {0};
    picture p;
    unsigned channels;
    if (open_webp(bytes, size, &p, &channels)) return read_picture(&p, channels, chunks, err);
    if (gp_png_scan(bytes, size, GP_MAX_PIXELS, true, &info, &ignored) != GP_OK || !may_hide(&info, size)) return GP_OK;
    channels = info.color == 6 ? 4 : 3;
    p = (picture){bytes, size, info.width, info.height, channels, &info};
    return read_picture(&p, channels, chunks, err);
}
