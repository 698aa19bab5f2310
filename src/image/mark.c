/* SPDX-License-Identifier: MIT
 * The mark is a text chunk after a PNG's header, or a comment after a JPEG's first marker. */
#include "image/mark.h"

#include "base/file.h"
#include "base/own.h"
#include "image/image.h"

#include <string.h>
#include <zlib.h>

enum { PNG_HEAD = 33, JPEG_HEAD = 2 }; /* signature and IHDR; SOI */

static void put_be32(gp_str *s, uint32_t v)
{
    for (int i = 24; i >= 0; i -= 8) gp_str_putc(s, (char)(v >> i & 255));
}

static void put_png_text(gp_str *s, const char *what)
{
    gp_str chunk = GP_STR_INIT;
    gp_str_puts(&chunk, "tEXt" GP_MARK_IMAGE);
    gp_str_putc(&chunk, 0);
    gp_str_puts(&chunk, what);
    put_be32(s, (uint32_t)chunk.size - 4);
    gp_str_add(s, chunk.data ? chunk.data : "", chunk.size);
    put_be32(s, (uint32_t)crc32_z(0, (const Bytef *)chunk.data, chunk.size));
    s->failed |= chunk.failed;
    gp_str_clear(&chunk);
}

static void put_jpeg_comment(gp_str *s, const char *what)
{
    size_t size = sizeof GP_MARK_IMAGE - 1 + 2 + strlen(what) + 2; /* including ": " and the two bytes of the length */
    gp_str_add(s, "\xff\xfe", 2);
    gp_str_putc(s, (char)(size >> 8 & 255));
    gp_str_putc(s, (char)(size & 255));
    gp_str_printf(s, GP_MARK_IMAGE ": %s", what);
}

gp_status gp_image_mark(gp_str *bytes, const char *what, gp_error *err)
{
    gp_str out = GP_STR_INIT;
    bool png = gp_image_sniff((const uint8_t *)bytes->data, bytes->size, NULL) == GP_FORMAT_PNG;
    size_t head = png ? PNG_HEAD : JPEG_HEAD;
    if (bytes->failed || bytes->size < head) return gp_fail(err, GP_ERR_MEMORY, "out of memory for an image");
    gp_str_add(&out, bytes->data, head);
    if (png)
        put_png_text(&out, what);
    else
        put_jpeg_comment(&out, what);
    gp_str_add(&out, bytes->data + head, bytes->size - head);
    if (out.failed) {
        gp_str_clear(&out);
        return gp_fail(err, GP_ERR_MEMORY, "out of memory for an image");
    }
    gp_str_clear(bytes);
    *bytes = out;
    return GP_OK;
}

gp_status gp_image_write_marked(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                                const char *what, gp_error *err)
{
    gp_str bytes = GP_STR_INIT;
    gp_status st = quality ? gp_image_jpeg_bytes(rgb, width, height, quality, &bytes, err)
                           : gp_image_png_bytes(rgb, width, height, &bytes, err);
    if (st == GP_OK) st = gp_image_mark(&bytes, what, err);
    if (st == GP_OK)
        st = gp_file_replace(path, bytes.data, bytes.size, err);
    else if (st != GP_ERR_USAGE)
        gp_fail_within(err, st, "cannot write '%s'", path);
    gp_str_clear(&bytes);
    return st;
}
