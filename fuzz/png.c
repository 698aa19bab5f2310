/* SPDX-License-Identifier: MIT
 * PNG, unchanged and with corrected checksums (otherwise few inputs pass them).  The fast decoder and the full
 * decoder must agree whenever the fast decoder succeeds. */
#include "image/bytes.h"
#include "image/image.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const uint8_t *data, size_t size)
{
    gp_pixels fast = GP_INIT(gp_pixels), full = GP_INIT(gp_pixels);
    gp_image_info head;
    gp_status a = gp_image_png_fast(data, size, 1 << 20, &fast, NULL);
    gp_status b = gp_image_png_full(data, size, 1 << 20, &full, NULL);
    if (a != GP_ERR_UNSUPPORTED && a != b) abort();
    if (a == GP_OK && (fast.width != full.width || fast.height != full.height ||
                       memcmp(fast.rgb, full.rgb, 3 * (size_t)fast.width * fast.height) != 0))
        abort();
    if (b == GP_OK && (gp_image_read_info(data, size, &head, NULL) != GP_OK || head.width != full.width)) abort();
    gp_pixels_clear(&fast);
    gp_pixels_clear(&full);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    compare(data, size);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    for (size_t at = 8; at <= size && size - at >= 12;) {
        size_t length = gp_be32(copy + at);
        if (length > size - at - 12) break;
        uint32_t crc = libdeflate_crc32(0, copy + at + 4, length + 4);
        for (int i = 0; i < 4; i++) copy[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += 12 + length;
    }
    compare(copy, size);
    free(copy);
    return 0;
}
