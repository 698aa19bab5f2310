/* SPDX-License-Identifier: MIT
 * Private to match.c: what a cell says about a file, and paths as keys that can be compared from their end. */
#ifndef GP_INGEST_CELL_PATH_H
#define GP_INGEST_CELL_PATH_H

#include "base/str.h"

typedef enum gp_cell_kind {
    GP_CELL_ABSOLUTE,
    GP_CELL_RELATIVE,
    GP_CELL_FOREIGN /* of another machine (C:\..., \\server\..., https://...): only its end can be compared */
} gp_cell_kind;

/* The path in a cell: file:// addresses decoded, drive letters, hosts and queries dropped, '\' as '/'. */
gp_cell_kind gp_cell_path(const char *cell, gp_str *path);

typedef enum gp_name_form {
    GP_NAME_WRITTEN, /* Unicode NFC */
    GP_NAME_DECODED, /* also %XX decoded */
    GP_NAME_FOLDED,  /* also case folded */
    GP_NAME_STEM,    /* decoded, the last name without ending */
    GP_NAME_FOLDED_STEM,
    GP_NAME_FORMS
} gp_name_form;

/* The components of a path from the last to the first, separated by the byte 1, without "." and (where possible) "..".
 * `any_ending`: strip any ending (of images) instead of the known ones only (of cells). */
void gp_path_key(const char *path, gp_name_form form, bool any_ending, gp_str *key);
/* `path` without "//", "." and "..", '\' as '/'; appended. */
void gp_path_normal(gp_str *s, const char *path);

#endif
