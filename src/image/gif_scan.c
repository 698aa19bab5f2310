/* SPDX-License-Identifier: MIT
 * A GIF file is a header, a canvas with an optional palette, and blocks: '!' for an extension, ',' for a frame, ';' at
 * the end. The data of a block is divided into parts: a size byte and up to 255 bytes; a size of 0 ends the block. */
#include "image/gif_scan.h"

#include "base/str.h"
#include "image/bytes.h"

#include <string.h>

enum { HEADER = 13, DESCRIPTOR = 10, CONTROL = 0xf9, COMMENT = 0xfe, APPLICATION = 0xff, XMP_TRAILER = 257 };

/* Returns the offset after the parts that begin at `at`. Sets *whole if the last part is there. */
static size_t skip_parts(const uint8_t *bytes, size_t size, size_t at, bool *whole)
{
    while (at < size && bytes[at]) at += 1 + (size_t)bytes[at];
    *whole = at < size;
    return *whole ? at + 1 : size;
}

static size_t palette_bytes(uint8_t flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

/* One block of the file. */
typedef struct block {
    uint8_t kind, label; /* kind: '!' or ','; label: of an extension */
    size_t start, data;  /* offsets of the block and of its parts */
} block;

static bool begins_like_gif(const uint8_t *bytes, size_t size)
{
    return size >= HEADER && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

/* Reads the block at *at, and moves *at after it. Returns false at the end of the file. Bytes that begin no block are
 * skipped, as in Pillow. */
static bool next_block(const uint8_t *bytes, size_t size, size_t *at, block *out)
{
    bool whole;
    while (*at < size && bytes[*at] != '!' && bytes[*at] != ',' && bytes[*at] != ';') ++*at;
    if (*at >= size || bytes[*at] == ';') return false;
    *out = (block){.kind = bytes[*at], .start = *at};
    const size_t rest = size - *at;
    if (out->kind == '!') {
        if (rest < 2) return false;
        out->label = bytes[*at + 1];
        out->data = *at + 2;
    } else {
        if (rest < DESCRIPTOR + 1) return false;
        const size_t palette = palette_bytes(bytes[*at + 9]);
        if (rest - DESCRIPTOR - 1 < palette) return false;
        out->data = *at + DESCRIPTOR + palette + 1; /* 1: the byte with the code size */
    }
    *at = skip_parts(bytes, size, out->data, &whole);
    return true;
}

static size_t first_block(const uint8_t *bytes)
{
    return HEADER + palette_bytes(bytes[10]);
}

static void take_frame(const uint8_t *bytes, const block *b, size_t end, gp_gif_info *g)
{
    const uint8_t *p = bytes + b->start;
    g->frame = b->start, g->data = b->data, g->end = end;
    g->left = gp_le16(p + 1), g->top = gp_le16(p + 3), g->wide = gp_le16(p + 5), g->high = gp_le16(p + 7);
    if (g->left + g->wide > g->width) g->width = g->left + g->wide;
    if (g->top + g->high > g->height) g->height = g->top + g->high;
    if (palette_bytes(p[9])) g->palette = p + DESCRIPTOR, g->palette_size = palette_bytes(p[9]) / 3;
}

gp_status gp_gif_scan(const uint8_t *bytes, size_t size, gp_gif_info *out, gp_error *err)
{
    if (!begins_like_gif(bytes, size)) return gp_fail(err, GP_ERR_FORMAT, "GIF data is truncated");
    gp_gif_info g = {.width = gp_le16(bytes + 6), .height = gp_le16(bytes + 8), .transparent = -1};
    size_t at = first_block(bytes), frames = 0;
    if (at > size) return gp_fail(err, GP_ERR_FORMAT, "GIF data is truncated");
    if (palette_bytes(bytes[10])) g.palette = bytes + HEADER, g.palette_size = palette_bytes(bytes[10]) / 3;
    for (block b; frames < 2 && next_block(bytes, size, &at, &b);) {
        const uint8_t *p = bytes + b.data;
        if (b.kind == ',') {
            if (!frames++) take_frame(bytes, &b, at, &g);
        } else if (!frames && b.label == CONTROL && size - b.data > 4 && p[0] >= 4 && (p[1] & 1)) {
            g.transparent = p[4];
        }
    }
    if (!frames) return gp_fail(err, GP_ERR_FORMAT, "GIF data is truncated: it has no image");
    g.animated = frames > 1;
    *out = g;
    return GP_OK;
}

/* ------------------------------------------------------------------ texts */

/* Joins the parts of a block. Returns false if memory ran out. */
static bool join(const uint8_t *bytes, size_t size, size_t at, gp_str *out)
{
    while (at < size && bytes[at]) {
        const size_t n = bytes[at] < size - at - 1 ? bytes[at] : size - at - 1;
        gp_str_add(out, bytes + at + 1, n);
        at += n + 1;
    }
    return !out->failed;
}

/* XMP is stored as one text, not in parts. Then come 257 bytes (1, 255, 254, ..., 0) that end the block for programs
 * that read parts. */
static bool add_xmp(const uint8_t *bytes, size_t start, size_t end, const gp_text_sink *sink)
{
    size_t stop = end - start > XMP_TRAILER ? end - XMP_TRAILER : start;
    while (stop > start && bytes[stop - 1] != '>') stop--;
    return stop == start || sink->text(sink->user, "xmp", bytes + start, stop - start);
}

void gp_gif_texts(const uint8_t *bytes, size_t size, const gp_text_sink *sink)
{
    if (!begins_like_gif(bytes, size)) return;
    size_t at = first_block(bytes);
    bool go_on = true;
    for (block b; go_on && next_block(bytes, size, &at, &b);) {
        gp_str text = GP_STR_INIT;
        const uint8_t *p = bytes + b.data;
        if (b.kind == '!' && b.label == COMMENT && join(bytes, size, b.data, &text) && text.size)
            go_on = sink->text(sink->user, "gif:comment", (const uint8_t *)text.data, text.size);
        else if (b.kind == '!' && b.label == APPLICATION && size - b.data > 12 && memcmp(p, "\x0bXMP DataXMP", 12) == 0)
            go_on = add_xmp(bytes, b.data + 12, at, sink);
        gp_str_clear(&text);
    }
}
