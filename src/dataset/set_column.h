/* SPDX-License-Identifier: MIT
 * Columns and values of the data sets that goldpan writes. */
#ifndef GP_DATASET_SET_COLUMN_H
#define GP_DATASET_SET_COLUMN_H

#include "base/status.h"

typedef enum gp_set_kind {
    GP_SET_TEXT,   /* UTF-8 */
    GP_SET_U64,    /* exact up to 2^64-1 */
    GP_SET_I64,    /* a whole number */
    GP_SET_REAL,   /* a double */
    GP_SET_BOOL,   /* true or false */
    GP_SET_TEXTS,  /* a list of texts; the value is one text whose parts are separated by ", " */
    GP_SET_FLOATS, /* a list of float32 numbers */
    GP_SET_IMAGE   /* the bytes of an image file and its name */
} gp_set_kind;

typedef struct gp_set_column {
    const char *name;
    gp_set_kind kind;
} gp_set_column;

/* A value; all pointers are borrowed. */
typedef struct gp_set_value {
    bool present; /* false: no value */
    uint64_t u64;
    int64_t i64;
    double real;
    bool flag;
    const char *text; /* TEXT, TEXTS; IMAGE: the name */
    const float *floats;
    const void *bytes; /* IMAGE */
    size_t size;       /* TEXT, TEXTS, IMAGE: bytes; FLOATS: numbers */
} gp_set_value;

#endif
