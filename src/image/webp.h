/* SPDX-License-Identifier: MIT
 * Reads the header of a WebP file. Private to this module. */
#ifndef GP_IMAGE_WEBP_H
#define GP_IMAGE_WEBP_H

#include "image/image.h"

gp_status gp_webp_read_info(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err);

#endif
