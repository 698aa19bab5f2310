/* SPDX-License-Identifier: MIT
 * Reads the footer of a Parquet file (parquet-format's parquet.thrift).  Layout of the file: "PAR1", data, the
 * metadata, its length, "PAR1". */
#include "table/parquet.h"

#include "base/mem.h"
#include "table/thrift.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 4096, MOST_CHUNKS = 1 << 20 };
enum { REQUIRED, OPTIONAL, REPEATED };

typedef struct node {
    const char *name;
    size_t name_size;
    int64_t type, width, repetition, children, converted, scale;
} node;

static gp_status wrong(const gp_parquet_meta *m, const char *what, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is a damaged Parquet file: %s", m->label, what);
}

static void read_node(gp_thrift *t, node *n)
{
    gp_thrift_field f = {0};
    *n = (node){.type = -1, .converted = -1, .name = ""};
    while (gp_thrift_next(t, &f)) {
        switch (f.id) {
        case 1: n->type = gp_thrift_int(t, &f); break;
        case 2: n->width = gp_thrift_int(t, &f); break;
        case 3: n->repetition = gp_thrift_int(t, &f); break;
        case 4: n->name = gp_thrift_text(t, &n->name_size); break;
        case 5: n->children = gp_thrift_int(t, &f); break;
        case 6: n->converted = gp_thrift_int(t, &f); break;
        case 7: n->scale = gp_thrift_int(t, &f); break;
        default: gp_thrift_skip(t, &f);
        }
    }
}

/* ------------------------------------------------------------------ schema */

typedef struct walker {
    gp_parquet_meta *m;
    const node *nodes;
    size_t count, at;
} walker;

static gp_status add_leaf(walker *w, const node *column, const node *leaf, unsigned definition, unsigned repetition,
                          unsigned list, const char *unsupported, gp_error *err)
{
    gp_parquet_meta *m = w->m;
    if (m->leaf_count == m->leaf_capacity) {
        size_t capacity = m->leaf_capacity ? m->leaf_capacity * 2 : 16;
        gp_parquet_leaf *grown = gp_mem_resize(m->leaves, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory_path(err, "'%s'", m->label);
        m->leaves = grown, m->leaf_capacity = capacity;
    }
    char *name = gp_str_dup_n(column->name, column->name_size), *inner = gp_str_dup_n(leaf->name, leaf->name_size);
    if (!name || !inner) {
        gp_mem_free(inner);
        gp_mem_free(name);
        return gp_fail_memory_path(err, "'%s'", m->label);
    }
    if (leaf->type < 0 || leaf->type > GP_PARQUET_FIXED || leaf->width < 0 || leaf->width > 65536 || leaf->scale < 0 ||
        leaf->scale > 38) {
        gp_mem_free(inner);
        gp_mem_free(name);
        return wrong(m, "a column has no valid type", err);
    }
    m->leaves[m->leaf_count++] = (gp_parquet_leaf){.name = name,
                                                   .inner = inner,
                                                   .in_list = repetition > 0,
                                                   .type = (int)leaf->type,
                                                   .converted = (int)leaf->converted,
                                                   .width = (int32_t)leaf->width,
                                                   .scale = (int32_t)leaf->scale,
                                                   .most_definition = definition,
                                                   .most_repetition = repetition,
                                                   .list_definition = list,
                                                   .unsupported = unsupported};
    return GP_OK;
}

/* Adds all leaves below the node at w->at, which belong to `column`.  Depth first, as the schema lists them. */
static gp_status walk(walker *w, const node *column, unsigned definition, unsigned repetition, unsigned list,
                      unsigned depth, const char *unsupported, gp_error *err)
{
    if (w->at == w->count || depth > 16) return wrong(w->m, "its schema is truncated or nested too deeply", err);
    const node *n = &w->nodes[w->at++];
    definition += n->repetition != REQUIRED;
    if (n->repetition == REPEATED) {
        repetition++;
        if (list == 0) list = definition;
    }
    if (n->children == 0) {
        if (repetition > 1) unsupported = "lists of lists are not supported";
        return add_leaf(w, column, n, definition, repetition, list, unsupported, err);
    }
    if (n->children < 0 || (uint64_t)n->children > w->count) return wrong(w->m, "its schema is not a tree", err);
    /* a list is group > repeated group > element, each with one child; anything else is a struct or a map */
    if (n->children > 1 && !unsupported) unsupported = "structs and maps are not supported";
    for (int64_t c = 0; c < n->children; c++)
        GP_TRY(walk(w, column, definition, repetition, list, depth + 1, unsupported, err));
    return GP_OK;
}

static gp_status read_schema(gp_parquet_meta *m, gp_thrift *t, gp_error *err)
{
    int type = 0;
    size_t count = gp_thrift_list(t, &type);
    node *nodes = NULL;
    gp_status st = GP_OK;
    if (type != GP_THRIFT_STRUCT || count == 0 || count > MOST_NODES || m->leaf_count)
        return wrong(m, "it has no schema", err);
    GP_TRY(gp_alloc((void **)&nodes, count, sizeof *nodes, "the schema", err));
    for (size_t i = 0; i < count; i++) read_node(t, &nodes[i]);
    walker w = {m, nodes, count, 1};
    if (t->bad) GP_TRY_GOTO(wrong(m, "its schema is cut off", err));
    for (int64_t c = 0; c < nodes[0].children; c++)
        GP_TRY_GOTO(walk(&w, w.at < count ? &nodes[w.at] : NULL, 0, 0, 0, 0, NULL, err));
out:
    gp_mem_free(nodes);
    return st;
}

/* ------------------------------------------------------------------ row groups */

static void read_column_meta(gp_thrift *t, gp_parquet_chunk *chunk, int64_t *dictionary)
{
    gp_thrift_field f = {0};
    while (gp_thrift_next(t, &f)) {
        switch (f.id) {
        case 4: chunk->codec = (int)gp_thrift_int(t, &f); break;
        case 5: chunk->values = (uint64_t)gp_thrift_int(t, &f); break;
        case 9: chunk->offset = (uint64_t)gp_thrift_int(t, &f); break;
        case 11: *dictionary = gp_thrift_int(t, &f); break;
        default: gp_thrift_skip(t, &f);
        }
    }
}

static gp_status read_chunk(gp_parquet_meta *m, gp_thrift *t, size_t leaf, gp_error *err)
{
    gp_parquet_chunk chunk = {.leaf = leaf, .codec = -1, .offset = UINT64_MAX};
    int64_t dictionary = 0;
    gp_thrift_field f = {0};
    while (gp_thrift_next(t, &f)) {
        if (f.id == 1)
            return gp_fail_path(err, GP_ERR_UNSUPPORTED,
                                "'%s' stores columns in other files, which goldpan does not support", m->label);
        if (f.id == 3 && f.type == GP_THRIFT_STRUCT)
            read_column_meta(t, &chunk, &dictionary);
        else
            gp_thrift_skip(t, &f);
    }
    /* some writers store 0 for a missing dictionary */
    if (dictionary > 0 && (uint64_t)dictionary < chunk.offset) chunk.offset = (uint64_t)dictionary;
    if (t->bad || chunk.codec < 0 || chunk.offset >= m->size || leaf >= m->leaf_count)
        return wrong(m, "a column has no data", err);
    if (m->chunk_count == m->chunk_capacity) {
        size_t capacity = m->chunk_capacity ? m->chunk_capacity * 2 : 64;
        gp_parquet_chunk *grown = capacity <= MOST_CHUNKS ? gp_mem_resize(m->chunks, capacity, sizeof *grown) : NULL;
        if (!grown) return gp_fail_memory_path(err, "'%s'", m->label);
        m->chunks = grown, m->chunk_capacity = capacity;
    }
    chunk.order = m->chunk_count;
    m->chunks[m->chunk_count++] = chunk;
    return GP_OK;
}

static gp_status read_row_groups(gp_parquet_meta *m, gp_thrift *t, gp_error *err)
{
    int type = 0, inner = 0;
    size_t groups = gp_thrift_list(t, &type);
    for (size_t g = 0; g < groups && !t->bad; g++) {
        gp_thrift_field f = {0};
        while (gp_thrift_next(t, &f)) {
            if (f.id != 1 || f.type != GP_THRIFT_LIST) {
                gp_thrift_skip(t, &f);
                continue;
            }
            size_t columns = gp_thrift_list(t, &inner);
            for (size_t c = 0; c < columns; c++) GP_TRY(read_chunk(m, t, c, err));
        }
    }
    return t->bad ? wrong(m, "its row groups are cut off", err) : GP_OK;
}

gp_status gp_parquet_meta_read(gp_parquet_meta *m, gp_error *err)
{
    if (m->size < 12 || memcmp(m->bytes + m->size - 4, "PAR1", 4) != 0) return wrong(m, "it is cut off", err);
    const uint8_t *tail = m->bytes + m->size - 8;
    uint32_t length = tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24;
    if (length > m->size - 12) return wrong(m, "its footer is larger than the file", err);
    gp_thrift t = {.at = tail - length, .end = tail};
    gp_thrift_field f = {0};
    while (gp_thrift_next(&t, &f)) {
        if (f.id == 2 && f.type == GP_THRIFT_LIST)
            GP_TRY(read_schema(m, &t, err));
        else if (f.id == 3)
            m->rows = (uint64_t)gp_thrift_int(&t, &f);
        else if (f.id == 4 && f.type == GP_THRIFT_LIST)
            GP_TRY(read_row_groups(m, &t, err));
        else
            gp_thrift_skip(&t, &f);
    }
    return t.bad ? wrong(m, "its footer is cut off", err) : GP_OK;
}

void gp_parquet_meta_clear(gp_parquet_meta *m)
{
    for (size_t i = 0; i < m->leaf_count; i++) {
        gp_mem_free(m->leaves[i].name);
        gp_mem_free(m->leaves[i].inner);
    }
    gp_mem_free(m->leaves);
    gp_mem_free(m->chunks);
}

static int by_leaf(const void *a, const void *b)
{
    const gp_parquet_chunk *x = a, *y = b;
    if (x->leaf != y->leaf) return x->leaf < y->leaf ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

void gp_parquet_sort_chunks(gp_parquet_meta *m)
{
    if (m->chunk_count) qsort(m->chunks, m->chunk_count, sizeof *m->chunks, by_leaf);
}
