/* SPDX-License-Identifier: MIT
 * Reads a text file line by line, in bounded memory. */
#ifndef GP_BASE_LINES_H
#define GP_BASE_LINES_H

#include "base/status.h"

#include <stdio.h>

enum { GP_LINE_MAX = 4096 }; /* maximum bytes of a line without its '\n'; paths of Linux are shorter */

typedef struct gp_lines {
    FILE *file;                 /* borrowed */
    const char *name;           /* name of the file in messages; borrowed */
    uint64_t number;            /* number of the line in `text`, from 1; 0 before the first call */
    char text[GP_LINE_MAX + 1]; /* the line without its end, NUL-terminated */
} gp_lines;

/* Reads the next line into `text`.  Removes the end of the line ("\n" or "\r\n"), and a UTF-8 byte order mark before
 * the first line.  *more false: the file has no more lines.  Errors: IO, FORMAT (a NUL byte), LIMIT (a longer line). */
gp_status gp_lines_next(gp_lines *lines, bool *more, gp_error *err);

#endif
