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

/* Appends ASCII text or UTF-8 of at most two bytes per character as UTF-16. */
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

/* Returns a file of one pixel with the texts, which end with META_END. All texts need the same format. */
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

#endif
