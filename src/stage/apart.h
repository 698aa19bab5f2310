/* SPDX-License-Identifier: MIT
 * Images that are no candidates: sheets that a web interface composes of the images of a batch, with the metadata of
 * the first of them; and what goldpan itself drew. */
#ifndef GP_STAGE_APART_H
#define GP_STAGE_APART_H

#include "image/chunks.h"
#include "image/image.h"

/* Did goldpan draw this image (a contact sheet, a frame of a tour, a thumbnail)? */
bool gp_apart_is_own(const gp_chunks *chunks);

/* Is this image a grid of others?  By its name and folder as AUTOMATIC1111 and its kin write them, or by its size,
 * which is a multiple of the size in the settings (one JSON object, or NULL), where the pixels break at the borders of
 * the cells. Errors: MEMORY. */
gp_status gp_apart_is_grid(const char *path, const gp_image_head *head, const char *settings_json, const uint8_t *bytes,
                           size_t size, uint64_t max_pixels, bool *grid, gp_error *err);

#endif
