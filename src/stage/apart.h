/* SPDX-License-Identifier: MIT
 * Detects images that are not candidates: images that goldpan made, and grids. A grid shows the images of a batch side
 * by side. Web interfaces save it with the metadata of the first image. */
#ifndef GP_STAGE_APART_H
#define GP_STAGE_APART_H

#include "image/chunks.h"
#include "image/image.h"

/* Decides whether this image is a grid of other images. There are three kinds of evidence: a name and a folder as
 * AUTOMATIC1111 and compatible programs write them; such a name and a size larger than the size in the settings; or a
 * size that is a multiple of the size in the settings, with edges at the borders of the cells. settings_json: one JSON
 * object or NULL. Errors: MEMORY. */
gp_status gp_apart_is_grid(const char *path, const gp_image_info *head, const char *settings_json, const uint8_t *bytes,
                           size_t size, uint64_t max_pixels, bool *grid, gp_error *err);

#endif
