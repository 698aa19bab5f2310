/* SPDX-License-Identifier: MIT
 * Private to the report room: what the contact sheet shows (sheet_rows.c) and how it is drawn (sheet.c). */
#ifndef GP_REPORT_SHEET_H
#define GP_REPORT_SHEET_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_sheet_cell {
    char *path; /* owned */
    gp_hash hash;
    double score;
    uint32_t width, height, orientation; /* as stored */
    bool picked;
} gp_sheet_cell;

typedef struct gp_sheet_row {
    char *prompt;         /* owned */
    gp_sheet_cell *cells; /* owned; best first */
    size_t count;         /* of cells: at most the columns asked for */
    uint64_t candidates;  /* that were ranked, shown or not */
    double gain;          /* best pick's score minus the median of the prompt */
    char *note;           /* owned; what stands at the right instead of the gain; or NULL */
} gp_sheet_row;

typedef struct gp_sheet_rows {
    gp_sheet_row *rows; /* by gain, largest first; equal ones by prompt */
    size_t count, capacity;
    uint64_t prompts, images; /* in all: prompts with a pick, and their candidates */
    uint32_t columns;         /* of the widest row */
    const char *one, *many;   /* what a row is */
} gp_sheet_rows;

/* The `capacity` rows that gain most, with at most `columns` cells each (their picks come before unpicked ones when
 * both do not fit), by this scorer. */
gp_status gp_sheet_collect(gp_catalog *cat, const char *scorer, size_t capacity, size_t columns, gp_sheet_rows *out,
                           gp_error *err);
/* The same of the slices or categories found last by this scorer, in the order in which they were found; as many as
 * there is room for. */
gp_status gp_sheet_collect_found(gp_catalog *cat, const char *scorer, gp_sheet_by by, size_t capacity, size_t columns,
                                 gp_sheet_rows *out, gp_error *err);
/* Fill a cell from a row of the catalog; its path is owned. */
gp_status gp_sheet_cell_fill(gp_sheet_cell *cell, const gp_row *row, gp_error *err);
void gp_sheet_rows_clear(gp_sheet_rows *rows);

/* Size of a cell's picture, turned upright: the longest side is `thumb`. */
void gp_sheet_picture_size(const gp_sheet_cell *cell, uint32_t thumb, uint32_t *w, uint32_t *h);
/* The cell's picture, upright, its longest side `thumb`: [*h, *w, 3] in *out, owned.  err->message: why not, in few
 * words. */
gp_status gp_sheet_picture(const gp_sheet_cell *cell, uint32_t thumb, uint8_t **out, uint32_t *w, uint32_t *h,
                           gp_error *err);

#endif
