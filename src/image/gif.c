/* SPDX-License-Identifier: MIT
 * Decodes the first frame of a GIF with giflib, row by row. As in Pillow, the canvas around the frame has the
 * transparent colour of the frame, or else colour 0; transparency itself is dropped. A palette that only repeats the
 * index as gray is the same as no palette. giflib reads only the header and the first frame. */
#include "base/mem.h"
#include "image/bytes.h"
#include "image/codec.h"
#include "image/gif_scan.h"
#include "image/rgb.h"

#include <gif_lib.h>
#include <string.h>

enum { CANVAS = 13, MOST_PER_BYTE = 4096 /* an LZW code has at least 3 bits and at most 4096 pixels */ };

/* The parts of the file that giflib reads: the header, the first frame, and a byte that ends the file. */
typedef struct source {
    const uint8_t *parts[2];
    size_t sizes[2], part, at;
} source;

/* After the end of the file it returns zeros, which end the parts of the image data. So a file that lacks only the end
 * of its last block is decoded, as in Pillow. */
static int on_read(GifFileType *gif, GifByteType *to, int count)
{
    source *s = gif->UserData;
    size_t left = (size_t)count;
    while (left && s->part < 2) {
        const size_t rest = s->sizes[s->part] - s->at, n = rest < left ? rest : left;
        memcpy(to, s->parts[s->part] + s->at, n);
        to += n, left -= n, s->at += n;
        if (s->at == s->sizes[s->part]) s->part++, s->at = 0;
    }
    memset(to, 0, left);
    return count;
}

static gp_status failed(int code, gp_error *err)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM) return gp_fail_memory(err, "decoding");
    return gp_fail(err, GP_ERR_FORMAT, "GIF image data is damaged or truncated");
}

/* Returns the row of the frame that is number `n` in the file. */
static size_t interlaced_row(size_t n, size_t high)
{
    static const size_t first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    for (size_t pass = 0; pass < 4; pass++) {
        const size_t rows = high > first[pass] ? (high - first[pass] + step[pass] - 1) / step[pass] : 0;
        if (n < rows) return first[pass] + n * step[pass];
        n -= rows;
    }
    return 0;
}

static gp_status decode_rows(GifFileType *gif, const gp_gif_info *g, const uint8_t *palette, uint8_t *line,
                             const gp_pixels *out, gp_error *err)
{
    GifRecordType kind;
    if (DGifGetRecordType(gif, &kind) != GIF_OK || kind != IMAGE_DESC_RECORD_TYPE || DGifGetImageDesc(gif) != GIF_OK)
        return failed(gif->Error, err);
    for (size_t n = 0; n < g->high; n++) {
        const size_t y = gif->Image.Interlace ? interlaced_row(n, g->high) : n;
        if (DGifGetLine(gif, line, (int)g->wide) != GIF_OK) return failed(gif->Error, err);
        gp_rgb_from_png(line, out->rgb + ((g->top + y) * out->width + g->left) * 3, g->wide, 3, 8, palette);
    }
    return GP_OK;
}

/* Returns whether each palette entry repeats its index as gray. Pillow then reads all 256 values as gray. */
static bool is_gray(const gp_gif_info *g)
{
    for (size_t i = 0; i < 3 * g->palette_size; i++)
        if (g->palette[i] != i / 3) return false;
    return true;
}

/* Fills palette [256, 3]. Colours beyond the palette of the file are black, as in Pillow. */
static void fill_palette(const gp_gif_info *g, uint8_t *palette)
{
    memset(palette, 0, 256 * 3);
    if (is_gray(g))
        for (size_t i = 0; i < 256; i++) memset(palette + 3 * i, (int)i, 3);
    else
        memcpy(palette, g->palette, 3 * g->palette_size);
}

static gp_status decode_frame(const uint8_t *bytes, const gp_gif_info *g, gp_pixels *out, gp_error *err)
{
    source s = {.parts = {bytes, bytes + g->frame}, .sizes = {CANVAS, g->end - g->frame}};
    uint8_t palette[256 * 3], head[CANVAS];
    uint8_t *line = NULL;
    gp_status st;
    int code = 0;
    memcpy(head, bytes, CANVAS);
    head[10] &= 0x7f; /* without the palette of the canvas */
    s.parts[0] = head;
    GifFileType *gif = DGifOpen(&s, on_read, &code);
    if (!gif) return failed(code, err);
    fill_palette(g, palette);
    GP_TRY_GOTO(gp_alloc((void **)&line, g->wide, 1, "pixels", err));
    GP_TRY_GOTO(gp_image_alloc(g->width, g->height, out, err));
    if (g->wide != g->width || g->high != g->height)
        for (size_t i = 0, n = (size_t)g->width * g->height; i < n; i++)
            memcpy(out->rgb + 3 * i, palette + 3 * (g->transparent < 0 ? 0 : g->transparent), 3);
    st = decode_rows(gif, g, palette, line, out, err);
    if (st != GP_OK) gp_pixels_clear(out);
out:
    gp_mem_free(line);
    DGifCloseFile(gif, &code);
    return st;
}

static gp_status decode(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    gp_gif_info g;
    gp_pixels pixels = {0};
    GP_TRY(gp_gif_scan(bytes, size, &g, err));
    GP_TRY(gp_image_check_size(g.width, g.height, max_pixels, err));
    if (!g.wide || !g.high) return gp_fail(err, GP_ERR_FORMAT, "GIF frame has no pixels");
    if ((uint64_t)g.wide * g.high / MOST_PER_BYTE > g.end - g.data)
        return gp_fail(err, GP_ERR_FORMAT, "GIF image data is damaged or truncated");
    GP_TRY(decode_frame(bytes, &g, &pixels, err));
    *out = pixels;
    return GP_OK;
}

static gp_status info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    gp_gif_info g;
    GP_TRY(gp_gif_scan(bytes, size, &g, err));
    GP_TRY(gp_image_check_size(g.width, g.height, UINT64_MAX, err));
    *out = (gp_image_info){.format = GP_FORMAT_GIF, .width = g.width, .height = g.height, .animated = g.animated};
    return GP_OK;
}

/* The canvas and the bytes from the first frame on; in an animation also what follows. */
static bool stream(const uint8_t *bytes, size_t size, gp_hasher *hasher)
{
    gp_gif_info g;
    if (gp_gif_scan(bytes, size, &g, NULL) != GP_OK || g.end >= size) return false;
    const int16_t transparent = (int16_t)g.transparent;
    gp_hasher_add(hasher, bytes + 6, CANVAS - 6);
    gp_hasher_add(hasher, &transparent, sizeof transparent);
    if (g.palette) gp_hasher_add(hasher, g.palette, 3 * g.palette_size);
    gp_hasher_add(hasher, bytes + g.frame, (g.animated ? size : g.end) - g.frame);
    return true;
}

static bool plain(const uint8_t *bytes, size_t size)
{
    gp_gif_info g;
    return gp_gif_scan(bytes, size, &g, NULL) == GP_OK && !g.animated && g.transparent < 0;
}

const gp_codec gp_codec_gif = {"GIF", info, decode, stream, plain, gp_gif_texts};
