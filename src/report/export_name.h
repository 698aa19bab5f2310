/* SPDX-License-Identifier: MIT
 * Private to the report module: patterns such as "{category}/{rank:03}_{seed}{ext}", from which an export makes the
 * names of its files.  A pattern comes from the user; the values come from a catalog that a stranger may have made. */
#ifndef GP_REPORT_EXPORT_NAME_H
#define GP_REPORT_EXPORT_NAME_H

#include "base/status.h"

/* A pattern, parsed. */
typedef struct gp_export_name gp_export_name;

/* What a name is made of.  All borrowed. */
typedef struct gp_export_values {
    const gp_row *row;       /* path is not NULL */
    const char *category;    /* NULL: none */
    const char *const *tags; /* [tag_count] the tags that the export selects: {tag} is one of these */
    uint64_t tag_count;
    uint64_t index; /* number of the file in the export, from 1 */
} gp_export_values;

/* USAGE: the pattern names no such field, leads out of the folder, has a wrong format, or is empty.  Owned: *out,
 * gp_export_name_free. */
gp_status gp_export_name_parse(const char *pattern, gp_export_name **out, gp_error *err);
void gp_export_name_free(gp_export_name *name); /* NULL allowed */
/* Returns true if the pattern has the field {category}, which costs a query for each image. */
bool gp_export_name_has_category(const gp_export_name *name);
/* Writes the path within the export's folder: one or more parts, divided by '/'.  Each part is at most `longest` bytes,
 * is valid UTF-8, does not begin with a dot or a blank, does not end with a dot or a blank, has no control character
 * and none of <>:"\|?*, and is not a reserved name of Windows.  The path ends with the extension of the image file. An
 * empty value is written as "none".  Owned: *path, gp_mem_free. */
gp_status gp_export_name_write(const gp_export_name *name, const gp_export_values *values, size_t longest, char **path,
                               gp_error *err);

#endif
