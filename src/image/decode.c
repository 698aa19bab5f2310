/* SPDX-License-Identifier: MIT
 * Reads the header or the pixels of an image file. The first bytes decide the format, never the file's name. */
#include "base/mem.h"
#include "image/codec.h"
#include "image/image.h"
#include "image/jpeg_scan.h"
#include "image/png_scan.h"
#include "image/rgb.h"
#include "image/webp.h"

#include <string.h>

void gp_pixels_clear(gp_pixels *pixels)
{
    size_t size = pixels && pixels->size ? pixels->size : sizeof *pixels; /* goldpan's own code leaves `size` at 0 */
    if (!pixels || size < sizeof size) return;
    if (size >= sizeof *pixels) gp_mem_free(pixels->rgb);
    memset((char *)pixels + sizeof size, 0, size - sizeof size);
}

static gp_status reject(const gp_image_guess *seems, gp_error *err)
{
    if (seems->status == GP_ERR_UNSUPPORTED)
        return gp_fail(err, seems->status, "is %s, which goldpan does not read", seems->what);
    return gp_fail(err, seems->status, "is %s", seems->what);
}

/* Returns the functions of a format that is not decoded here, or an error if goldpan was built without them. */
static gp_status find_codec(gp_format format, const gp_codec **out, gp_error *err)
{
    *out = gp_codec_of(format);
    if (*out && (*out)->decode) return GP_OK;
    const char *name = *out ? (*out)->name : "?";
    return gp_fail(err, GP_ERR_UNSUPPORTED, "is %s %s image, and this goldpan was built without %s",
                   strchr("AEIOU", *name) ? "an" : "a", name, name);
}

static gp_status png(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    gp_status st = gp_image_png_fast(bytes, size, max_pixels, out, err);
    return st == GP_ERR_UNSUPPORTED ? gp_image_png_full(bytes, size, max_pixels, out, err) : st;
}

gp_status gp_image_decode_reduced(const uint8_t *bytes, size_t size, uint64_t max_pixels, uint32_t reduce,
                                  gp_pixels *out, gp_error *err)
{
    gp_image_guess seems;
    const gp_codec *codec;
    const gp_format format = gp_image_sniff(bytes, size, &seems);
    switch (format) {
    case GP_FORMAT_PNG: return png(bytes, size, max_pixels, out, err);
    case GP_FORMAT_JPEG: return gp_image_jpeg(bytes, size, max_pixels, reduce, out, err);
    case GP_FORMAT_WEBP: return gp_image_webp(bytes, size, max_pixels, out, err);
    case GP_FORMAT_UNKNOWN: return reject(&seems, err);
    default: break;
    }
    GP_TRY(find_codec(format, &codec, err));
    return codec->decode(bytes, size, max_pixels, out, err);
}

gp_status gp_image_decode_bytes(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    return gp_image_decode_reduced(bytes, size, max_pixels, 1, out, err);
}

static gp_status png_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    gp_png_info header;
    GP_TRY(gp_png_scan(bytes, size, UINT64_MAX, true, &header, err));
    *out = (gp_image_info){GP_FORMAT_PNG, header.width, header.height, header.orientation, header.animated};
    return GP_OK;
}

static gp_status jpeg_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    gp_jpeg_info header;
    GP_TRY(gp_jpeg_scan(bytes, size, &header, err));
    GP_TRY(gp_image_check_size(header.width, header.height, UINT64_MAX, err));
    *out = (gp_image_info){GP_FORMAT_JPEG, header.width, header.height, header.orientation, false};
    return GP_OK;
}

gp_status gp_image_read_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    gp_image_guess seems;
    const gp_codec *codec;
    const gp_format format = gp_image_sniff(bytes, size, &seems);
    switch (format) {
    case GP_FORMAT_PNG: return png_info(bytes, size, out, err);
    case GP_FORMAT_JPEG: return jpeg_info(bytes, size, out, err);
    case GP_FORMAT_WEBP: return gp_webp_read_info(bytes, size, out, err);
    case GP_FORMAT_UNKNOWN: return reject(&seems, err);
    default: break;
    }
    GP_TRY(find_codec(format, &codec, err));
    return codec->info(bytes, size, out, err);
}
