/* SPDX-License-Identifier: MIT
 * Private to the reader of JSON tables: a cursor over JSON text that it changes, and which form a table has. */
#ifndef GP_INGEST_JSON_SCAN_H
#define GP_INGEST_JSON_SCAN_H

#include "ingest/table_inner.h"

typedef struct gp_scan {
    gp_table *table;
    char *text, *at, *end; /* *end is a NUL */
    size_t line;
    bool one_line; /* `end` is the end of a line */
    gp_error *err;
} gp_scan;

gp_status gp_scan_wrong(const gp_scan *c, const char *what);
/* The next byte that is not white space, without taking it. */
char gp_scan_peek(gp_scan *c);
/* Open an array or object; *more: it is not empty. */
gp_status gp_scan_open(gp_scan *c, char bracket, const char *what, bool *more);
/* After a member or element: *more, or the closing bracket was taken. */
gp_status gp_scan_next(gp_scan *c, char close, bool *more);
/* A member's name, unescaped in place, and its colon. */
gp_status gp_scan_name(gp_scan *c, char **name);
/* Any value as a cell, unescaped or moved together in place; *text NULL for null, NaN and infinities. */
gp_status gp_scan_cell(gp_scan *c, const char **text, size_t *size);
/* Step over any value without changing it. */
gp_status gp_scan_skip(gp_scan *c);

typedef enum gp_form {
    GP_FORM_ARRAY,
    GP_FORM_LINES,
    GP_FORM_BY_NAME,
    GP_FORM_COLUMNS,
    GP_FORM_LISTS,
    GP_FORM_SPLIT,
    GP_FORM_WRAPPED
} gp_form;

typedef struct gp_shape {
    gp_form form;
    bool outer_images, outer_numbers; /* of the first object: its first name is an image's; all are 0, 1, 2 ... */
    char *columns, *index, *data;     /* where the parts of SPLIT lie; of WRAPPED the rows; NULL if absent */
} gp_shape;
/* Looks at the text without changing it. */
gp_status gp_shape_find(gp_scan look, bool lines, gp_shape *out);

#endif
