/* SPDX-License-Identifier: MIT
 * Turns and mirrors pixels by the EXIF orientation. */
#ifndef GP_IMAGE_TURN_H
#define GP_IMAGE_TURN_H

#include <stdint.h>

/* in [h, w, 3]; out [w, h, 3] for the orientations 5 to 8, else [h, w, 3]. orientation: 2..8; any other copies. */
void gp_rgb_turn(const uint8_t *in, uint32_t w, uint32_t h, uint32_t orientation, uint8_t *out);

#endif
