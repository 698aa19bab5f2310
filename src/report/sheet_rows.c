/* SPDX-License-Identifier: MIT
 * Selects the prompts of a contact sheet.  The catalog gives rows prompt by prompt, best first.  The gain of a prompt
 * is known when its last row is read.  Only the prompts with the largest gain are kept, so memory does not grow with
 * the catalog. */
#include "report/sheet.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include <string.h>

static void row_clear(gp_sheet_row *row)
{
    for (size_t i = 0; i < row->count; i++) gp_mem_free(row->cells[i].path);
    gp_mem_free(row->cells);
    gp_mem_free(row->prompt);
    gp_mem_free(row->note);
    memset(row, 0, sizeof *row);
}

void gp_sheet_rows_clear(gp_sheet_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) row_clear(&rows->rows[i]);
    gp_mem_free(rows->rows);
    memset(rows, 0, sizeof *rows);
}

/* The prompt being read. */
typedef struct group {
    gp_sheet_row row;
    size_t columns;
    double *scores; /* [candidates] scores, best first */
    size_t capacity;
    bool has_pick;
    double best_pick;
} group;

static gp_status group_begin(group *g, const char *prompt, gp_error *err)
{
    memset(&g->row, 0, sizeof g->row);
    g->has_pick = false;
    g->row.prompt = gp_str_dup(prompt);
    g->row.cells = gp_mem_zero(g->columns, sizeof *g->row.cells);
    return g->row.prompt && g->row.cells ? GP_OK : gp_fail_memory(err, "the sheet's rows");
}

gp_status gp_sheet_cell_fill(gp_sheet_cell *cell, const gp_row *row, gp_error *err)
{
    char *path = gp_str_dup(row->path ? row->path : "");
    if (!path) return gp_fail_memory(err, "the sheet's rows");
    gp_mem_free(cell->path);
    *cell = (gp_sheet_cell){.path = path,
                            .score = row->score,
                            .width = row->width,
                            .height = row->height,
                            .orientation = row->orientation,
                            .picked = row->picked};
    (void)gp_hash_from_hex(row->file_hash, &cell->hash);
    return GP_OK;
}

static gp_status group_add(group *g, const gp_row *row, gp_error *err)
{
    size_t n = (size_t)g->row.candidates;
    if (n == g->capacity) {
        size_t capacity = g->capacity ? g->capacity * 2 : 64;
        double *grown = gp_mem_resize(g->scores, capacity, sizeof *grown);
        if (!grown) return gp_fail_memory(err, "the sheet's rows");
        g->scores = grown;
        g->capacity = capacity;
    }
    g->scores[n] = row->score;
    g->row.candidates++;
    if (row->picked && !g->has_pick) g->has_pick = true, g->best_pick = row->score;
    if (g->row.count < g->columns) {
        GP_TRY(gp_sheet_cell_fill(&g->row.cells[g->row.count], row, err));
        g->row.count++;
    } else if (row->picked) { /* a pick beyond the last column replaces the last image that is not picked */
        size_t i = g->row.count;
        while (i > 0 && g->row.cells[i - 1].picked) i--;
        if (i == 0) return GP_OK;
        gp_mem_free(g->row.cells[i - 1].path);
        memmove(&g->row.cells[i - 1], &g->row.cells[i], (g->row.count - i) * sizeof *g->row.cells);
        memset(&g->row.cells[g->row.count - 1], 0, sizeof *g->row.cells);
        g->row.count--;
        GP_TRY(gp_sheet_cell_fill(&g->row.cells[g->row.count], row, err));
        g->row.count++;
    }
    return GP_OK;
}

/* Called after a prompt's last row: keeps the prompt if its gain is among the largest.  A new row is inserted after
 * rows with the same gain, so that rows with equal gains stay in the order of their prompts. */
static void group_end(group *g, gp_sheet_rows *out)
{
    size_t n = (size_t)g->row.candidates, at = out->count;
    if (!g->has_pick || n == 0) {
        row_clear(&g->row);
        return;
    }
    out->prompts++;
    out->images += n;
    g->row.gain = g->best_pick - (n % 2 ? g->scores[n / 2] : (g->scores[n / 2 - 1] + g->scores[n / 2]) / 2);
    while (at > 0 && out->rows[at - 1].gain < g->row.gain) at--;
    if (at == out->capacity) {
        row_clear(&g->row);
        return;
    }
    if (out->count == out->capacity) row_clear(&out->rows[--out->count]);
    memmove(&out->rows[at + 1], &out->rows[at], (out->count - at) * sizeof *out->rows);
    out->rows[at] = g->row;
    out->count++;
    memset(&g->row, 0, sizeof g->row);
}

gp_status gp_sheet_collect(gp_catalog *cat, const char *scorer, size_t capacity, size_t columns, gp_sheet_rows *out,
                           gp_error *err)
{
    gp_status st;
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *cursor = NULL;
    const gp_row *row = NULL;
    group g = {.columns = columns};
    gp_sheet_rows rows = {.capacity = capacity};
    GP_TRY_GOTO(gp_alloc((void **)&rows.rows, capacity, sizeof *rows.rows, "the sheet's rows", err));
    query.scorer = scorer;
    GP_TRY_GOTO(gp_cat_rows_open(cat, &query, &cursor, err));
    for (;;) {
        GP_TRY_GOTO(gp_cat_rows_next(cursor, &row, err));
        bool other = !row || !row->prompt || (g.row.prompt && strcmp(g.row.prompt, row->prompt) != 0);
        if (g.row.prompt && other) group_end(&g, &rows);
        if (!row) break;
        if (!row->prompt || row->rank == 0) continue; /* the image has no prompt or no score, or its file is missing */
        if (!g.row.prompt) GP_TRY_GOTO(group_begin(&g, row->prompt, err));
        GP_TRY_GOTO(group_add(&g, row, err));
    }
    for (size_t i = 0; i < rows.count; i++)
        if (rows.rows[i].count > rows.columns) rows.columns = (uint32_t)rows.rows[i].count;
    *out = rows;
    memset(&rows, 0, sizeof rows);
out:
    gp_cat_rows_close(cursor);
    row_clear(&g.row);
    gp_mem_free(g.scores);
    gp_sheet_rows_clear(&rows);
    return st;
}
