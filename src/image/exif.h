/* SPDX-License-Identifier: MIT
 * Reads the EXIF tags for orientation and texts from a TIFF block of either byte order. Private to this module. */
#ifndef GP_IMAGE_EXIF_H
#define GP_IMAGE_EXIF_H

#include "base/status.h"
#include "base/str.h"

/* Returns the orientation 1..8, or 0 if it is absent or invalid. tiff may begin with "Exif\0\0". */
uint32_t gp_exif_orientation(const uint8_t *tiff, size_t size);

/* Calls visit for each text, in the order of the tags. The key is as in chunks.h; the text is UTF-8 and not empty. If
 * memory for a text runs out, visit gets a text whose field `failed` is set. The function stops when visit returns
 * false. Damaged entries are skipped. Returns false if the block does not begin like EXIF data. */
bool gp_exif_texts(const uint8_t *tiff, size_t size, bool (*visit)(void *user, const char *key, gp_str *text),
                   void *user);

/* Appends bytes of unknown encoding: as UTF-8 if they are valid UTF-8, else as Latin-1. */
void gp_exif_add_text(gp_str *out, const uint8_t *bytes, size_t size);

#endif
