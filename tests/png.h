/* SPDX-License-Identifier: MIT
 * PNG files made by tests, and their chunks. */
#ifndef GP_TESTS_PNG_H
#define GP_TESTS_PNG_H

#include "base/file.h"
#include "base/str.h"
#include "image/image.h"
#include "support.h"
#include <stdint.h>
#include <zlib.h>

static inline void png_be32(gp_str *s, uint32_t v)
{
    for (int i = 24; i >= 0; i -= 8) gp_str_putc(s, (char)(v >> i & 255));
}

/* Appends a whole chunk: length, type, data, checksum. */
static inline void png_chunk(gp_str *s, const char *type, const void *data, size_t size)
{
    png_be32(s, (uint32_t)size);
    size_t at = s->size;
    gp_str_add(s, type, 4);
    gp_str_add(s, data, size);
    png_be32(s, (uint32_t)crc32_z(0, (const uint8_t *)s->data + at, size + 4));
}

/* Writes RGB pixels [h, w, 3] to a file. */
static inline void png_write(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height)
{
    gp_str png = GP_STR_INIT;
    gp_error err = {0};
    assert_ok(gp_image_png_bytes(rgb, width, height, &png, &err));
    assert_ok(gp_file_replace(path, png.data, png.size, &err));
    gp_str_clear(&png);
}

#endif
