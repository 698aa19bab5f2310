/* SPDX-License-Identifier: MIT
 * What the readers of prompt tables share: the table being filled.
 *
 * Cells lie packed in `text`, each with its NUL, row by row (or column by column if `by_column`).  Such a series is a
 * strip.  A strip stores only where it begins; a cell is found by counting from the nearest mark, one every 256 bytes.
 * Cells that are absent cost nothing at the end of a strip, and one short gap (0xFF, their number, NUL) elsewhere.
 * No cell begins with 0xFF, because all text is valid UTF-8. */
#ifndef GP_INGEST_TABLE_INNER_H
#define GP_INGEST_TABLE_INNER_H

#include "base/clock.h"
#include "base/str.h"
#include "ingest/table.h"

enum { GP_TABLE_MAX_COLUMNS = 1024 };

/* What could not be read and was left out; told by gp_table_notes. */
typedef enum gp_remark {
    GP_REMARK_ENCODING,
    GP_REMARK_LONG_ROWS,
    GP_REMARK_JOINED_ROWS,
    GP_REMARK_SPLIT_ROWS,
    GP_REMARK_SHORT_ROWS,
    GP_REMARK_OPEN_QUOTES,
    GP_REMARK_CUT_ROW,
    GP_REMARK_BAD_RECORDS,
    GP_REMARK_BROKEN_OFF,
    GP_REMARK_COLUMNS,
    GP_REMARKS
} gp_remark;

/* A string begins at `offset` of the text; it is cell `place` of its strip. */
typedef struct gp_table_mark {
    uint32_t offset, place;
} gp_table_mark;

struct gp_table {
    char *label, *folder; /* owned: as named in messages; absolute folder of the file */
    char *text;           /* owned; packed cells [size] of [room] */
    size_t size, room;
    bool by_column;   /* strips are columns */
    uint32_t *starts; /* [strips] of [strip_room] */
    size_t strips, strip_room;
    gp_table_mark *marks; /* [mark_count] mark i: the first string at or after byte 256 i */
    size_t mark_count;
    char **names; /* [count] of [name_room] columns */
    size_t count, name_room;
    size_t rows;
    size_t index_column; /* that holds the rows' own names; SIZE_MAX: none */
    uint64_t remarks[GP_REMARKS];
    size_t remark_lines[GP_REMARKS]; /* of the first; 0: none */
    char *remark_text[GP_REMARKS];   /* owned; more to say, or NULL */
    gp_watch *watch;                 /* while it is read; may be NULL */
};

gp_status gp_table_add_column(gp_table *table, const char *name, size_t *column, gp_error *err);
/* The same for names that may be empty or repeat: trimmed, "column N" if empty, "x.1", "x.2" as pandas has them. */
gp_status gp_table_add_unlike(gp_table *table, const char *name, size_t size, gp_error *err);
/* The next cells go into a new strip. */
gp_status gp_table_begin(gp_table *table, gp_error *err);
/* Append a cell, which may lie in the table's own text behind what was written so far. */
gp_status gp_table_put(gp_table *table, const char *cell, size_t size, gp_error *err);
/* Append `count` absent cells. */
gp_status gp_table_skip(gp_table *table, size_t count, gp_error *err);
/* Drop the last strip. */
void gp_table_take_back(gp_table *table);
/* All is read: give back spare memory and set the marks. */
gp_status gp_table_finish(gp_table *table, gp_error *err);

void gp_table_remark(gp_table *table, gp_remark kind, size_t line);
/* With more to say: the texts of a kind are joined by ", ". */
gp_status gp_table_remark_text(gp_table *table, gp_remark kind, size_t line, const char *text, gp_error *err);
/* "'file': line N: ..." with status FORMAT. */
gp_status gp_table_wrong(const gp_table *table, size_t line, gp_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Does the name end as image files do? */
bool gp_table_names_image(const char *name, size_t size);
/* Is it a usual name of an image or a prompt column? */
bool gp_table_usual_name(const char *name, size_t size);

/* text [size] and a NUL, which the readers change: CSV is packed in place, in the table's own text. */
gp_status gp_table_read_csv(gp_table *table, bool tabs, gp_error *err);
gp_status gp_table_read_json(gp_table *table, char *text, size_t size, bool lines, gp_error *err);
/* bytes [size] borrowed for the call. */
gp_status gp_table_read_parquet(gp_table *table, const void *bytes, size_t size, gp_error *err);

#endif
