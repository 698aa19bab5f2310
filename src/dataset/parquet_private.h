/* SPDX-License-Identifier: MIT
 * Private to the writer of Parquet: parquet_write.c collects values and writes pages, parquet_footer.c writes the
 * schema and the list of row groups. */
#ifndef GP_DATASET_PARQUET_PRIVATE_H
#define GP_DATASET_PARQUET_PRIVATE_H

#include "dataset/parquet_write.h"

/* parquet.thrift's Type and CompressionCodec */
enum { PARQUET_BOOLEAN, PARQUET_INT64 = 2, PARQUET_FLOAT = 4, PARQUET_DOUBLE, PARQUET_BYTES };
enum { PARQUET_PLAIN_CODEC, PARQUET_SNAPPY };

/* The values of a leaf of the schema that are not written yet.  A column of images has two leaves, others have one. */
typedef struct gp_parquet_leaf_writer {
    const gp_set_column *column;
    int type, codec;
    unsigned most_definition, most_repetition;
    gp_str values, definitions, repetitions; /* of the present page; one byte for each level */
    unsigned bits;                           /* BOOLEAN: values in the last byte of `values` */
    gp_str pages;                            /* finished pages of the present row group */
    uint64_t plain_bytes, count;             /* of these pages: size before compression, and number of values */
} gp_parquet_leaf_writer;

typedef struct gp_parquet_written {
    uint64_t offset, bytes, plain_bytes, count;
} gp_parquet_written; /* one chunk of a column */

struct gp_parquet_writer {
    gp_set_file *file;
    const gp_set_column *columns;
    size_t count;
    gp_parquet_leaf_writer *leaves; /* [leaf_count] */
    size_t leaf_count;
    uint64_t group_rows, group_bytes, rows;
    gp_parquet_written *chunks; /* [groups][leaf_count] */
    uint64_t *group_sizes;      /* [groups] rows */
    size_t groups;
};

/* Appends the footer: FileMetaData, its length, and the magic number. */
void gp_parquet_put_footer(const gp_parquet_writer *w, bool hugging_face, gp_str *out);

#endif
