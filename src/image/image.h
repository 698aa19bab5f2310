/* SPDX-License-Identifier: MIT
 * Decodes image files to RGB pixels, with the results of Pillow's Image.convert("RGB"):
 * - alpha is dropped, not blended; palettes are looked up; gray is copied to R, G and B;
 * - 16-bit colour keeps the high byte; 16-bit gray is min(v, 255); CMYK is converted without a profile;
 * - gamma and ICC profiles are ignored; EXIF rotation is stored but not applied, except in
 *   TIFF and JPEG XL, which are turned upright (docs/formats.md).
 * The functions print nothing and use no network.
 * Memory: at most 4 bytes per pixel plus the file's size. An interlaced PNG needs up to 11, and a JPEG with many scans
 * 9, because libjpeg keeps all coefficients. TIFF needs up to 8, AVIF 12 and JPEG XL 40. Files with more than
 * max_pixels are rejected before the pixels are allocated. */
#ifndef GP_IMAGE_IMAGE_H
#define GP_IMAGE_IMAGE_H

#include "base/status.h"
#include "base/str.h"

typedef enum gp_format {
    GP_FORMAT_UNKNOWN,
    GP_FORMAT_PNG,
    GP_FORMAT_JPEG,
    GP_FORMAT_WEBP,
    GP_FORMAT_BMP,
    GP_FORMAT_GIF,
    GP_FORMAT_TIFF,
    GP_FORMAT_AVIF,
    GP_FORMAT_JXL
} gp_format;
const char *gp_image_format_name(gp_format format); /* "png" ... "unknown" */

/* What a file of unknown format probably is. */
typedef struct gp_image_guess {
    const char *what; /* completes "is ...": "a GIF image", "a text file", "empty" */
    gp_status status; /* GP_ERR_UNSUPPORTED: another format; GP_ERR_FORMAT: damaged, or not an image */
} gp_image_guess;

/* Detects the format from the first bytes. For GP_FORMAT_UNKNOWN it fills *seems, which may be NULL. */
gp_format gp_image_sniff(const uint8_t *bytes, size_t size, gp_image_guess *seems);

typedef struct gp_image_info {
    gp_format format;
    uint32_t width, height;
    uint32_t orientation; /* EXIF 1..8; 0: none */
    bool animated;
} gp_image_info;
/* Reads format, size and orientation without decoding pixels. Errors: FORMAT if the data is damaged or is not an image,
 * UNSUPPORTED if it has another format. Messages do not name the file; the caller prepends its name. */
gp_status gp_image_read_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err);

/* Decodes an image. The caller frees out->rgb [height, width, 3] with gp_pixels_clear. Truncated data is an error, as
 * in Pillow. Errors: FORMAT, LIMIT, UNSUPPORTED, MEMORY. */
gp_status gp_image_decode_bytes(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);

/* Like gp_image_decode_bytes, but decodes JPEG at 1/reduce of both sides, rounded up, with smaller inverse DCTs.
 * reduce: 1, 2, 4 or 8. The pixels differ from Pillow's, so this is only for fast decoding (preprocess.h). Other
 * formats are decoded at full size: PNG has no scaled decoding, and scaled decoding by libwebp takes as long as full
 * decoding (docs/performance.md). */
gp_status gp_image_decode_reduced(const uint8_t *bytes, size_t size, uint64_t max_pixels, uint32_t reduce,
                                  gp_pixels *out, gp_error *err);

/* The decoders of each format; gp_image_decode_bytes calls them. png_fast returns UNSUPPORTED for some files; then
 * png_full decodes them. For a file that both PNG decoders can read, they give the same pixels. */
gp_status gp_image_png_fast(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);
gp_status gp_image_png_full(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);
gp_status gp_image_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, uint32_t reduce, gp_pixels *out,
                        gp_error *err);
gp_status gp_image_webp(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);

/* Encodes RGB pixels [h, w, 3] and appends the file's bytes to `out`. quality: 1..100. */
gp_status gp_image_png_bytes(const uint8_t *rgb, uint32_t width, uint32_t height, gp_str *out, gp_error *err);
gp_status gp_image_jpeg_bytes(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, gp_str *out,
                              gp_error *err);

#endif
