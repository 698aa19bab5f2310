/* SPDX-License-Identifier: MIT
 * Image files to RGB pixels by the rules of Pillow's Image.convert("RGB"): alpha dropped and never blended, palettes
 * looked up, gray replicated, 16-bit colour by its high byte, 16-bit gray as min(v, 255), CMYK naively; no gamma, no
 * ICC, no EXIF rotation (stored only).  Never prints, never touches the network; bytes in, pixels out.
 * Memory: at most 4 bytes a pixel plus a file's size (interlaced PNG up to 11; JPEG in many scans 9, as libjpeg keeps
 * all coefficients); files above max_pixels are refused before anything of their size is allocated. */
#ifndef GP_IMAGE_IMAGE_H
#define GP_IMAGE_IMAGE_H

#include "base/status.h"
#include "base/str.h"

typedef enum gp_format { GP_FORMAT_UNKNOWN, GP_FORMAT_PNG, GP_FORMAT_JPEG, GP_FORMAT_WEBP } gp_format;
const char *gp_image_format_name(gp_format format); /* "png" ... "unknown" */

/* What bytes seem to be that are no image goldpan reads. */
typedef struct gp_image_guess {
    const char *what; /* words for "is ...": "a GIF image", "a text file", "empty" */
    gp_status status; /* GP_ERR_UNSUPPORTED: another format; GP_ERR_FORMAT: damaged or no image */
} gp_image_guess;

/* Returns the format by the first bytes.  For GP_FORMAT_UNKNOWN fills *seems, which may be NULL. */
gp_format gp_image_sniff(const uint8_t *bytes, size_t size, gp_image_guess *seems);

typedef struct gp_image_info {
    gp_format format;
    uint32_t width, height;
    uint32_t orientation; /* EXIF 1..8, 0 when not given */
    bool animated;
} gp_image_info;
/* Format, size and orientation without decoding pixels.  FORMAT for damaged or foreign bytes. Messages do not name the
 * file: the caller puts it in front. */
gp_status gp_image_read_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err);

/* Decode.  out->rgb [height, width, 3] owned, gp_pixels_clear (gp_mem_free).  Truncated data is an error, as in Pillow.
 * Errors: FORMAT, LIMIT, UNSUPPORTED, MEMORY. */
gp_status gp_image_decode_bytes(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);

/* The same, but JPEG at 1/reduce of both sides, rounded up, by smaller transforms: reduce 1, 2, 4 or 8.  Not what
 * Pillow would give: only for those who asked for speed (preprocess.h).  Other formats come whole: PNG has no smaller
 * picture inside, and libwebp's scaled decoding takes as long as the whole (docs/performance.md). */
gp_status gp_image_decode_reduced(const uint8_t *bytes, size_t size, uint64_t max_pixels, uint32_t reduce,
                                  gp_pixels *out, gp_error *err);

/* One decoder each; decode_bytes calls them.  png_fast returns UNSUPPORTED for what it leaves to png_full; the two give
 * the same pixels wherever both answer. */
gp_status gp_image_png_fast(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);
gp_status gp_image_png_full(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);
gp_status gp_image_jpeg(const uint8_t *bytes, size_t size, uint64_t max_pixels, uint32_t reduce, gp_pixels *out,
                        gp_error *err);
gp_status gp_image_webp(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);

/* Adds RGB pixels [h, w, 3] as a file's bytes to `out`.  quality 1..100 for JPEG. */
gp_status gp_image_png_bytes(const uint8_t *rgb, uint32_t width, uint32_t height, gp_str *out, gp_error *err);
gp_status gp_image_jpeg_bytes(const uint8_t *rgb, uint32_t width, uint32_t height, int quality, gp_str *out,
                              gp_error *err);

#endif
