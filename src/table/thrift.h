/* SPDX-License-Identifier: MIT
 * Thrift's compact protocol, as much as Parquet's headers need: a bounded cursor over fields of structs. */
#ifndef GP_TABLE_THRIFT_H
#define GP_TABLE_THRIFT_H

#include "base/status.h"

typedef struct gp_thrift {
    const uint8_t *at, *end;
    bool bad; /* ran over the end, or nested too deep: everything after reads as nothing */
    int depth;
} gp_thrift;

/* Types on the wire. */
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
    int32_t id; /* of the field just read; start a struct with 0 */
} gp_thrift_field;
/* The next field of a struct; false at its end or when the bytes are bad. */
bool gp_thrift_next(gp_thrift *t, gp_thrift_field *field);
/* The value of a field of any integer type (booleans 1 and 0). */
int64_t gp_thrift_int(gp_thrift *t, const gp_thrift_field *field);
/* A string: borrowed bytes. */
const char *gp_thrift_text(gp_thrift *t, size_t *size);
/* Elements of a list or set, at most what the rest of the bytes can hold; *type is theirs. */
size_t gp_thrift_list(gp_thrift *t, int *type);
/* Go past the value. */
void gp_thrift_skip(gp_thrift *t, const gp_thrift_field *field);

#endif
