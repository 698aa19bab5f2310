/* SPDX-License-Identifier: MIT
 * Recognises files that have the same pixels although their bytes differ. Programs that write a rating, a keyword or a
 * preview into a file do not change its compressed pixels, so these are hashed without decoding. */
#ifndef GP_IMAGE_STREAM_H
#define GP_IMAGE_STREAM_H

#include "base/hash.h"

/* Computes XXH3-128 of the data that the pixels are decoded from. PNG: header, palette, transparency, IDAT and the
 * frames. JPEG: all segments except comments and APPn; Adobe's APP14 is included, because it names the colour
 * transform. WebP: the chunks of bitstream, alpha and frames. Sets *known to false if the file is not an image or is
 * truncated. Errors: MEMORY. */
gp_status gp_image_stream(const uint8_t *bytes, size_t size, gp_hash *out, bool *known, gp_error *err);

/* Computes XXH3-128 of decoded pixels, their width and their height. */
gp_status gp_pixels_hash(const gp_pixels *pixels, gp_hash *out, gp_error *err);
/* Returns whether the decoded pixels (no alpha, first frame only) are all that the file shows. Returns false for alpha
 * or an animation. */
bool gp_image_is_plain(const uint8_t *bytes, size_t size);

#endif
