/* SPDX-License-Identifier: MIT
 * Shared by the readers of prompt tables: the table that they fill.
 *
 * Cells are packed in `text`, each with its NUL, row by row (or column by column if `by_column`).  Such a series is a
 * strip.  Only the start of a strip is stored.  A cell is found by counting from the nearest mark; there is a mark
 * every 256 bytes.  Absent cells need no bytes at the end of a strip, and one short gap (0xFF, their number, NUL)
 * elsewhere. No cell begins with 0xFF, because all text is valid UTF-8. */
#ifndef GP_TABLE_TABLE_PRIVATE_H
#define GP_TABLE_TABLE_PRIVATE_H

#include "base/clock.h"
#include "base/str.h"
#include "table/table.h"

enum { GP_TABLE_MAX_COLUMNS = 1024 };

/* Kinds of content that could not be read and was left out; gp_table_notes reports them. */
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
    GP_REMARK_LOST_CAPTIONS,
    GP_REMARK_NO_HEADER,
    GP_REMARKS
} gp_remark;

/* Position of a stored string: its offset in `text`, and the index of its cell within the strip. */
typedef struct gp_table_mark {
    uint32_t offset, place;
} gp_table_mark;

struct gp_table {
    char *label, *folder; /* owned. label: the table's name in messages; folder: absolute path of the file's folder */
    char *text;           /* owned; packed cells: `size` bytes used of `room` */
    size_t size, room;
    size_t gap;       /* number of absent cells at the end of the last strip */
    bool headed;      /* the names of the columns are the first line of the file */
    bool alone;       /* the file is a single JSON object, which is the only row */
    bool by_column;   /* strips are columns */
    uint32_t *starts; /* [strip_room], of which `strips` are used */
    size_t strips, strip_room;
    gp_table_mark *marks; /* [mark_count] mark i: the first string that begins at byte 256 * i of `text` or later */
    size_t mark_count;
    char **names; /* [name_room], of which `count` are used: column names */
    size_t count, name_room;
    size_t rows;
    size_t index_column; /* column with the rows' own names, or SIZE_MAX */
    uint64_t remarks[GP_REMARKS];
    size_t remark_lines[GP_REMARKS]; /* line of the first remark of each kind; 0: not known */
    char *remark_text[GP_REMARKS];   /* owned; details, or NULL */
    gp_watch *watch;                 /* reports progress while the table is read; may be NULL */
};

gp_status gp_table_add_column(gp_table *table, const char *name, size_t *column, gp_error *err);
/* Adds a column whose name may be empty or repeated: trims the name, uses "column N" if it is empty, and appends ".1",
 * ".2" to a repeated name as pandas does. */
gp_status gp_table_add_unlike(gp_table *table, const char *name, size_t size, gp_error *err);
/* Begins a new strip for the next cells. */
gp_status gp_table_begin(gp_table *table, gp_error *err);
/* Appends a cell.  `cell` may point into the table's own text, but only behind the cells that are already written, and
 * only if no cell was skipped. */
gp_status gp_table_put(gp_table *table, const char *cell, size_t size, gp_error *err);
/* Appends an absent cell. */
void gp_table_skip(gp_table *table);
/* Removes the last strip. */
void gp_table_take_back(gp_table *table);

void gp_table_remark(gp_table *table, gp_remark kind, size_t line);
/* Adds a remark with a detail.  The details of all remarks of a kind are joined by ", ". */
gp_status gp_table_remark_text(gp_table *table, gp_remark kind, size_t line, const char *text, gp_error *err);
/* Fails with FORMAT and the message "'file': line N: ...". */
gp_status gp_table_wrong(const gp_table *table, size_t line, gp_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Renames the short columns of known programs: DiffusionDB's p, se, c, st and sa, and those of A1111's log.csv. */
gp_status gp_table_rename_known(gp_table *table, gp_error *err);

/* Returns true if the column is a setting whose value is a number (seed, steps ...) and the cell is one. */
bool gp_table_is_number(const char *column, const char *cell);

/* Returns true for a usual name of an image or prompt column. */
bool gp_table_usual_name(const char *name, size_t size);

/* The readers of CSV and JSON overwrite the text [size], which ends with a NUL.  The CSV reader reads and writes the
 * table's own text. */
gp_status gp_table_read_csv(gp_table *table, bool tabs, gp_error *err);
gp_status gp_table_read_json(gp_table *table, char *text, size_t size, bool lines, gp_error *err);
/* The log.html of Fooocus; the text ends with a NUL. */
bool gp_table_is_html_log(const char *text);
gp_status gp_table_read_html(gp_table *table, const char *text, size_t size, gp_error *err);
/* bytes [size] are borrowed for the call. */
gp_status gp_table_read_parquet(gp_table *table, const void *bytes, size_t size, gp_error *err);

#endif
