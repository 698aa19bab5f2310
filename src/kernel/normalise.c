/* SPDX-License-Identifier: MIT
 * Bytes of interleaved RGB to three planes of floats, by table. */
#include "kernel/twins.h"

void gp_normalise_c(const uint8_t *rgb, size_t n, const float *table, float *out, size_t plane)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) out[c * plane + i] = table[256 * c + rgb[3 * i + c]];
}
