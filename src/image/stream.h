/* SPDX-License-Identifier: MIT
 * What tells that two files show the same pixels although their bytes differ: programs that write a rating, a keyword
 * or a preview into a file leave its compressed pixels alone.  Bytes in, hashes out; nothing is decoded. */
#ifndef GP_IMAGE_STREAM_H
#define GP_IMAGE_STREAM_H

#include "base/hash.h"

/* XXH3-128 of what the pixels are decoded from: of PNG the header, palette, transparency and the data of IDAT and of
 * the frames; of JPEG all segments but APPn and comments, with Adobe's that names the colour transform; of WebP the
 * chunks of bitstream, alpha and frames.  *known false: the file is no image, or ends before its pixels do.  Errors:
 * MEMORY. */
gp_status gp_image_stream(const uint8_t *bytes, size_t size, gp_hash *out, bool *known, gp_error *err);

/* XXH3-128 of decoded pixels and their size. */
gp_status gp_pixels_hash(const gp_pixels *pixels, gp_hash *out, gp_error *err);
/* Do the decoded pixels (alpha dropped, first frame only) hold all that the file shows?  Not with alpha or animation.
 */
bool gp_image_is_plain(const uint8_t *bytes, size_t size);

#endif
