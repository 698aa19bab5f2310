/* SPDX-License-Identifier: MIT
 * Thumbnails: reads one image, checks it, and makes it small and upright.  Any thread may call these functions.
 * Memory: twice the pixels of the image. */
#ifndef GP_REPORT_THUMB_H
#define GP_REPORT_THUMB_H

#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "base/str.h"

/* Decodes an image if its file may be output (original.h).  Owns: out->rgb, gp_pixels_clear. */
gp_status gp_thumb_read(const char *path, const gp_hash *hash, gp_pixels *out, gp_error *err);
/* Computes the upright size of an image that is stored as width x height. No side of the result is longer than `side`,
 * and images are never enlarged. */
void gp_thumb_fit(uint32_t width, uint32_t height, uint32_t orientation, uint32_t side, uint32_t *w, uint32_t *h);
/* Turns the image upright by its EXIF orientation, [h, w, 3].  Owns: out->rgb. */
gp_status gp_thumb_shape(const gp_pixels *pixels, uint32_t orientation, uint32_t w, uint32_t h, gp_pixels *out,
                         gp_error *err);

/* Returns whether most browsers cannot draw a format of the catalog ("jxl", "tiff"). */
bool gp_format_needs_converting(const char *format);
/* Decodes a file, turns it upright and appends it to `png` as a PNG of full size.  Errors: those of the decoder,
 * MEMORY. */
gp_status gp_shown_png(const uint8_t *bytes, size_t size, uint32_t orientation, gp_str *png, gp_error *err);

#endif
