/* SPDX-License-Identifier: MIT
 * See thrift_write.h.  The header of a field has the difference to the id of the preceding field in its upper four
 * bits; all ids here are below 16 and ascend. */
#include "dataset/thrift_write.h"

#include <assert.h>

enum { TYPE_TRUE = 1, TYPE_FALSE, TYPE_BYTE, TYPE_I32 = 5, TYPE_I64, TYPE_TEXT = 8, TYPE_LIST, TYPE_STRUCT = 12 };

void gp_varint_put(gp_str *out, uint64_t value)
{
    for (; value > 127; value >>= 7) gp_str_putc(out, (char)((value & 127) | 128));
    gp_str_putc(out, (char)value);
}

static void put_zigzag(gp_str *out, int64_t value)
{
    gp_varint_put(out, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

gp_thrift_writer gp_thrift_begin(gp_str *out)
{
    return (gp_thrift_writer){.out = out};
}

static void put_field(gp_thrift_writer *t, int32_t id, int type)
{
    int32_t *last = &t->last[t->depth];
    assert(id > *last && id - *last < 16);
    gp_str_putc(t->out, (char)((id - *last) << 4 | type));
    *last = id;
}

void gp_thrift_put_byte(gp_thrift_writer *t, int32_t id, int8_t value)
{
    put_field(t, id, TYPE_BYTE);
    gp_str_putc(t->out, (char)value);
}

void gp_thrift_put_i32(gp_thrift_writer *t, int32_t id, int32_t value)
{
    put_field(t, id, TYPE_I32);
    put_zigzag(t->out, value);
}

void gp_thrift_put_i64(gp_thrift_writer *t, int32_t id, int64_t value)
{
    put_field(t, id, TYPE_I64);
    put_zigzag(t->out, value);
}

void gp_thrift_put_bool(gp_thrift_writer *t, int32_t id, bool value)
{
    put_field(t, id, value ? TYPE_TRUE : TYPE_FALSE);
}

void gp_thrift_put_text(gp_thrift_writer *t, int32_t id, const char *text, size_t size)
{
    put_field(t, id, TYPE_TEXT);
    gp_thrift_element_text(t, text, size);
}

void gp_thrift_struct(gp_thrift_writer *t, int32_t id)
{
    put_field(t, id, TYPE_STRUCT);
    gp_thrift_element_struct(t);
}

void gp_thrift_struct_end(gp_thrift_writer *t)
{
    gp_str_putc(t->out, 0);
    t->depth--;
}

static void put_list(gp_thrift_writer *t, int32_t id, int type, size_t count)
{
    put_field(t, id, TYPE_LIST);
    gp_str_putc(t->out, (char)((count < 15 ? (int)count : 15) << 4 | type));
    if (count >= 15) gp_varint_put(t->out, count);
}

void gp_thrift_list_i32(gp_thrift_writer *t, int32_t id, size_t count)
{
    put_list(t, id, TYPE_I32, count);
}

void gp_thrift_list_texts(gp_thrift_writer *t, int32_t id, size_t count)
{
    put_list(t, id, TYPE_TEXT, count);
}

void gp_thrift_list_structs(gp_thrift_writer *t, int32_t id, size_t count)
{
    put_list(t, id, TYPE_STRUCT, count);
}

void gp_thrift_element_i32(gp_thrift_writer *t, int32_t value)
{
    put_zigzag(t->out, value);
}

void gp_thrift_element_text(gp_thrift_writer *t, const char *text, size_t size)
{
    gp_varint_put(t->out, size);
    gp_str_add(t->out, text, size);
}

void gp_thrift_element_struct(gp_thrift_writer *t)
{
    assert(t->depth + 1 < GP_THRIFT_DEPTH);
    t->last[++t->depth] = 0;
}
