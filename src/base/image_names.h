/* SPDX-License-Identifier: MIT
 * Recognises image formats by the extensions of file names. */
#ifndef GP_BASE_IMAGE_NAMES_H
#define GP_BASE_IMAGE_NAMES_H

#include "base/status.h"

/* Returns true if the name has the extension of an image format that goldpan reads. */
bool gp_name_is_image(const char *name);
bool gp_name_is_image_sized(const char *name, size_t size); /* as gp_name_is_image, for a name [size] without a NUL */
/* Returns the extension number `i` of these formats, such as ".png"; NULL: there are no more. */
const char *gp_name_image_ending(size_t i);
/* Returns the format that the extension of a name stands for, if goldpan reads this format but was built without the
 * format's library: "AVIF"; else NULL. */
const char *gp_name_unbuilt_format(const char *name);
/* Returns true if the name [size] ends with `ending`, in upper or lower case. */
bool gp_name_ends(const char *name, size_t size, const char *ending);
/* Returns true for a file that may contain images and that goldpan unpacks: .tar, also compressed, and .parquet. */
bool gp_name_is_set(const char *name);
/* Returns the format that the extension of a name stands for, if goldpan recognises this format but does not read it:
 * "HEIC", "video" ...; else NULL. */
const char *gp_name_other_format(const char *name);

#endif
