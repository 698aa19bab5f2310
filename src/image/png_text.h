/* SPDX-License-Identifier: MIT
 * Adds a text chunk to an existing PNG file. */
#ifndef GP_IMAGE_PNG_TEXT_H
#define GP_IMAGE_PNG_TEXT_H

#include "base/file.h"

/* Copies the file to *out with a text chunk before its first IDAT. The chunk is tEXt if the text fits Latin-1, else
 * iTXt. keyword: Latin-1, 1 to 79 bytes; text: UTF-8. Error: FORMAT if the data is not PNG. The caller frees *out with
 * gp_bytes_clear. */
gp_status gp_png_add_text(const gp_bytes *png, const char *keyword, const char *text, gp_bytes *out, gp_error *err);

#endif
