/* SPDX-License-Identifier: MIT
 * A text chunk into a PNG that is there already. */
#ifndef GP_IMAGE_PNG_TEXT_H
#define GP_IMAGE_PNG_TEXT_H

#include "base/file.h"

/* out: the file with a chunk of this keyword (Latin-1, 1 to 79 bytes) and text (UTF-8) before its first IDAT: tEXt
 * where the text is Latin-1, else iTXt.  FORMAT: no PNG.  Owns: *out, gp_bytes_clear. */
gp_status gp_png_add_text(const gp_bytes *png, const char *keyword, const char *text, gp_bytes *out, gp_error *err);

#endif
