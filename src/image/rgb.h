/* SPDX-License-Identifier: MIT
 * Samples to RGB, Pillow's convert("RGB").  Private to the room. */
#ifndef GP_IMAGE_RGB_H
#define GP_IMAGE_RGB_H

#include "image/image.h"

/* One row of PNG samples of the given kind (png_scan.h) to rgb [width, 3].  palette [256, 3] for colour type 3.
 * row and rgb may overlap if rgb <= row and rgb's end is not behind row's end: pixels are taken left to right. */
void gp_rgb_from_png(const uint8_t *row, uint8_t *rgb, uint32_t width, int color, int depth, const uint8_t *palette);

/* CMYK as libjpeg gives it (Adobe's inverted ink) [width, 4] to rgb [width, 3]. */
void gp_rgb_from_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, uint32_t width);

/* Refuse zero sizes and more than max_pixels (0: GP_MAX_PIXELS). */
gp_status gp_image_check_size(uint64_t width, uint64_t height, uint64_t max_pixels, gp_error *err);
/* Checked allocation of out->rgb [height, width, 3]; sets width and height. */
gp_status gp_image_alloc(uint32_t width, uint32_t height, gp_pixels *out, gp_error *err);

#endif
