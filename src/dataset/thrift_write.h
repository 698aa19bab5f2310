/* SPDX-License-Identifier: MIT
 * Writes Thrift's compact protocol, as far as the headers of Parquet need it.  An error of memory sets
 * out->failed. */
#ifndef GP_DATASET_THRIFT_WRITE_H
#define GP_DATASET_THRIFT_WRITE_H

#include "base/str.h"

enum { GP_THRIFT_DEPTH = 8 };

typedef struct gp_thrift_writer {
    gp_str *out;
    int depth;
    int32_t last[GP_THRIFT_DEPTH]; /* id of the field written last, for each open struct */
} gp_thrift_writer;

gp_thrift_writer gp_thrift_begin(gp_str *out); /* begins the outermost struct; gp_thrift_struct_end ends it */
void gp_thrift_put_byte(gp_thrift_writer *t, int32_t id, int8_t value);
void gp_thrift_put_i32(gp_thrift_writer *t, int32_t id, int32_t value);
void gp_thrift_put_i64(gp_thrift_writer *t, int32_t id, int64_t value);
void gp_thrift_put_bool(gp_thrift_writer *t, int32_t id, bool value);
void gp_thrift_put_text(gp_thrift_writer *t, int32_t id, const char *text, size_t size);
/* Between gp_thrift_struct and gp_thrift_struct_end follow the fields of the struct. */
void gp_thrift_struct(gp_thrift_writer *t, int32_t id);
void gp_thrift_struct_end(gp_thrift_writer *t);
/* After gp_thrift_list_i32, _texts or _structs, call gp_thrift_element_i32, _text or _struct exactly `count` times. */
void gp_thrift_list_i32(gp_thrift_writer *t, int32_t id, size_t count);
void gp_thrift_list_texts(gp_thrift_writer *t, int32_t id, size_t count);
void gp_thrift_list_structs(gp_thrift_writer *t, int32_t id, size_t count);
void gp_thrift_element_i32(gp_thrift_writer *t, int32_t value);
void gp_thrift_element_text(gp_thrift_writer *t, const char *text, size_t size);
void gp_thrift_element_struct(gp_thrift_writer *t); /* gp_thrift_struct_end ends the element */

/* Appends an unsigned number in groups of seven bits (ULEB128). */
void gp_varint_put(gp_str *out, uint64_t value);

#endif
