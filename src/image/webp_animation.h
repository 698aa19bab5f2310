/* SPDX-License-Identifier: MIT
 * Writes an animated WebP that repeats forever, frame by frame. */
#ifndef GP_IMAGE_WEBP_ANIMATION_H
#define GP_IMAGE_WEBP_ANIMATION_H

#include "base/status.h"

typedef struct gp_animation gp_animation;
/* Opens an animation of frames [height, width]. The caller frees *out with gp_animation_close. */
gp_status gp_animation_open(uint32_t width, uint32_t height, gp_animation **out, gp_error *err);
/* Appends a frame, rgb [height, width, 3], that is shown for this many milliseconds. */
gp_status gp_animation_add(gp_animation *animation, const uint8_t *rgb, uint32_t milliseconds, gp_error *err);
/* Encodes the animation and writes the file atomically. */
gp_status gp_animation_write(gp_animation *animation, const char *path, gp_error *err);
void gp_animation_close(gp_animation *animation); /* NULL allowed */

#endif
