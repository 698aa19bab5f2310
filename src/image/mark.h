/* SPDX-License-Identifier: MIT
 * Marks images that goldpan draws, so that they are not added to a catalog (base/own.h). */
#ifndef GP_IMAGE_MARK_H
#define GP_IMAGE_MARK_H

#include "base/str.h"
#include "image/chunks.h"

/* Inserts the mark and a name of the image, such as "contact sheet", into the bytes of a JPEG. Errors: MEMORY. */
gp_status gp_jpeg_mark(gp_str *jpeg, const char *what, gp_error *err);
/* Writes RGB pixels [h, w, 3] to a file with the mark, atomically. quality 0: PNG, else JPEG. */
gp_status gp_image_write_marked(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                                const char *what, gp_error *err);
/* Returns whether goldpan made this image (a contact sheet, a frame of a tour, a thumbnail). */
bool gp_image_is_own(const gp_chunks *chunks);

#endif
