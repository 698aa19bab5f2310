/* SPDX-License-Identifier: MIT
 * Images that goldpan draws carry a mark, so that they do not become images of a catalog (base/own.h). */
#ifndef GP_IMAGE_MARK_H
#define GP_IMAGE_MARK_H

#include "base/str.h"

/* Put the mark, and `what` this is ("contact sheet"), into the bytes of a PNG or a JPEG.  Errors: MEMORY. */
gp_status gp_image_mark(gp_str *bytes, const char *what, gp_error *err);
/* RGB pixels [h, w, 3] into a file with the mark; quality 0: PNG, else JPEG. */
gp_status gp_image_write_marked(const char *path, const uint8_t *rgb, uint32_t width, uint32_t height, int quality,
                                const char *what, gp_error *err);

#endif
