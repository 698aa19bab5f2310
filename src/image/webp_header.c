/* SPDX-License-Identifier: MIT
 * Reads size, animation flag and EXIF orientation of a WebP file (RFC 9649) without libwebp. The first chunk contains
 * the size: "VP8 " in its key frame header, "VP8L" as 2 x 14 bits, "VP8X" as 2 x 24 bits. */
#include "image/exif.h"
#include "image/riff.h"
#include "image/webp.h"

#include <string.h>

gp_status gp_webp_read_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err)
{
    if (size < 12 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WEBP", 4) != 0)
        return gp_fail(err, GP_ERR_FORMAT, "is not a WebP image");
    if (size < 30 && !(size >= 25 && memcmp(bytes + 12, "VP8L", 4) == 0))
        return gp_fail(err, GP_ERR_FORMAT, "WebP data is truncated");
    gp_image_info head = {.format = GP_FORMAT_WEBP};
    const uint8_t *p = bytes + 20;
    if (memcmp(bytes + 12, "VP8 ", 4) == 0) {
        if (memcmp(p + 3, "\x9d\x01\x2a", 3) != 0) return gp_fail(err, GP_ERR_FORMAT, "WebP header is damaged");
        head.width = gp_le16(p + 6) & 0x3fff, head.height = gp_le16(p + 8) & 0x3fff;
    } else if (memcmp(bytes + 12, "VP8L", 4) == 0) {
        if (p[0] != 0x2f) return gp_fail(err, GP_ERR_FORMAT, "WebP header is damaged");
        uint32_t bits = gp_le32(p + 1);
        head.width = (bits & 0x3fff) + 1, head.height = (bits >> 14 & 0x3fff) + 1;
    } else if (memcmp(bytes + 12, "VP8X", 4) == 0) {
        head.width = (gp_le32(p + 4) & 0xffffff) + 1;
        head.height = (gp_le32(p + 6) >> 8) + 1;
        head.animated = (p[0] & 2) != 0;
    } else {
        return gp_fail(err, GP_ERR_FORMAT, "WebP header is damaged");
    }
    const uint8_t *tag, *data;
    size_t length;
    for (size_t at = 12; gp_riff_next(bytes, size, &at, &tag, &data, &length);)
        if (memcmp(tag, "EXIF", 4) == 0 && !head.orientation) head.orientation = gp_exif_orientation(data, length);
    *out = head;
    return GP_OK;
}
