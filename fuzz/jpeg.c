/* SPDX-License-Identifier: MIT
 * Decodes a JPEG.  Every input gives an error, or all pixels of the size in the header.  A decode at reduced size
 * succeeds only if the full decode succeeds. */
#include "image/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_image_info head = {0};
    gp_error err;
    gp_status a = gp_image_read_info(data, size, &head, &err);
    gp_status b = gp_image_jpeg(data, size, 1 << 18, 1, &pixels, &err);
    if (b == GP_OK && (a != GP_OK || !pixels.rgb || pixels.width != head.width || pixels.height != head.height))
        abort();
    volatile uint8_t seen = 0; /* reads every pixel */
    for (size_t i = 0; i < 3 * (size_t)pixels.width * pixels.height; i++) seen = pixels.rgb[i];
    (void)seen;
    for (uint32_t by = 2; by <= 8; by *= 2) {
        gp_pixels small = GP_INIT(gp_pixels);
        gp_status c = gp_image_jpeg(data, size, 1 << 18, by, &small, &err);
        if (c == GP_OK && (b != GP_OK || small.width > pixels.width || small.height > pixels.height)) abort();
        for (size_t i = 0; i < 3 * (size_t)small.width * small.height; i++) seen = small.rgb[i];
        gp_pixels_clear(&small);
    }
    gp_pixels_clear(&pixels);
    return 0;
}
