/* SPDX-License-Identifier: MIT
 * --fast-decode: a JPEG is decoded at a fraction of its size that the tower's side allows, then resized.  For every
 * input: if the small decode succeeds, so does the full decode; the small image is large enough for resizing; and all
 * planes are finite.  A byte of the input selects side 2, 4 or 8, so that small images use all four reductions. */
#include "image/image.h"
#include "image/preprocess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PIXELS = 1 << 14, LONGEST = 8 };

static void check_whole(const uint8_t *data, size_t size, uint32_t side, const gp_pixels *small)
{
    gp_pixels all = GP_INIT(gp_pixels);
    if (gp_image_decode_bytes(data, size, MOST_PIXELS, &all, NULL) != GP_OK) abort();
    if (small->width > all.width || small->height > all.height) abort();
    if (small->width < all.width && (small->width < 2 * side || small->height < 2 * side)) abort();
    gp_pixels_clear(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static float planes[3 * LONGEST * LONGEST];
    gp_preprocess_config c;
    gp_pixels small = GP_INIT(gp_pixels);
    gp_error err = {0};
    char json[80];
    if (size < 3 || data[0] != 0xff || data[1] != 0xd8 || data[2] != 0xff) return 0; /* only JPEG is reduced */
    uint32_t side = 2u << data[size / 2] % 3;
    int n = snprintf(json, sizeof json, "{\"size\": %u, \"crop_size\": %u}", side, side);
    if (gp_preprocess_parse(json, (size_t)n, &c, &err) != GP_OK) abort();
    gp_preprocess_set_fast(&c);
    if (gp_preprocess_decode(&c, data, size, MOST_PIXELS, &small, &err) != GP_OK) {
        if (small.rgb) abort();
        return 0;
    }
    check_whole(data, size, side, &small);
    if (gp_preprocess_planes(&c, &small, planes, &err) == GP_OK)
        for (size_t i = 0; i < (size_t)3 * side * side; i++)
            if (!isfinite(planes[i])) abort();
    gp_pixels_clear(&small);
    return 0;
}
