/* SPDX-License-Identifier: MIT
 * Reads the file of --list: one image on each line. */
#ifndef GP_CLI_IMAGE_LIST_H
#define GP_CLI_IMAGE_LIST_H

#include "base/str.h"
#include "options/options.h"

typedef struct gp_cli_image_list {
    const char *name;    /* of the file, for messages; borrowed */
    const char **images; /* [count] 32 hex digits of each image; pointers into `hashes` */
    uint64_t count;
    uint64_t unknown; /* number of lines that name no image of the catalog */
    gp_str hashes;
    gp_str first;   /* the first of these lines, in words */
    gp_str missing; /* all of these lines as elements of a JSON array, with --json */
} gp_cli_image_list;

/* Finds the images that the lines of a file name.  path "-": standard input.  A line is a path, absolute or relative to
 * the current folder, or 32 hex digits of the content.  Skips empty lines.  The caller clears the list, also after an
 * error.  Errors: NOT_FOUND, IO, FORMAT (not a text file), LIMIT (a line, or the number of lines, is too large for this
 * catalog), CATALOG, STOPPED. */
gp_status gp_cli_image_list_read(const gp_cli *cli, gp_catalog *catalog, const char *path, gp_cli_image_list *list,
                                 gp_error *err);
void gp_cli_image_list_clear(gp_cli_image_list *list);

#endif
