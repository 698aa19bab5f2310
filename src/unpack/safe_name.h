/* SPDX-License-Identifier: MIT
 * Names from archives, made safe for a folder. */
#ifndef GP_UNPACK_SAFE_NAME_H
#define GP_UNPACK_SAFE_NAME_H

#include "base/str.h"

/* Appends `path` as a relative path that stays inside its folder: drops empty components, "." and "..", and replaces '\',
 * control characters, invalid UTF-8, a leading dot, and characters that other systems do not allow in names, by '_'.
 * Cuts a component to 200 bytes and its extension.  Keeps at most 8 folders.  Appends nothing if no name is left. */
void gp_safe_path(gp_str *out, const char *path);

#endif
