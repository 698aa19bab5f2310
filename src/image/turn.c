/* SPDX-License-Identifier: MIT
 * See turn.h. */
#include "image/turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

void gp_rgb_turn(const uint8_t *in, uint32_t w, uint32_t h, uint32_t orientation, uint8_t *out)
{
    const uint32_t o = orientation <= 8 ? orientation : 1;
    bool swap = o >= 5;
    uint32_t ow = swap ? h : w, oh = swap ? w : h;
    for (uint32_t y = 0; y < oh; y++)
        for (uint32_t x = 0; x < ow; x++) {
            uint32_t sx = swap ? y : x, sy = swap ? x : y;
            if (o == 2 || o == 3 || o == 7 || o == 8) sx = w - 1 - sx;
            if (o == 3 || o == 4 || o == 6 || o == 7) sy = h - 1 - sy;
            memcpy(out + ((size_t)y * ow + x) * 3, in + ((size_t)sy * w + sx) * 3, 3);
        }
}
