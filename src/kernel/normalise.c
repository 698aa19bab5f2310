/* SPDX-License-Identifier: MIT
 * Pixels to normalised planes.  A byte has 256 values, so a table of 1 KiB per channel holds all results of
 * (float32(v / 255) - mean) / std.  Each value then costs one load. */
#include "kernel/reference.h"

/* Kernel `normalise` for one row: rgb [n, 3], table [3, 256] -> out [3][n]; `plane` floats from one plane to the
 * next. */
void gp_normalise_c(const uint8_t *restrict rgb, size_t n, const float *restrict table, float *restrict out,
                    size_t plane)
{
    const float *red = table, *green = table + 256, *blue = table + 512;
    float *r = out, *g = out + plane, *b = out + 2 * plane;
    for (size_t i = 0; i < n; i++) {
        r[i] = red[rgb[3 * i]];
        g[i] = green[rgb[3 * i + 1]];
        b[i] = blue[rgb[3 * i + 2]];
    }
}
