/* SPDX-License-Identifier: MIT
 * Private to the reader of JSON tables: a cursor that reads JSON text and changes it in place, and the code that finds
 * which form of JSON a table has. */
#ifndef GP_TABLE_JSON_SCAN_H
#define GP_TABLE_JSON_SCAN_H

#include "table/table_private.h"

typedef struct gp_scan {
    gp_table *table;
    char *text, *at, *end; /* *end is a NUL */
    size_t line;
    bool one_line; /* `end` is the end of the current line, not of the text */
    gp_error *err;
} gp_scan;

gp_status gp_scan_wrong(const gp_scan *c, const char *what);
/* Returns the next byte that is not white space, without consuming it. */
char gp_scan_peek(gp_scan *c);
/* Consumes the opening bracket of an array or object. *more: the array or object has a member. If it has none, the
 * closing bracket is consumed too. */
gp_status gp_scan_open(gp_scan *c, char bracket, const char *what, bool *more);
/* Called after a member or element: consumes a comma (*more true) or the closing bracket (*more false). */
gp_status gp_scan_next(gp_scan *c, char close, bool *more);
/* Reads a member's name, which is unescaped in place, and its colon. */
gp_status gp_scan_name(gp_scan *c, char **name);
/* Reads any value as a cell. Strings are unescaped and nested values lose their white space, in place. *text is NULL
 * for null, NaN and infinities. */
gp_status gp_scan_cell(gp_scan *c, const char **text, size_t *size);
/* Skips a value without changing the text. */
gp_status gp_scan_skip(gp_scan *c);

typedef enum gp_form {
    GP_FORM_ARRAY,
    GP_FORM_LINES,
    GP_FORM_BY_NAME,
    GP_FORM_COLUMNS,
    GP_FORM_LISTS,
    GP_FORM_SPLIT,
    GP_FORM_WRAPPED,
    GP_FORM_TEXTS,
    GP_FORM_COCO
} gp_form;

typedef struct gp_shape {
    gp_form form;
    /* outer_images: the first member of the outermost object has the name of an image file; outer_numbers: the members
     * of the outermost object have the names 0, 1 ... */
    bool outer_images, outer_numbers;
    bool alone;                   /* the text is a single record */
    char *columns, *index, *data; /* parts of SPLIT; `data`: also rows of WRAPPED; NULL if absent */
    char *images, *annotations;   /* parts of COCO */
} gp_shape;
/* Returns true if the name of a row is only its number. */
bool gp_shape_is_number(const char *name, size_t size, size_t row);
/* Finds the form of the table without changing the text. */
gp_status gp_shape_find(gp_scan look, bool lines, gp_shape *out);
/* Reads the captions of a COCO file: one row for each image. */
gp_status gp_table_read_coco(gp_scan *c, const gp_shape *shape);

#endif
