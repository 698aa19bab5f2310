/* SPDX-License-Identifier: MIT
 * Thrift's compact protocol: zigzag varints, field ids stored as differences, lists with their size first. */
#include "table/thrift.h"

enum { DEEPEST = 16 };

static uint64_t varint(gp_thrift *t)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (t->bad || t->at == t->end) break;
        uint8_t byte = *t->at++;
        value |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) return value;
    }
    t->bad = true;
    return 0;
}

static int64_t zigzag(uint64_t x)
{
    return (int64_t)(x >> 1) ^ -(int64_t)(x & 1);
}

bool gp_thrift_next(gp_thrift *t, gp_thrift_field *field)
{
    if (t->bad || t->at == t->end) {
        t->bad = true;
        return false;
    }
    uint8_t byte = *t->at++;
    field->type = byte & 15;
    if (field->type == GP_THRIFT_STOP) return false;
    int64_t id = byte >> 4 ? field->id + (byte >> 4) : zigzag(varint(t));
    if (field->type > GP_THRIFT_STRUCT || id < 0 || id > 32767) t->bad = true;
    field->id = (int32_t)id;
    return !t->bad;
}

int64_t gp_thrift_int(gp_thrift *t, const gp_thrift_field *field)
{
    switch (field->type) {
    case GP_THRIFT_TRUE: return 1;
    case GP_THRIFT_FALSE: return 0;
    case GP_THRIFT_BYTE:
        if (t->at == t->end) t->bad = true;
        return t->bad ? 0 : (int8_t)*t->at++;
    case GP_THRIFT_I16:
    case GP_THRIFT_I32:
    case GP_THRIFT_I64: return zigzag(varint(t));
    default: t->bad = true; return 0;
    }
}

const char *gp_thrift_text(gp_thrift *t, size_t *size)
{
    uint64_t length = varint(t);
    if (t->bad || length > (uint64_t)(t->end - t->at)) {
        t->bad = true;
        *size = 0;
        return "";
    }
    const char *text = (const char *)t->at;
    t->at += length;
    *size = (size_t)length;
    return text;
}

size_t gp_thrift_list(gp_thrift *t, int *type)
{
    if (t->bad || t->at == t->end) {
        t->bad = true;
        return 0;
    }
    uint8_t byte = *t->at++;
    uint64_t count = byte >> 4 == 15 ? varint(t) : byte >> 4;
    *type = byte & 15;
    if (count > (uint64_t)(t->end - t->at)) t->bad = true; /* each element uses at least one byte */
    return t->bad ? 0 : (size_t)count;
}

/* Skips an element of a list, set or map.  Every element uses at least one byte.  A boolean uses a byte as an
 * element, but none as a field. */
static void skip_element(gp_thrift *t, int type)
{
    gp_thrift_field field = {.type = type == GP_THRIFT_TRUE || type == GP_THRIFT_FALSE ? GP_THRIFT_BYTE : type};
    gp_thrift_skip(t, &field);
}

void gp_thrift_skip(gp_thrift *t, const gp_thrift_field *field)
{
    size_t size;
    int type = 0;
    if (t->bad || ++t->depth > DEEPEST) {
        t->bad = true;
        return;
    }
    switch (field->type) {
    case GP_THRIFT_TRUE:
    case GP_THRIFT_FALSE: break;
    case GP_THRIFT_DOUBLE:
        if (t->end - t->at < 8) t->bad = true;
        if (!t->bad) t->at += 8;
        break;
    case GP_THRIFT_BINARY: gp_thrift_text(t, &size); break;
    case GP_THRIFT_LIST:
    case GP_THRIFT_SET:
        size = gp_thrift_list(t, &type);
        for (size_t i = 0; i < size && !t->bad; i++) skip_element(t, type);
        break;
    case GP_THRIFT_MAP: {
        uint64_t count = varint(t);
        if (count == 0 || t->bad) break;
        if (t->at == t->end || count > (uint64_t)(t->end - t->at - 1) / 2) t->bad = true; /* 2+ bytes per entry */
        if (t->bad) break;
        uint8_t types = *t->at++;
        for (uint64_t i = 0; i < count && !t->bad; i++) {
            skip_element(t, types >> 4);
            skip_element(t, types & 15);
        }
        break;
    }
    case GP_THRIFT_STRUCT: {
        gp_thrift_field inner = {0};
        while (gp_thrift_next(t, &inner)) gp_thrift_skip(t, &inner);
        break;
    }
    default: gp_thrift_int(t, field); break;
    }
    t->depth--;
}
