/* SPDX-License-Identifier: MIT
 * Private to the report module: the rows of the contact sheet (sheet_rows.c); sheet.c draws them. */
#ifndef GP_REPORT_SHEET_H
#define GP_REPORT_SHEET_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_sheet_cell {
    char *path; /* owned */
    gp_hash hash;
    double score;
    uint32_t width, height, orientation; /* as stored in the file, before the orientation is applied */
    bool picked;
} gp_sheet_cell;

typedef struct gp_sheet_row {
    char *prompt;         /* owned */
    gp_sheet_cell *cells; /* owned; best first */
    size_t count;         /* number of cells, at most the requested columns */
    uint64_t candidates;  /* number of all ranked candidates, including those without a cell */
    double gain;          /* the best pick's score minus the median score of the prompt's candidates */
    char *note;           /* owned; text shown at the right instead of the gain; or NULL */
} gp_sheet_row;

typedef struct gp_sheet_rows {
    gp_sheet_row *rows; /* sorted by gain, largest first; equal gains by prompt */
    size_t count, capacity;
    uint64_t prompts, images; /* totals: number of prompts with a pick, and of candidates of these prompts */
    uint32_t columns;         /* columns of the widest row */
    const char *one, *many;   /* singular and plural word for a row, such as "prompt" and "prompts" */
} gp_sheet_rows;

/* Collects the `capacity` rows with the largest gain by this scorer, with at most `columns` cells each.  If not all
 * cells fit, picks come before unpicked images. */
gp_status gp_sheet_collect(gp_catalog *cat, const char *scorer, size_t capacity, size_t columns, gp_sheet_rows *out,
                           gp_error *err);
/* Collects rows of the slices or categories of this scorer's last analysis, in the analysis' order, as many as fit. */
gp_status gp_sheet_collect_found(gp_catalog *cat, const char *scorer, gp_sheet_by by, size_t capacity, size_t columns,
                                 gp_sheet_rows *out, gp_error *err);
/* Fills a cell from a row of the catalog.  The cell owns its path. */
gp_status gp_sheet_cell_fill(gp_sheet_cell *cell, const gp_row *row, gp_error *err);
void gp_sheet_rows_clear(gp_sheet_rows *rows);

/* Computes the size of a cell's image, turned upright: the longest side is `thumb`. */
void gp_sheet_picture_size(const gp_sheet_cell *cell, uint32_t thumb, uint32_t *w, uint32_t *h);
/* Decodes the cell's image, upright, its longest side `thumb`, into *out [*h, *w, 3], owned.  err->message: the
 * reason in a few words. */
gp_status gp_sheet_picture(const gp_sheet_cell *cell, uint32_t thumb, uint8_t **out, uint32_t *w, uint32_t *h,
                           gp_error *err);

#endif
