/* SPDX-License-Identifier: MIT
 * Private to the reader of Parquet: parses the footer (parquet_meta.c), turns pages into values (parquet_pages.c),
 * and values into a table (parquet.c). */
#ifndef GP_TABLE_PARQUET_H
#define GP_TABLE_PARQUET_H

#include "base/str.h"
#include "table/table_private.h"

enum {
    GP_PARQUET_BOOLEAN,
    GP_PARQUET_INT32,
    GP_PARQUET_INT64,
    GP_PARQUET_INT96,
    GP_PARQUET_FLOAT,
    GP_PARQUET_DOUBLE,
    GP_PARQUET_BYTES,
    GP_PARQUET_FIXED
};

/* A leaf of the schema: a column, or the elements of a column of lists. */
typedef struct gp_parquet_leaf {
    char *name;           /* owned; name of the column */
    char *inner;          /* owned; name of the leaf in the schema: that of the column, or of a part of a struct */
    int type, converted;  /* parquet.thrift's Type and ConvertedType; converted -1: none */
    int32_t width, scale; /* width: bytes of a FIXED value; scale: digits after the point of a decimal */
    unsigned most_definition, most_repetition;
    unsigned list_definition; /* from this definition level on the list is present and not empty */
    const char *unsupported;  /* why the leaf cannot be read, or NULL */
    bool in_list;             /* a list contains the leaf */
    bool raw;                 /* set by the caller: values are bytes that may contain NUL */
} gp_parquet_leaf;

/* A chunk of a column in a row group. */
typedef struct gp_parquet_chunk {
    size_t leaf, order; /* order: position among all chunks that the file's footer lists */
    int codec;
    uint64_t values, offset; /* offset: first byte of the chunk's first page */
} gp_parquet_chunk;

/* Limits on the work of reading, because runs and compression can expand a few bytes to gigabytes. */
enum { GP_PARQUET_MOST_VALUES = 1 << 28 };
#define GP_PARQUET_MOST_INFLATED ((uint64_t)16 << 30)
typedef struct gp_parquet_work {
    uint64_t values, inflated; /* totals so far, for the whole file */
    gp_watch *watch;           /* may be NULL */
} gp_parquet_work;

typedef struct gp_parquet_meta {
    const char *label;
    gp_parquet_work *work;
    const uint8_t *bytes; /* the whole file */
    size_t size;
    gp_parquet_leaf *leaves; /* [leaf_count] */
    size_t leaf_count, leaf_capacity;
    gp_parquet_chunk *chunks; /* [chunk_count] row group by row group */
    size_t chunk_count, chunk_capacity;
    uint64_t rows;
} gp_parquet_meta;
gp_status gp_parquet_meta_read(gp_parquet_meta *meta, gp_error *err);
void gp_parquet_meta_clear(gp_parquet_meta *meta);
/* Sorts the chunks by leaf, then by row group. */
void gp_parquet_sort_chunks(gp_parquet_meta *meta);

/* Receives each value of a chunk in order, with its definition and repetition levels.  `text` [size], which ends with a
 * NUL, or NULL: no value. */
typedef gp_status (*gp_parquet_value)(void *user, const char *text, size_t size, unsigned definition,
                                      unsigned repetition, gp_error *err);
gp_status gp_parquet_chunk_read(const gp_parquet_meta *meta, const gp_parquet_chunk *chunk, gp_parquet_value value,
                                void *user, gp_error *err);

#endif
