/* SPDX-License-Identifier: MIT
 * Names of the XMP files beside an image. Private to this module. */
#ifndef GP_RATINGS_XMP_SIDECAR_H
#define GP_RATINGS_XMP_SIDECAR_H

#include "base/str.h"
#include "ratings/xmp_marks.h"

/* Returns "cat.png.xmp" (adobe false) or "cat.xmp" for "cat.png". Owned; NULL: no memory. */
char *gp_sidecar_path(const char *image, bool adobe);
/* Appends the file's bytes to `packet`; nothing if the file does not exist. *exists: it does. Errors: IO, LIMIT. */
gp_status gp_sidecar_read(const char *path, gp_str *packet, bool *exists, gp_error *err);
/* Checks whether the file "cat.xmp" with these marks belongs to the image "cat.png". Fails with UNSUPPORTED if it names
 * another file, or if it names none and "cat.jpg" or a similar file exists too. The message begins with the path of
 * the image or of the other file. */
gp_status gp_sidecar_check(const char *image, const gp_xmp_marks *marks, gp_error *err);

#endif
