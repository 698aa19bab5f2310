/* SPDX-License-Identifier: MIT
 * Names and texts by which goldpan recognises the files that it made, so that contact sheets, tours and exports are not
 * added to the catalog.  Also the path of a catalog's journal of marks (flags, stars, picks: see catalog/marks.h). */
#ifndef GP_BASE_OWN_H
#define GP_BASE_OWN_H

#include "base/str.h"

/* Name of an empty file in the top folder of a static site.  The file shows that goldpan wrote the site. */
#define GP_MARK_SITE ".goldpan-site"
/* Name of a file in a folder of exported images.  The file lists the names of the images that goldpan exported, one on
 * each line. */
#define GP_MARK_EXPORT ".goldpan-export"
/* Mark in an image that goldpan made (sheet or tour): the keyword of a PNG text chunk, the beginning of a JPEG
 * comment, or a word in the XMP of a WebP file. */
#define GP_MARK_IMAGE "goldpan-product"

/* Returns the path of a catalog's journal of marks: catalog.db -> catalog.marks.jsonl; another name ->
 * NAME-marks.jsonl.  Owned; NULL when out of memory. */
char *gp_marks_path(const char *catalog);

/* The image names in the GP_MARK_EXPORT file of a folder, in sorted order. */
typedef struct gp_own_names {
    char *text;   /* owned, gp_own_names_clear */
    char **names; /* [count] pointers into `text` */
    size_t count;
} gp_own_names;
/* Reads the names; if the folder has no GP_MARK_EXPORT file, *out is empty.  Errors: MEMORY, IO, LIMIT. */
gp_status gp_own_names_read(const char *folder, gp_own_names *out, gp_error *err);
void gp_own_names_clear(gp_own_names *names);
bool gp_own_names_have(const gp_own_names *names, const char *name);
/* Adds the names, one on each line, to the folder's GP_MARK_EXPORT; clears `names`.  If the existing file cannot be
 * read, it is not changed.  Errors: MEMORY, IO, LIMIT. */
gp_status gp_own_names_add(const char *folder, gp_str *names, gp_error *err);
/* Removes the names [count], sorted by strcmp, from the folder's GP_MARK_EXPORT; deletes the file if no name is left.  Errors: MEMORY, IO,
 * LIMIT. */
gp_status gp_own_names_remove(const char *folder, const char *const *names, size_t count, gp_error *err);

#endif
