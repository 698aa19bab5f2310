/* SPDX-License-Identifier: MIT
 * Writes small image files with metadata in the forms that generators use. */
#ifndef GP_TESTS_META_FILES_H
#define GP_TESTS_META_FILES_H

#include "png.h"

typedef enum meta_place {
    META_END,
    META_TEXT,       /* PNG tEXt */
    META_ITXT,       /* PNG iTXt */
    META_ZTXT,       /* PNG zTXt */
    META_JPEG_BE,    /* JPEG, EXIF UserComment in UTF-16, big-endian */
    META_JPEG_LE,    /* the same, little-endian */
    META_JPEG_UTF8,  /* JPEG, EXIF UserComment in UTF-8 without a code */
    META_JPEG_COM,   /* JPEG comment */
    META_JPEG_XMP,   /* JPEG XMP */
    META_JPEG_JUMBF, /* JPEG APP11 */
    META_WEBP_BE,    /* WebP, EXIF UserComment in UTF-16, big-endian */
    META_WEBP_XMP,   /* WebP XMP */
    META_CHUNK       /* PNG: a chunk of the type `key` */
} meta_place;

typedef struct meta_text {
    meta_place place;
    const char *key, *text;
    size_t size; /* 0: the length of the text */
} meta_text;

static inline void meta_be16(gp_str *s, size_t v)
{
    gp_str_putc(s, (char)(v >> 8 & 255));
    gp_str_putc(s, (char)(v & 255));
}

static inline void meta_le32(gp_str *s, size_t v)
{
    for (int i = 0; i < 32; i += 8) gp_str_putc(s, (char)(v >> i & 255));
}

/* Converts UTF-8 text to UTF-16 and appends it. The text may have only characters up to U+FFFF. */
static inline void meta_utf16(gp_str *s, const char *text, size_t size, bool big)
{
    while (size) {
        uint32_t cp;
        size_t n = gp_utf8_next(text, size, &cp);
        gp_str_putc(s, (char)(big ? cp >> 8 : cp));
        gp_str_putc(s, (char)(big ? cp : cp >> 8));
        text += n, size -= n;
    }
}

/* Appends an EXIF block whose only text is the UserComment. */
static inline void meta_exif(gp_str *s, const meta_text *t, size_t size)
{
    gp_str value = GP_STR_INIT;
    if (t->place == META_JPEG_UTF8) {
        gp_str_add(&value, t->text, size);
    } else {
        gp_str_add(&value, "UNICODE\0", 8);
        meta_utf16(&value, t->text, size, t->place != META_JPEG_LE);
    }
    gp_str_add(s, "MM\0*\0\0\0\10\0\1", 10);                     /* one directory with one entry: */
    gp_str_add(s, "\x87\x69\0\4\0\0\0\1\0\0\0\x1a\0\0\0\0", 16); /* the EXIF directory at byte 26 */
    gp_str_add(s, "\0\1\x92\x86\0\7", 6);
    png_be32(s, (uint32_t)value.size);
    png_be32(s, 44);
    png_be32(s, 0);
    gp_str_add(s, value.data, value.size);
    gp_str_clear(&value);
}

static inline void meta_png_text(gp_str *png, const meta_text *t, size_t size)
{
    gp_str data = GP_STR_INIT;
    if (t->place != META_CHUNK) gp_str_add(&data, t->key, strlen(t->key) + 1);
    if (t->place == META_ITXT) gp_str_add(&data, "\0\0\0\0", 4);
    if (t->place == META_ZTXT) {
        uLongf packed = compressBound(size);
        Bytef *room = malloc(packed);
        assert_non_null(room);
        assert_int_equal(compress(room, &packed, (const Bytef *)t->text, size), Z_OK);
        gp_str_putc(&data, 0);
        gp_str_add(&data, room, packed);
        free(room);
    } else {
        gp_str_add(&data, t->text, size);
    }
    const char *type = t->place == META_TEXT ? "tEXt" : t->place == META_ITXT ? "iTXt" : "zTXt";
    png_chunk(png, t->place == META_CHUNK ? t->key : type, data.data ? data.data : "", data.size);
    gp_str_clear(&data);
}

static inline void meta_jpeg_text(gp_str *jpeg, const meta_text *t, size_t size)
{
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";
    gp_str data = GP_STR_INIT;
    unsigned marker = t->place == META_JPEG_COM ? 0xfe : t->place == META_JPEG_JUMBF ? 0xeb : 0xe1;
    if (marker == 0xe1 && t->place != META_JPEG_XMP) {
        gp_str_add(&data, "Exif\0\0", 6);
        meta_exif(&data, t, size);
    } else {
        if (t->place == META_JPEG_XMP) gp_str_add(&data, xmp, sizeof xmp);
        gp_str_add(&data, t->text, size);
    }
    gp_str_putc(jpeg, (char)0xff);
    gp_str_putc(jpeg, (char)marker);
    meta_be16(jpeg, data.size + 2);
    gp_str_add(jpeg, data.data, data.size);
    gp_str_clear(&data);
}

static inline void meta_webp_text(gp_str *webp, const meta_text *t, size_t size)
{
    gp_str data = GP_STR_INIT;
    if (t->place == META_WEBP_XMP)
        gp_str_add(&data, t->text, size);
    else
        meta_exif(&data, t, size);
    gp_str_add(webp, t->place == META_WEBP_XMP ? "XMP " : "EXIF", 4);
    meta_le32(webp, data.size);
    gp_str_add(webp, data.data, data.size);
    if (data.size & 1) gp_str_putc(webp, 0);
    gp_str_clear(&data);
}

/* Returns an image file of one pixel that contains all `texts`. The array ends with META_END, and all of its texts must
 * belong to the same file format. */
static inline gp_str meta_file(const meta_text *texts)
{
    static const uint8_t pixel[3] = {1, 2, 3};
    gp_str plain = GP_STR_INIT, out = GP_STR_INIT;
    gp_error err = {0};
    bool png = texts->place <= META_ZTXT || texts->place == META_CHUNK;
    bool webp = texts->place == META_WEBP_BE || texts->place == META_WEBP_XMP;
    size_t head = png ? 8 + 25 : 2; /* the texts follow the header of a PNG, or the first marker of a JPEG */
    if (png) assert_ok(gp_image_png_bytes(pixel, 1, 1, &plain, &err));
    if (!png && !webp) assert_ok(gp_image_jpeg_bytes(pixel, 1, 1, 90, &plain, &err));
    if (webp) gp_str_add(&out, "RIFF\0\0\0\0WEBPVP8X\12\0\0\0\0\0\0\0\0\0\0\0\0\0", 30);
    if (!webp) gp_str_add(&out, plain.data, head);
    for (const meta_text *t = texts; t->place != META_END; t++) {
        size_t size = t->size ? t->size : strlen(t->text);
        if (png)
            meta_png_text(&out, t, size);
        else if (webp)
            meta_webp_text(&out, t, size);
        else
            meta_jpeg_text(&out, t, size);
    }
    if (!webp) gp_str_add(&out, plain.data + head, plain.size - head);
    for (int i = 0; webp && i < 4; i++) out.data[4 + i] = (char)((out.size - 8) >> (8 * i) & 255);
    assert_false(out.failed);
    gp_str_clear(&plain);
    return out;
}

/* ------------------------------------------------------------------ text hidden in pixels */

typedef struct meta_hidden {
    uint32_t width, height;
    bool alpha, packed; /* in the alpha samples, else in R, G and B; packed: gzip */
    uint32_t extra;     /* added to the number of bits in the head */
} meta_hidden;

static inline void meta_gzip(gp_str *out, const char *text, size_t size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)size};
    Bytef room[4096];
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = room, z.avail_out = sizeof room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    gp_str_add(out, room, sizeof room - z.avail_out);
    deflateEnd(&z);
}

/* Sets the lowest bits of the pixels [h, w, 4] to the head and the text. */
static inline void meta_hide(const meta_hidden *h, const char *text, size_t size, uint8_t *pixels)
{
    gp_str data = GP_STR_INIT, body = GP_STR_INIT;
    if (h->packed)
        meta_gzip(&body, text, size);
    else
        gp_str_add(&body, text, size);
    gp_str_printf(&data, "stealth_%s%s", h->alpha ? "png" : "rgb", h->packed ? "comp" : "info");
    png_be32(&data, (uint32_t)body.size * 8 + h->extra);
    gp_str_add(&data, body.data, body.size);
    for (size_t i = 0; i < 8 * data.size; i++) {
        size_t pixel = h->alpha ? i : i / 3, sample = h->alpha ? 3 : i % 3;
        assert_true(pixel < (size_t)h->width * h->height);
        uint8_t *p = pixels + 4 * (pixel % h->height * h->width + pixel / h->height) + sample;
        *p = (uint8_t)((*p & 0xfe) | (data.data[i / 8] >> (7 - i % 8) & 1));
    }
    gp_str_clear(&body);
    gp_str_clear(&data);
}

/* Appends the row, filtered with the PNG filter `type` (0 to 4). */
static inline void meta_filter(gp_str *out, const uint8_t *row, const uint8_t *above, size_t size, size_t bpp, int type)
{
    gp_str_putc(out, (char)type);
    for (size_t i = 0; i < size; i++) {
        int a = i < bpp ? 0 : row[i - bpp], b = above ? above[i] : 0, c = i < bpp || !above ? 0 : above[i - bpp];
        int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
        int paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
        int base[5] = {0, a, b, (a + b) / 2, paeth};
        gp_str_putc(out, (char)(row[i] - base[type]));
    }
}

/* Returns a PNG with the text in its pixels: RGBA if the text is in alpha, else RGB. */
static inline gp_str meta_hidden_file(const meta_hidden *h, const char *text, size_t size)
{
    size_t bpp = h->alpha ? 4 : 3, row = h->width * bpp, count = (size_t)h->width * h->height;
    uint8_t *pixels = malloc(4 * count), *plain = malloc(bpp * count);
    gp_str raw = GP_STR_INIT, out = GP_STR_INIT, head = GP_STR_INIT;
    assert_true(pixels && plain);
    for (size_t i = 0; i < 4 * count; i++) pixels[i] = (uint8_t)(i * 2654435761u >> 13);
    meta_hide(h, text, size, pixels);
    for (size_t i = 0; i < count; i++) memcpy(plain + bpp * i, pixels + 4 * i, bpp);
    for (uint32_t y = 0; y < h->height; y++)
        meta_filter(&raw, plain + y * row, y ? plain + (y - 1) * row : NULL, row, bpp, (int)(y % 5));
    uLongf packed = compressBound(raw.size);
    Bytef *room = malloc(packed);
    assert_int_equal(compress(room, &packed, (const Bytef *)raw.data, raw.size), Z_OK);
    gp_str_add(&out, "\x89PNG\r\n\x1a\n", 8);
    png_be32(&head, h->width);
    png_be32(&head, h->height);
    gp_str_add(&head, h->alpha ? "\10\6\0\0\0" : "\10\2\0\0\0", 5);
    png_chunk(&out, "IHDR", head.data, head.size);
    png_chunk(&out, "IDAT", room, packed / 2);
    png_chunk(&out, "IDAT", room + packed / 2, packed - packed / 2);
    png_chunk(&out, "IEND", "", 0);
    assert_false(out.failed || raw.failed || head.failed);
    gp_str_clear(&head);
    gp_str_clear(&raw);
    free(room);
    free(plain);
    free(pixels);
    return out;
}

#endif
