/* SPDX-License-Identifier: MIT
 * What the readers of prompt tables share: the table being filled.  Cells point into `text`, the file's own copy, in
 * which the readers unescape and end them in place; so a table costs its file plus one pointer a cell. */
#ifndef GP_INGEST_TABLE_INNER_H
#define GP_INGEST_TABLE_INNER_H

#include "ingest/table.h"

enum { GP_TABLE_MAX_COLUMNS = 1024 };

typedef struct gp_table_col {
    char *name;         /* owned */
    const char **cells; /* owned; [filled] of [capacity], NULL for none; rows beyond `filled` have none */
    size_t filled, capacity;
} gp_table_col;

/* Rows by the hash of a key of the image cell, sorted by hash, then row; see table.c. */
typedef struct gp_table_slot {
    uint64_t hash;
    size_t row;
} gp_table_slot;
enum { GP_TABLE_BY_PATH, GP_TABLE_BY_RELATIVE, GP_TABLE_BY_BASE, GP_TABLE_INDEXES };

struct gp_table {
    char *label, *folder; /* owned: as named in messages; absolute folder of the file */
    char *text;           /* owned; [size] and a NUL */
    size_t size;
    gp_table_col *columns; /* [count] */
    size_t count, capacity, rows;
    gp_table_slot *slots[GP_TABLE_INDEXES]; /* [slot_count], or NULL */
    size_t slot_count, slot_column;
};

gp_status gp_table_add_column(gp_table *table, const char *name, size_t *column, gp_error *err);
/* Set a cell (borrowed text or NULL); rows and columns' lengths grow as needed. */
gp_status gp_table_put(gp_table *table, size_t row, size_t column, const char *cell, gp_error *err);
/* "'file': line N: ..." with status FORMAT. */
gp_status gp_table_wrong(const gp_table *table, size_t line, gp_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

gp_status gp_table_read_csv(gp_table *table, bool tabs, gp_error *err);
/* bytes [size] borrowed for the call. */
gp_status gp_table_read_parquet(gp_table *table, const void *bytes, size_t size, gp_error *err);
gp_status gp_table_read_json(gp_table *table, bool lines, gp_error *err);

#endif
