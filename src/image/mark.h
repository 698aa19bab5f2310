/* SPDX-License-Identifier: MIT
 * Marks images that goldpan makes, such as contact sheets, so that scanning a folder does not add them to a catalog
 * (base/own.h). */
#ifndef GP_IMAGE_MARK_H
#define GP_IMAGE_MARK_H

#include "base/str.h"
#include "image/chunks.h"

/* Inserts goldpan's mark and `what` into the bytes of a JPEG. `what` names the kind of image, such as "contact sheet".
 * Error: MEMORY. */
gp_status gp_jpeg_mark(gp_str *jpeg, const char *what, gp_error *err);
/* Writes RGB pixels [h, w, 3] and goldpan's mark to a file, atomically. quality: 0 writes PNG, 1..100 writes JPEG. */
gp_status gp_image_write_marked(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                                const char *what, gp_error *err);
/* Returns whether the file has goldpan's mark: then it is a contact sheet, a frame of a tour or a thumbnail. */
bool gp_image_is_own(const gp_chunks *chunks);

#endif
