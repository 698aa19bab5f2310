/* SPDX-License-Identifier: MIT
 * Recognises files with the same pixels although their bytes differ: programs that write a rating, a keyword or a
 * preview into a file do not change its compressed pixels.  Bytes in, hashes out; nothing is decoded. */
#ifndef GP_IMAGE_STREAM_H
#define GP_IMAGE_STREAM_H

#include "base/hash.h"

/* XXH3-128 of the data that the pixels are decoded from. PNG: header, palette, transparency, and the data of IDAT and
 * of the frames. JPEG: all segments except comments and APPn, but with Adobe's APP14, which names the colour transform.
 * WebP: the chunks of bitstream, alpha and frames. *known is false if the file is not an image or ends before its
 * pixels do. Errors: MEMORY. */
gp_status gp_image_stream(const uint8_t *bytes, size_t size, gp_hash *out, bool *known, gp_error *err);

/* XXH3-128 of decoded pixels and their size. */
gp_status gp_pixels_hash(const gp_pixels *pixels, gp_hash *out, gp_error *err);
/* Do the decoded pixels (no alpha, first frame only) hold everything the file shows? False with alpha or an animation.
 */
bool gp_image_is_plain(const uint8_t *bytes, size_t size);

#endif
