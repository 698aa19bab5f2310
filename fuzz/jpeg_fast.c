/* SPDX-License-Identifier: MIT
 * --fast-decode: a JPEG decoded at the part of its size that the tower's side allows, then resized.  Whatever the
 * bytes, the same verdict as for the whole image wherever the small one is made, no smaller than what resizing needs,
 * and finite planes.  Three sides, so that all four reductions are taken. */
#include "image/image.h"
#include "image/preprocess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PIXELS = 1 << 17, LONGEST = 32 };

static void decode(uint32_t side, const uint8_t *data, size_t size, gp_status whole, const gp_pixels *all)
{
    static float planes[3 * LONGEST * LONGEST];
    gp_preprocess_config c;
    gp_pixels small = {0};
    gp_error err = {0};
    char json[80];
    int n = snprintf(json, sizeof json, "{\"size\": %u, \"crop_size\": %u}", side, side);
    if (gp_preprocess_parse(json, (size_t)n, &c, &err) != GP_OK) abort();
    gp_preprocess_set_fast(&c);
    gp_status st = gp_preprocess_decode(&c, data, size, MOST_PIXELS, &small, &err);
    if (st != GP_OK) {
        if (small.rgb) abort();
        return;
    }
    if (whole != GP_OK || small.width > all->width || small.height > all->height) abort();
    if (small.width < all->width && (small.width < 2 * side || small.height < 2 * side)) abort();
    if (gp_preprocess_planes(&c, &small, planes, &err) == GP_OK)
        for (size_t i = 0; i < (size_t)3 * side * side; i++)
            if (!isfinite(planes[i])) abort();
    gp_pixels_clear(&small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_pixels all = {0};
    if (size < 3 || data[0] != 0xff || data[1] != 0xd8 || data[2] != 0xff) return 0; /* other formats come whole */
    gp_status whole = gp_image_decode_bytes(data, size, MOST_PIXELS, &all, NULL);
    for (uint32_t side = 8; side <= LONGEST; side *= 2) decode(side, data, size, whole, &all);
    gp_pixels_clear(&all);
    return 0;
}
