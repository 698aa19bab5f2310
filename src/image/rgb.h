/* SPDX-License-Identifier: MIT
 * Converts samples to RGB like Pillow's convert("RGB"). Private to this module. */
#ifndef GP_IMAGE_RGB_H
#define GP_IMAGE_RGB_H

#include "image/image.h"

/* Converts one row of PNG samples to rgb [width, 3]. color and depth are as in png_scan.h; palette [256, 3] is for
 * colour type 3. `row` and `rgb` may overlap if rgb starts and ends no later than row does, because pixels are
 * converted from left to right. */
void gp_rgb_from_png(const uint8_t *row, uint8_t *rgb, uint32_t width, int color, int depth, const uint8_t *palette);

/* Converts CMYK [width, 4] with inverted ink, as libjpeg returns it, to rgb [width, 3]. */
void gp_rgb_from_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, uint32_t width);

/* Fails if the size is 0 or has more than max_pixels (0: GP_MAX_PIXELS). */
gp_status gp_image_check_size(uint64_t width, uint64_t height, uint64_t max_pixels, gp_error *err);
/* Allocates out->rgb [height, width, 3] and sets width and height. Errors: LIMIT, MEMORY. */
gp_status gp_image_alloc(uint32_t width, uint32_t height, gp_pixels *out, gp_error *err);

#endif
