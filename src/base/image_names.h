/* SPDX-License-Identifier: MIT
 * Kinds of image files by the extensions of their names. */
#ifndef GP_BASE_IMAGE_NAMES_H
#define GP_BASE_IMAGE_NAMES_H

#include "base/status.h"

/* Does the name have the extension of an image format that goldpan reads? */
bool gp_name_is_image(const char *name);
bool gp_name_is_image_sized(const char *name, size_t size); /* the same for a name without its NUL */
/* Returns the format of a name by its extension, for formats that goldpan knows but does not read: "GIF", "video" ...;
 * else NULL. */
const char *gp_name_other_format(const char *name);

#endif
