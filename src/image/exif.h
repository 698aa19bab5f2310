/* SPDX-License-Identifier: MIT
 * The few EXIF tags that matter here, from a TIFF block of either byte order.  Private to the room. */
#ifndef GP_IMAGE_EXIF_H
#define GP_IMAGE_EXIF_H

#include "base/status.h"
#include "base/str.h"

/* Returns the orientation 1..8, or 0 if it is absent or invalid. tiff may begin with "Exif\0\0". */
uint32_t gp_exif_orientation(const uint8_t *tiff, size_t size);

/* Visits the texts in the order of the tags: key as in chunks.h, text in UTF-8, not empty. Stops when visit returns
 * false. Damaged entries are skipped. If a text could not be appended, text->failed is set. Returns false if the block
 * does not begin like EXIF data. */
bool gp_exif_texts(const uint8_t *tiff, size_t size, bool (*visit)(void *user, const char *key, gp_str *text),
                   void *user);

/* Bytes of unknown encoding: UTF-8 if valid, else Latin-1. */
void gp_exif_add_text(gp_str *out, const uint8_t *bytes, size_t size);

#endif
