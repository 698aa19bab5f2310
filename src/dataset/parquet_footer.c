/* SPDX-License-Identifier: MIT
 * The footer of a Parquet file: schema, row groups, and the description of the columns for Hugging Face datasets. */
#include "dataset/parquet_private.h"

#include "base/json.h"
#include "dataset/thrift_write.h"

#include <string.h>

enum { REQUIRED, OPTIONAL, REPEATED };                               /* FieldRepetitionType */
enum { NONE = -1, UTF8 = 0, LIST = 3, UINT_64 = 14 };                /* ConvertedType */
enum { LOGICAL_STRING = 1, LOGICAL_LIST = 3, LOGICAL_INTEGER = 10 }; /* members of the union LogicalType */

static void put_logical(gp_thrift_writer *t, int converted)
{
    gp_thrift_struct(t, 10);
    gp_thrift_struct(t, converted == UTF8 ? LOGICAL_STRING : converted == LIST ? LOGICAL_LIST : LOGICAL_INTEGER);
    if (converted == UINT_64) gp_thrift_put_byte(t, 1, 64), gp_thrift_put_bool(t, 2, false);
    gp_thrift_struct_end(t);
    gp_thrift_struct_end(t);
}

/* Appends an element of the schema.  type NONE: a group with `children`. */
static void put_element(gp_thrift_writer *t, const char *name, int repetition, int type, int children, int converted)
{
    gp_thrift_element_struct(t);
    if (type != NONE) gp_thrift_put_i32(t, 1, type);
    if (repetition != NONE) gp_thrift_put_i32(t, 3, repetition);
    gp_thrift_put_text(t, 4, name, strlen(name));
    if (type == NONE) gp_thrift_put_i32(t, 5, children);
    if (converted != NONE) gp_thrift_put_i32(t, 6, converted), put_logical(t, converted);
    gp_thrift_struct_end(t);
}

static size_t elements_of(const gp_set_column *column)
{
    return column->kind == GP_SET_TEXT || column->kind < GP_SET_TEXTS ? 1 : 3;
}

static void put_column(gp_thrift_writer *t, const gp_set_column *column)
{
    static const int types[] = {[GP_SET_TEXT] = PARQUET_BYTES,
                                [GP_SET_U64] = PARQUET_INT64,
                                [GP_SET_I64] = PARQUET_INT64,
                                [GP_SET_REAL] = PARQUET_DOUBLE,
                                [GP_SET_BOOL] = PARQUET_BOOLEAN};
    bool texts = column->kind == GP_SET_TEXTS;
    switch (column->kind) {
    case GP_SET_IMAGE:
        put_element(t, column->name, OPTIONAL, NONE, 2, NONE);
        put_element(t, "bytes", OPTIONAL, PARQUET_BYTES, 0, NONE);
        put_element(t, "path", OPTIONAL, PARQUET_BYTES, 0, UTF8);
        break;
    case GP_SET_TEXTS:
    case GP_SET_FLOATS:
        put_element(t, column->name, OPTIONAL, NONE, 1, LIST);
        put_element(t, "list", REPEATED, NONE, 1, NONE);
        put_element(t, "element", REQUIRED, texts ? PARQUET_BYTES : PARQUET_FLOAT, 0, texts ? UTF8 : NONE);
        break;
    default:
        put_element(t, column->name, OPTIONAL, types[column->kind], 0,
                    column->kind == GP_SET_TEXT  ? UTF8
                    : column->kind == GP_SET_U64 ? UINT_64
                                                 : NONE);
    }
}

static void put_schema(gp_thrift_writer *t, const gp_parquet_writer *w)
{
    size_t elements = 1;
    for (size_t i = 0; i < w->count; i++) elements += elements_of(&w->columns[i]);
    gp_thrift_list_structs(t, 2, elements);
    put_element(t, "schema", NONE, NONE, (int)w->count, NONE);
    for (size_t i = 0; i < w->count; i++) put_column(t, &w->columns[i]);
}

/* Appends the names on the way from the root of the schema to the leaf. */
static void put_path(gp_thrift_writer *t, const gp_parquet_leaf_writer *leaf, bool second)
{
    const char *parts[3] = {leaf->column->name, "list", "element"};
    size_t count = leaf->most_repetition ? 3 : 1;
    if (leaf->column->kind == GP_SET_IMAGE) parts[1] = second ? "path" : "bytes", count = 2;
    gp_thrift_list_texts(t, 3, count);
    for (size_t i = 0; i < count; i++) gp_thrift_element_text(t, parts[i], strlen(parts[i]));
}

static void put_chunk(gp_thrift_writer *t, const gp_parquet_writer *w, size_t leaf_at, const gp_parquet_written *chunk)
{
    const gp_parquet_leaf_writer *leaf = &w->leaves[leaf_at];
    gp_thrift_element_struct(t);
    gp_thrift_put_i64(t, 2, (int64_t)chunk->offset);
    gp_thrift_struct(t, 3);
    gp_thrift_put_i32(t, 1, leaf->type);
    gp_thrift_list_i32(t, 2, 2);
    gp_thrift_element_i32(t, 0); /* PLAIN */
    gp_thrift_element_i32(t, 3); /* RLE */
    put_path(t, leaf, leaf_at > 0 && leaf[-1].column == leaf->column);
    gp_thrift_put_i32(t, 4, leaf->codec);
    gp_thrift_put_i64(t, 5, (int64_t)chunk->count);
    gp_thrift_put_i64(t, 6, (int64_t)chunk->plain_bytes);
    gp_thrift_put_i64(t, 7, (int64_t)chunk->bytes);
    gp_thrift_put_i64(t, 9, (int64_t)chunk->offset);
    gp_thrift_struct_end(t);
    gp_thrift_struct_end(t);
}

static void put_groups(gp_thrift_writer *t, const gp_parquet_writer *w)
{
    gp_thrift_list_structs(t, 4, w->groups);
    for (size_t g = 0; g < w->groups; g++) {
        const gp_parquet_written *chunks = &w->chunks[g * w->leaf_count];
        int64_t bytes = 0;
        gp_thrift_element_struct(t);
        gp_thrift_list_structs(t, 1, w->leaf_count);
        for (size_t i = 0; i < w->leaf_count; i++) {
            put_chunk(t, w, i, &chunks[i]);
            bytes += (int64_t)chunks[i].plain_bytes;
        }
        gp_thrift_put_i64(t, 2, bytes);
        gp_thrift_put_i64(t, 3, (int64_t)w->group_sizes[g]);
        gp_thrift_struct_end(t);
    }
}

/* Appends the features of the library `datasets`, {"info": {"features": {...}}}. */
static void put_features(const gp_parquet_writer *w, gp_str *out)
{
    static const char *const values[] = {
        [GP_SET_TEXT] = "string", [GP_SET_U64] = "uint64",   [GP_SET_I64] = "int64",      [GP_SET_REAL] = "float64",
        [GP_SET_BOOL] = "bool",   [GP_SET_TEXTS] = "string", [GP_SET_FLOATS] = "float32", [GP_SET_IMAGE] = NULL};
    gp_str_puts(out, "{\"info\":{\"features\":{");
    for (size_t i = 0; i < w->count; i++) {
        gp_set_kind kind = w->columns[i].kind;
        bool list = kind == GP_SET_TEXTS || kind == GP_SET_FLOATS;
        gp_json_put_name(out, w->columns[i].name);
        if (kind == GP_SET_IMAGE)
            gp_str_puts(out, "{\"_type\":\"Image\"}");
        else
            gp_str_printf(out,
                          list ? "{\"feature\":{\"dtype\":\"%s\",\"_type\":\"Value\"},\"_type\":\"Sequence\"}"
                               : "{\"dtype\":\"%s\",\"_type\":\"Value\"}",
                          values[kind]);
    }
    gp_str_puts(out, "}}}");
}

void gp_parquet_put_footer(const gp_parquet_writer *w, bool hugging_face, gp_str *out)
{
    static const char key[] = "huggingface", made_by[] = "goldpan";
    gp_str features = GP_STR_INIT;
    size_t before = out->size;
    gp_thrift_writer t = gp_thrift_begin(out);
    gp_thrift_put_i32(&t, 1, 1); /* version of the format */
    put_schema(&t, w);
    gp_thrift_put_i64(&t, 3, (int64_t)w->rows);
    put_groups(&t, w);
    if (hugging_face) {
        put_features(w, &features);
        gp_thrift_list_structs(&t, 5, 1);
        gp_thrift_element_struct(&t);
        gp_thrift_put_text(&t, 1, key, sizeof key - 1);
        gp_thrift_put_text(&t, 2, features.data, features.size);
        gp_thrift_struct_end(&t);
    }
    gp_thrift_put_text(&t, 6, made_by, sizeof made_by - 1);
    gp_thrift_struct_end(&t);
    uint64_t size = out->size - before;
    const char length[4] = {(char)size, (char)(size >> 8), (char)(size >> 16), (char)(size >> 24)};
    gp_str_add(out, length, 4);
    gp_str_puts(out, "PAR1");
    out->failed |= features.failed;
    gp_str_clear(&features);
}
