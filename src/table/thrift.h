/* SPDX-License-Identifier: MIT
 * Thrift's compact protocol, as far as Parquet's headers need it: a bounded cursor over the fields of structs. */
#ifndef GP_TABLE_THRIFT_H
#define GP_TABLE_THRIFT_H

#include "base/status.h"

typedef struct gp_thrift {
    const uint8_t *at, *end;
    bool bad; /* true: the bytes ended early or are nested too deeply; later reads return 0 or NULL */
    int depth;
} gp_thrift;

/* Types of encoded values. */
enum {
    GP_THRIFT_STOP,
    GP_THRIFT_TRUE,
    GP_THRIFT_FALSE,
    GP_THRIFT_BYTE,
    GP_THRIFT_I16,
    GP_THRIFT_I32,
    GP_THRIFT_I64,
    GP_THRIFT_DOUBLE,
    GP_THRIFT_BINARY,
    GP_THRIFT_LIST,
    GP_THRIFT_SET,
    GP_THRIFT_MAP,
    GP_THRIFT_STRUCT
};

typedef struct gp_thrift_field {
    int type;
    int32_t id; /* id of the field just read; 0 at the start of a struct */
} gp_thrift_field;
/* Reads the next field of a struct; false: end of the struct, or damaged bytes. */
bool gp_thrift_next(gp_thrift *t, gp_thrift_field *field);
/* Returns the value of a field of any integer type (booleans: 1 and 0). */
int64_t gp_thrift_int(gp_thrift *t, const gp_thrift_field *field);
/* Reads a string; returns borrowed bytes. */
const char *gp_thrift_text(gp_thrift *t, size_t *size);
/* Returns the number of elements of a list or set, limited to what the remaining bytes can hold; *type: their type. */
size_t gp_thrift_list(gp_thrift *t, int *type);
/* Skips the value. */
void gp_thrift_skip(gp_thrift *t, const gp_thrift_field *field);

#endif
