/* SPDX-License-Identifier: MIT
 * Rows of a contact sheet that are slices or categories, with their best images.  One pass over the catalog's rows,
 * best first, fills them. */
#include "base/mem.h"
#include "base/str.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "report/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An image and the row of the sheet that shows it. */
typedef struct member {
    int64_t image;
    size_t row;
} member;

typedef struct collector {
    gp_sheet_rows *out;
    size_t columns;
    member *members; /* sorted by image before the first search */
    size_t count, capacity;
    gp_status status;
    gp_error error;
} collector;

static bool no_memory(collector *c)
{
    c->status = gp_fail_memory(&c->error, "the sheet's rows");
    return false;
}

/* Adds a row.  Returns NULL if the sheet is full or memory is short; `status` tells which. */
static gp_sheet_row *add_row(collector *c, const char *title, char *note)
{
    c->out->prompts++;
    if (c->out->count == c->out->capacity || !note) {
        gp_mem_free(note);
        if (!note) no_memory(c);
        return NULL;
    }
    gp_sheet_row *row = &c->out->rows[c->out->count];
    *row =
        (gp_sheet_row){.prompt = gp_str_dup(title), .cells = gp_mem_zero(c->columns, sizeof *row->cells), .note = note};
    c->out->count++;
    if (row->prompt && row->cells) return row;
    no_memory(c);
    return NULL;
}

static bool add_member(collector *c, int64_t image, size_t row)
{
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 256;
        member *grown = gp_mem_resize(c->members, capacity, sizeof *grown);
        if (!grown) return no_memory(c);
        c->members = grown, c->capacity = capacity;
    }
    c->members[c->count++] = (member){image, row};
    return true;
}

static bool take_slice(void *user, const gp_analysis_slice *s)
{
    collector *c = user;
    gp_str note = GP_STR_INIT;
    /* leave out slices within categories: they are too many for the sheet, and each has few images */
    if (s->category) return true;
    gp_str_printf(&note, "%+.2f", s->lift);
    if (!isnan(s->low)) gp_str_printf(&note, " (%+.2f to %+.2f)", s->low, s->high);
    gp_str_printf(&note, " \u00b7 %u %s%s", s->support, gp_plural(s->support, "image", "images"),
                  strcmp(s->space, "prompts") ? "" : " \u00b7 by prompts");
    gp_sheet_row *row = add_row(c, s->title, gp_str_take(&note));
    if (!row) return c->status == GP_OK;
    row->candidates = s->support;
    c->out->images += s->support;
    for (uint32_t i = 0; i < s->support; i++)
        if (!add_member(c, s->images[i], c->out->count - 1)) return false;
    return true;
}

static bool take_category(void *user, const gp_analysis_category *k)
{
    collector *c = user;
    gp_str note = GP_STR_INIT;
    gp_str_printf(&note, "mean %.2f \u00b7 %u %s", k->mean, k->support, gp_plural(k->support, "image", "images"));
    gp_sheet_row *row = add_row(c, k->name, gp_str_take(&note));
    c->out->images += k->support;
    if (row) row->candidates = k->support;
    return c->status == GP_OK;
}

/* The catalog stores each image's category, so the members are collected image by image. */
static gp_status category_members(gp_catalog *cat, const char *scorer, collector *c, gp_error *err)
{
    gp_cat_image_stats *standings = NULL;
    size_t count;
    GP_TRY(gp_cat_image_stats_all(cat, scorer, &standings, &count, err));
    for (size_t i = 0; i < count && c->status == GP_OK; i++)
        if (standings[i].category >= 0 && (size_t)standings[i].category < c->out->count)
            add_member(c, standings[i].image, (size_t)standings[i].category);
    gp_mem_free(standings);
    return GP_OK;
}

static int by_image(const void *a, const void *b)
{
    const member *p = a, *q = b;
    return p->image != q->image ? (p->image > q->image) - (p->image < q->image) : (p->row > q->row) - (p->row < q->row);
}

/* Returns the index of the first member whose image has this id or a larger id; c->count: there is no such member.  The
 * members are sorted by image. */
static size_t first_member(const collector *c, int64_t image)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->members[middle].image < image)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static gp_status fill_rows(gp_catalog *cat, const char *scorer, collector *c, gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_status st;
    query.order = GP_ORDER_SCORE, query.scorer = scorer;
    GP_TRY(gp_cat_rows_open(cat, &query, &rows, err));
    while ((st = gp_cat_rows_next(rows, &row, err)) == GP_OK && row) {
        if (!row->has_score) continue;
        for (size_t i = first_member(c, row->image); i < c->count && c->members[i].image == row->image; i++) {
            gp_sheet_row *to = &c->out->rows[c->members[i].row];
            if (to->count == c->columns) continue;
            st = gp_sheet_cell_fill(&to->cells[to->count], row, err);
            if (st != GP_OK) break;
            to->count++;
            if (to->count > c->out->columns) c->out->columns = (uint32_t)to->count;
        }
        if (st != GP_OK) break;
    }
    gp_cat_rows_close(rows);
    return st;
}

gp_status gp_sheet_collect_found(gp_catalog *cat, const char *scorer, gp_sheet_by by, size_t capacity, size_t columns,
                                 gp_sheet_rows *out, gp_error *err)
{
    collector c = {.out = out, .columns = columns};
    gp_status st = GP_OK;
    *out = (gp_sheet_rows){.capacity = capacity,
                           .one = by == GP_SHEET_SLICES ? "slice" : "category",
                           .many = by == GP_SHEET_SLICES ? "slices" : "categories"};
    out->rows = gp_mem_zero(capacity, sizeof *out->rows);
    if (!out->rows) GP_TRY_GOTO(gp_fail_memory(err, "the sheet's rows"));
    if (by == GP_SHEET_SLICES)
        GP_TRY_GOTO(gp_cat_slices_visit(cat, scorer, take_slice, &c, err));
    else
        GP_TRY_GOTO(gp_cat_categories_visit(cat, scorer, take_category, &c, err));
    if (by == GP_SHEET_CATEGORIES && c.status == GP_OK) GP_TRY_GOTO(category_members(cat, scorer, &c, err));
    if (c.status != GP_OK) GP_TRY_GOTO(gp_fail_as(err, c.status, &c.error));
    if (c.count) qsort(c.members, c.count, sizeof *c.members, by_image);
    GP_TRY_GOTO(fill_rows(cat, scorer, &c, err));
    if (out->columns == 0) out->columns = 1;
out:
    gp_mem_free(c.members);
    return st;
}
