/* SPDX-License-Identifier: MIT
 * Inserts a text chunk into a PNG before its pixels. All other bytes stay unchanged. */
#include "image/png_text.h"

#include "base/mem.h"
#include "base/str.h"
#include "image/bytes.h"

#include <libdeflate.h>
#include <string.h>

/* Appends UTF-8 text as Latin-1. Returns false if a character does not exist in Latin-1. */
static bool put_latin1(gp_str *s, const char *text)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        uint32_t letter;
        i += gp_utf8_next(text + i, size - i, &letter);
        if (letter > 255) return false;
        gp_str_putc(s, (char)letter);
    }
    return true;
}

static void put_be32(gp_str *s, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    gp_str_add(s, bytes, 4);
}

gp_status gp_png_add_text(const gp_bytes *png, const char *keyword, const char *text, gp_bytes *out, gp_error *err)
{
    static const uint8_t magic[] = {0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};
    gp_str chunk = GP_STR_INIT, whole = GP_STR_INIT;
    gp_status st = GP_OK;
    size_t at = 8;
    if (png->size < 8 || memcmp(png->data, magic, 8)) return gp_fail(err, GP_ERR_FORMAT, "is not a PNG image");
    while (at + 12 <= png->size && memcmp(png->data + at + 4, "IDAT", 4)) {
        uint32_t length = gp_be32(png->data + at);
        if (length > png->size - at - 12) return gp_fail(err, GP_ERR_FORMAT, "PNG data is truncated");
        at += 12 + (size_t)length;
    }
    if (at + 12 > png->size) return gp_fail(err, GP_ERR_FORMAT, "PNG has no image data");
    gp_str_puts(&chunk, "tEXt");
    gp_str_add(&chunk, keyword, strlen(keyword) + 1);
    if (!put_latin1(&chunk, text)) {
        /* fields of iTXt before the text: NUL after the keyword, not compressed, method 0, no language, no translated
         * keyword */
        static const char plain[5] = {0};
        gp_str_reset(&chunk);
        gp_str_puts(&chunk, "iTXt");
        gp_str_puts(&chunk, keyword);
        gp_str_add(&chunk, plain, sizeof plain);
        gp_str_puts(&chunk, text);
    }
    gp_str_add(&whole, png->data, at);
    put_be32(&whole, (uint32_t)(chunk.size - 4));
    gp_str_add(&whole, chunk.data, chunk.size);
    put_be32(&whole, libdeflate_crc32(0, chunk.data, chunk.size));
    gp_str_add(&whole, png->data + at, png->size - at);
    if (chunk.failed || whole.failed) GP_TRY_GOTO(gp_fail_memory(err, "an image's text"));
    *out = (gp_bytes){(uint8_t *)whole.data, whole.size};
    whole = (gp_str)GP_STR_INIT;
out:
    gp_str_clear(&whole);
    gp_str_clear(&chunk);
    return st;
}
