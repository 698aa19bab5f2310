/* SPDX-License-Identifier: MIT
 * What a picture looks like in 64 bits: a perceptual hash, the same for a picture scaled or compressed anew. */
#ifndef GP_IMAGE_PHASH_H
#define GP_IMAGE_PHASH_H

#include "base/status.h"

/* 32 x 32 of grey by averages of areas, its cosine transform, the 64 lowest frequencies but the mean's: each bit says
 * whether one is above their median (as pHash does: Zauner 2010).  Copies differ in up to some 10 bits, unlike pictures
 * in 32 give or take 4. */
gp_status gp_image_phash(const gp_pixels *pixels, uint64_t *look, gp_error *err);

#endif
