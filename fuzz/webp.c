/* SPDX-License-Identifier: MIT
 * Decodes a WebP file.  Every input gives an error, or all pixels of the size in the header. */
#include "image/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_image_info head = {0};
    gp_error err;
    gp_status a = gp_image_read_info(data, size, &head, &err);
    gp_status b = gp_image_webp(data, size, 1 << 18, &pixels, &err);
    if (b == GP_OK && (a != GP_OK || !pixels.rgb || pixels.width != head.width || pixels.height != head.height))
        abort();
    volatile uint8_t seen = 0; /* reads every pixel */
    for (size_t i = 0; i < 3 * (size_t)pixels.width * pixels.height; i++) seen = pixels.rgb[i];
    (void)seen;
    gp_pixels_clear(&pixels);
    return 0;
}
