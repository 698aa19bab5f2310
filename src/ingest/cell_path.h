/* SPDX-License-Identifier: MIT
 * Private to match.c: the path in a table cell, and keys for comparing paths from their end. */
#ifndef GP_INGEST_CELL_PATH_H
#define GP_INGEST_CELL_PATH_H

#include "base/str.h"

typedef enum gp_cell_kind {
    GP_CELL_ABSOLUTE,
    GP_CELL_RELATIVE,
    GP_CELL_FOREIGN /* path of another machine (C:\..., \\server\..., https://...): only its end can be compared */
} gp_cell_kind;

/* Sets `path` to the path in a cell. Removes drive letters, hosts and queries, decodes %XX in addresses, and replaces
 * each '\' by '/'. */
gp_cell_kind gp_cell_path(const char *cell, gp_str *path);

typedef enum gp_name_form {
    GP_NAME_WRITTEN, /* in Unicode NFC */
    GP_NAME_DECODED, /* NFC, and %XX decoded */
    GP_NAME_FOLDED,  /* NFC, %XX decoded, and case folded */
    GP_NAME_STEM,    /* NFC, %XX decoded, and the last component without its extension */
    GP_NAME_FOLDED_STEM,
    GP_NAME_FORMS
} gp_name_form;

/* Sets `key` to the components of a path from the last to the first, separated by the byte 1.  "." and, where possible,
 * ".." are resolved.  `any_ending`: remove any extension (for images) instead of only known extensions (for cells). */
void gp_path_key(const char *path, gp_name_form form, bool any_ending, gp_str *key);

#endif
