/* SPDX-License-Identifier: MIT
 * Computes a 64-bit perceptual hash. Scaling or recompressing an image changes few of its bits. */
#ifndef GP_IMAGE_PHASH_H
#define GP_IMAGE_PHASH_H

#include "base/status.h"

/* Computes the perceptual hash pHash (Zauner 2010). Averages the image to 32 x 32 grey values and computes the 8 x 8
 * lowest frequencies of their cosine transform. Bit i is set if frequency i is above the median; bit 0 (the mean) is
 * always 0. The hashes of two copies of an image differ in at most about 10 bits. The hashes of two different images
 * differ in 32 +- 4 bits. */
gp_status gp_image_phash(const gp_pixels *pixels, uint64_t *hash, gp_error *err);

#endif
