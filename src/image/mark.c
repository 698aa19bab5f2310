/* SPDX-License-Identifier: MIT
 * Stores goldpan's mark as a text chunk after a PNG's header, or as a comment after a JPEG's first marker. */
#include "image/mark.h"

#include "base/file.h"
#include "base/own.h"
#include "image/image.h"
#include "image/png_text.h"

#include <string.h>

gp_status gp_jpeg_mark(gp_str *jpeg, const char *what, gp_error *err)
{
    enum { HEAD = 2 }; /* bytes of the SOI marker */
    /* size of the comment segment: the 2 bytes of its length field, the text GP_MARK_IMAGE, ": " and `what` */
    size_t size = sizeof GP_MARK_IMAGE - 1 + 2 + strlen(what) + 2;
    gp_str out = GP_STR_INIT;
    if (jpeg->failed || jpeg->size < HEAD) return gp_fail_memory(err, "an image");
    gp_str_add(&out, jpeg->data, HEAD);
    gp_str_add(&out, "\xff\xfe", 2);
    gp_str_putc(&out, (char)(size >> 8 & 255));
    gp_str_putc(&out, (char)(size & 255));
    gp_str_printf(&out, GP_MARK_IMAGE ": %s", what);
    gp_str_add(&out, jpeg->data + HEAD, jpeg->size - HEAD);
    if (out.failed) {
        gp_str_clear(&out);
        return gp_fail_memory(err, "an image");
    }
    gp_str_clear(jpeg);
    *jpeg = out;
    return GP_OK;
}

gp_status gp_image_write_marked(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                                const char *what, gp_error *err)
{
    gp_str plain = GP_STR_INIT;
    gp_bytes marked = {0};
    gp_status st = quality ? gp_image_jpeg_bytes(rgb, width, height, quality, &plain, err)
                           : gp_image_png_bytes(rgb, width, height, &plain, err);
    if (st == GP_OK && quality) st = gp_jpeg_mark(&plain, what, err);
    gp_bytes bytes = {(uint8_t *)plain.data, plain.size};
    if (st == GP_OK && !quality) {
        st = gp_png_add_text(&bytes, GP_MARK_IMAGE, what, &marked, err);
        bytes = marked;
    }
    if (st == GP_OK)
        st = gp_file_replace(path, bytes.data, bytes.size, err);
    else if (st != GP_ERR_USAGE)
        gp_fail_path_within(err, st, "cannot write '%s'", path);
    gp_bytes_clear(&marked);
    gp_str_clear(&plain);
    return st;
}

bool gp_image_is_own(const gp_chunks *chunks)
{
    for (size_t i = 0; i < chunks->count; i++) {
        const gp_chunk *c = &chunks->items[i];
        if (strcmp(c->key, GP_MARK_IMAGE) == 0) return true;
        if (strcmp(c->key, "jpeg:comment") == 0 && strncmp(c->text, GP_MARK_IMAGE, sizeof GP_MARK_IMAGE - 1) == 0)
            return true;
        if (strcmp(c->key, "xmp") == 0 && strstr(c->text, GP_MARK_IMAGE)) return true;
    }
    return false;
}
