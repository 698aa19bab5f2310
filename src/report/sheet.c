/* SPDX-License-Identifier: MIT
 * The contact sheet has one row for each prompt: its candidates from best to worst, each with its score.  The pick has
 * a coloured frame and a check mark.  Rows are sorted by gain, the pick's score minus the median score of its prompt's
 * candidates, so the prompts where the selection mattered most come first.
 *
 * The layout is computed first, then drawn.  Images are decoded one at a time.  A candidate that cannot be read, or
 * whose file has changed since it was scored, becomes a grey box with the reason, and is counted.  The same catalog,
 * files and options give the same bytes. */
#include "report/report.h"
#include "report/draw.h"
#include "report/sheet.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "image/image.h"
#include "image/mark.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SIDE = 65000, MAX_MEGAPIXELS = 256, MAX_LINES = 2 };

static const gp_colour PAPER = {0xfa, 0xf9, 0xf6}, INK = {0x22, 0x25, 0x2a}, MUTED = {0x77, 0x7b, 0x82},
                       HAIRLINE = {0xe6, 0xe3, 0xdc}, GREY = {0xe7, 0xe5, 0xe0}, WHITE = {0xff, 0xff, 0xff},
                       GOLD = {0xd9, 0x92, 0x0a};

/* Lengths in pixels, all multiples of `scale`. */
typedef struct layout {
    float scale;
    gp_face title, subtitle, prompt, score, best, reason;
    float margin, gap;    /* margin: space around the sheet; gap: space between candidates */
    float header, line;   /* heights: of the header, and of a line of the prompt */
    float below, between; /* heights: of the score line, and of the space before the next row's rule */
    uint32_t thumb, width, height;
    size_t rows; /* number of rows that fit into the sheet's limits */
} layout;

/* ------------------------------------------------------------------ measuring */

static uint32_t tallest(const layout *l, const gp_sheet_row *row)
{
    uint32_t most = 0;
    for (size_t i = 0; i < row->count; i++) {
        uint32_t w, h;
        gp_sheet_picture_size(&row->cells[i], l->thumb, &w, &h);
        if (h > most) most = h;
    }
    return most;
}

/* Writes the text to the right of the prompt: how many candidates are left out, and the pick's gain. */
static void gain_text(const gp_sheet_row *row, char *text, size_t size)
{
    text[0] = 0;
    if (row->note) {
        snprintf(text, size, "%s", row->note);
        return;
    }
    if (row->candidates > row->count)
        snprintf(text, size, "%zu of %llu shown", row->count, (unsigned long long)row->candidates);
    if (row->candidates > 1) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%+.2f over median", used ? " \xc2\xb7 " : "", row->gain);
    }
}

/* Returns the width that remains for the prompt beside the text at its right. */
static float text_width(const layout *l, const gp_sheet_row *row)
{
    char text[96];
    gain_text(row, text, sizeof text);
    return (float)l->width - 2 * l->margin - gp_font_width(&l->score, text, strlen(text)) - 28 * l->scale;
}

static uint32_t row_height(const layout *l, const gp_sheet_row *row)
{
    size_t lines = gp_font_wrap(&l->prompt, row->prompt, text_width(l, row), MAX_LINES, NULL, NULL);
    return (uint32_t)(l->line * (float)(lines ? lines : 1) + l->below + l->between) + tallest(l, row);
}

static void layout_init(layout *l, uint32_t thumb, uint32_t columns)
{
    float s = thumb >= 256 ? 1.5f : 1;
    *l = (layout){.scale = s,
                  .thumb = thumb,
                  .margin = 32 * s,
                  .gap = 16 * s,
                  .header = 116 * s,
                  .line = 22 * s,
                  .below = 43 * s,
                  .between = 38 * s};
    l->title = (gp_face){1.2f * s, 2.3f, INK};
    l->subtitle = (gp_face){0.8f * s, 1.8f, MUTED};
    l->prompt = (gp_face){0.8f * s, 1.9f, INK};
    l->score = (gp_face){0.7f * s, 1.8f, MUTED};
    l->best = (gp_face){0.7f * s, 2.5f, INK};
    l->reason = (gp_face){0.6f * s, 1.7f, MUTED};
    float content = (float)columns * (float)thumb + (float)(columns - 1) * l->gap;
    if (content < 520 * s) content = 520 * s;
    l->width = (uint32_t)(content + 2 * l->margin);
}

/* Computes how many rows fit into the sheet's limits, and the sheet's height. */
static void layout_fit(layout *l, const gp_sheet_rows *rows)
{
    uint64_t height = (uint64_t)l->header;
    size_t n = 0;
    for (; n < rows->count; n++) {
        uint64_t more = height + row_height(l, &rows->rows[n]);
        if (more > MAX_SIDE || more * l->width > (uint64_t)MAX_MEGAPIXELS * 1000000) break;
        height = more;
    }
    l->height = (uint32_t)height;
    l->rows = n;
}

/* ------------------------------------------------------------------ drawing */

typedef struct lines {
    gp_canvas *canvas;
    const gp_face *face;
    float x, y, step;
} lines;

static void draw_line(void *user, size_t index, const char *text, size_t size, bool cut)
{
    lines *d = user;
    float y = d->y + d->step * (float)index;
    float end = gp_font_draw(d->canvas, d->face, d->x, y, text, size);
    if (cut) gp_font_draw(d->canvas, d->face, end, y, "...", 3);
}

static void draw_right(gp_canvas *canvas, const gp_face *face, float x, float y, const char *text)
{
    gp_font_draw(canvas, face, x - 2 - gp_font_width(face, text, strlen(text)), y, text, strlen(text));
}

/* Draws a gold disc with a check mark, centred at (x, y). */
static void draw_check(gp_canvas *canvas, float x, float y, float radius)
{
    float r = radius;
    const float check[] = {x - 0.42f * r, y + 0.04f * r, x - 0.1f * r, y + 0.36f * r, x + 0.44f * r, y - 0.32f * r};
    gp_canvas_disc(canvas, x, y, r + 0.17f * r, WHITE);
    gp_canvas_disc(canvas, x, y, r, GOLD);
    gp_canvas_stroke(canvas, check, 3, 0.24f * r, WHITE);
}

static void draw_unreadable(gp_canvas *canvas, const layout *l, float x, float y, uint32_t w, uint32_t h,
                            const char *why)
{
    float pad = 8 * l->scale, step = 15 * l->scale, room = (float)h - 2 * pad;
    gp_canvas_box(canvas, x, y, (float)w, (float)h, 4 * l->scale, 0, GREY);
    lines d = {canvas, &l->reason, x + pad, y + pad + 10 * l->scale, step};
    if (room >= step) gp_font_wrap(&l->reason, why, (float)w - 2 * pad, (size_t)(room / step), draw_line, &d);
}

/* Draws one candidate with its top left corner at (x, y).  Returns false if the image could not be read. */
static bool draw_cell(gp_canvas *canvas, const layout *l, const gp_sheet_cell *cell, float x, float y, uint32_t row_h,
                      gp_status *fatal, gp_error *err)
{
    uint32_t w, h;
    uint8_t *rgb = NULL;
    char text[32];
    gp_error why = {0};
    float s = l->scale;
    gp_sheet_picture_size(cell, l->thumb, &w, &h);
    float px = x + floorf((float)(l->thumb - w) / 2), py = y + (float)(row_h - h);
    gp_status st = gp_sheet_picture(cell, l->thumb, &rgb, &w, &h, &why);
    if (st == GP_ERR_MEMORY) {
        *fatal = gp_fail_as(err, st, &why);
        return false;
    }
    if (st == GP_OK)
        gp_canvas_picture(canvas, (int64_t)px, (int64_t)py, rgb, w, h, 4 * s);
    else
        draw_unreadable(canvas, l, px, py, w, h, why.message);
    gp_mem_free(rgb);
    if (cell->picked) {
        float out = 5 * s;
        gp_canvas_box(canvas, px - out, py - out, (float)w + 2 * out, (float)h + 2 * out, 8 * s, 3 * s, GOLD);
        draw_check(canvas, px + (float)w - 3 * s, py + 3 * s, 11 * s);
    }
    snprintf(text, sizeof text, "%.2f", cell->score);
    gp_font_draw(canvas, cell->picked ? &l->best : &l->score, px, y + (float)row_h + 23 * s, text, strlen(text));
    return st == GP_OK;
}

/* Returns the sheet's title: "DIR" for DIR/.goldpan/catalog.db, else the catalog's own name. */
static char *sheet_title(const char *path)
{
    char *absolute = gp_path_absolute(path), *folder = absolute ? gp_path_folder(absolute) : NULL, *title = NULL;
    if (folder && strcmp(gp_path_base(folder), ".goldpan") == 0) {
        char *above = gp_path_folder(folder);
        title = above ? gp_str_dup(gp_path_base(above)) : NULL;
        gp_mem_free(above);
    } else if (folder) {
        title = gp_str_dup(gp_path_base(absolute));
    }
    gp_mem_free(folder);
    gp_mem_free(absolute);
    return title;
}

static gp_status draw_header(gp_canvas *canvas, const layout *l, gp_catalog *cat, const char *scorer,
                             const gp_sheet_rows *rows, gp_error *err)
{
    gp_status st = GP_OK;
    char *title = sheet_title(gp_cat_path(cat)), *model = NULL;
    gp_str text = GP_STR_INIT;
    float s = l->scale, right = (float)l->width - l->margin;
    lines d = {canvas, &l->title, l->margin, 50 * s, 0};
    GP_TRY_GOTO(gp_cat_scorer_model(cat, scorer, &model, err));
    if (l->rows < rows->prompts) gp_str_printf(&text, "%zu of ", l->rows);
    gp_str_printf(&text, "%llu %s", (unsigned long long)rows->prompts, gp_plural(rows->prompts, rows->one, rows->many));
    gp_str_printf(&text, " \xc2\xb7 %llu %s \xc2\xb7 %s", (unsigned long long)rows->images,
                  gp_plural(rows->images, "image", "images"), model);
    if (!title || text.failed) GP_TRY_GOTO(gp_fail_memory(err, "the sheet's title"));
    gp_font_wrap(&l->title, title, right - l->margin - 100 * s, 1, draw_line, &d);
    d = (lines){canvas, &l->subtitle, l->margin, 76 * s, 0};
    gp_font_wrap(&l->subtitle, text.data, right - l->margin, 1, draw_line, &d);
    draw_right(canvas, &l->subtitle, right, 49 * s, "picked");
    draw_check(canvas, right - gp_font_width(&l->subtitle, "picked", 6) - 16 * s, 44.5f * s, 8 * s);
out:
    gp_str_clear(&text);
    gp_mem_free(model);
    gp_mem_free(title);
    return st;
}

/* Draws prompt and gain above the candidates.  Returns the top of the images. */
static float draw_prompt(gp_canvas *canvas, const layout *l, const gp_sheet_row *row, float y)
{
    char text[96];
    float s = l->scale, right = (float)l->width - l->margin;
    lines d = {canvas, &l->prompt, l->margin, y + 11 * s, l->line};
    gp_canvas_box(canvas, l->margin, floorf(y - l->between / 2 - 4 * s), right - l->margin, s, 0, 0, HAIRLINE);
    size_t n = gp_font_wrap(&l->prompt, row->prompt, text_width(l, row), MAX_LINES, draw_line, &d);
    gain_text(row, text, sizeof text);
    draw_right(canvas, &l->score, right, y + 11 * s, text);
    return floorf(y + l->line * (float)(n ? n : 1) + 11 * s);
}

static gp_status draw_rows(gp_canvas *canvas, const layout *l, const gp_sheet_rows *rows, gp_progress_meter *ticker,
                           gp_report *report, gp_error *err)
{
    gp_status fatal = GP_OK;
    float y = l->header;
    for (size_t r = 0; r < l->rows; r++) {
        const gp_sheet_row *row = &rows->rows[r];
        uint32_t high = tallest(l, row);
        float top = draw_prompt(canvas, l, row, y);
        for (size_t i = 0; i < row->count; i++) {
            float x = l->margin + (float)i * ((float)l->thumb + l->gap);
            bool read = draw_cell(canvas, l, &row->cells[i], x, top, high, &fatal, err);
            if (fatal != GP_OK) return fatal;
            if (read)
                report->done++;
            else
                report->failed++;
            if (!gp_progress_meter_update(ticker, report->done + report->failed, report->failed))
                return gp_fail(err, GP_ERR_STOPPED, "stopped: no sheet was written");
        }
        y += (float)row_height(l, row);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ the whole */

static gp_status check_options(gp_catalog *cat, const gp_sheet_options *o, bool *jpeg, gp_error *err)
{
    if (!o->file || !*o->file) return gp_fail(err, GP_ERR_USAGE, "the sheet needs a file name");
    const char *extension = gp_path_extension(o->file);
    *jpeg = gp_str_equal_nocase(extension, ".jpg") || gp_str_equal_nocase(extension, ".jpeg");
    if (!*jpeg && !gp_str_equal_nocase(extension, ".png"))
        return gp_fail_path(err, GP_ERR_USAGE, "the sheet '%s' must end in .png, .jpg or .jpeg", o->file);
    if (o->thumb < 16 || o->thumb > 2048)
        return gp_fail(err, GP_ERR_USAGE, "the thumbnail size must be 16 to 2048 pixels, not %u", (unsigned)o->thumb);
    if (o->max_candidates < 1 || o->max_candidates > 1000)
        return gp_fail(err, GP_ERR_USAGE, "the number of candidates in a row must be 1 to 1000, not %u",
                       (unsigned)o->max_candidates);
    /* a sheet may replace an older sheet, but never an image of the catalog */
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    query.path = o->file;
    GP_TRY(gp_cat_rows_open(cat, &query, &rows, err));
    gp_status st = gp_cat_rows_next(rows, &row, err);
    if (st == GP_OK && row)
        st = gp_fail_path(err, GP_ERR_USAGE, "the sheet '%s' would replace an image of the catalog", o->file);
    gp_cat_rows_close(rows);
    return st;
}

gp_status gp_report_sheet(gp_catalog *cat, const gp_sheet_options *options, gp_report *report, gp_error *err)
{
    gp_status st;
    bool jpeg = false;
    char *scorer = NULL; /* the scorer of the picks, whose scores are shown */
    gp_sheet_rows rows = {0};
    gp_canvas canvas = {0};
    gp_report counts = {0};
    gp_progress_meter ticker;
    layout l;
    uint64_t cells = 0;
    size_t fits = MAX_SIDE / 64; /* upper limit: more rows never fit into a sheet */
    double start = gp_clock_now();
    GP_TRY(check_options(cat, options, &jpeg, err));
    if (options->max_prompts > 0 && options->max_prompts < fits) fits = options->max_prompts;
    if (options->by == GP_SHEET_PROMPTS) {
        GP_TRY(gp_cat_picks_scorer(cat, &scorer, err));
        GP_TRY_GOTO(gp_sheet_collect(cat, scorer, fits, options->max_candidates, &rows, err));
        rows.one = "prompt", rows.many = "prompts";
        if (rows.count == 0)
            GP_TRY_GOTO(gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no picks yet: run 'goldpan pick' first",
                                     gp_cat_path(cat)));
    } else {
        GP_TRY(gp_cat_scorer_last(cat, &scorer, err));
        GP_TRY_GOTO(gp_sheet_collect_found(cat, scorer, options->by, fits, options->max_candidates, &rows, err));
        if (rows.count == 0)
            GP_TRY_GOTO(gp_fail_path(err, GP_ERR_NOT_FOUND, "the last analysis of catalog '%s' found no %s",
                                     gp_cat_path(cat), rows.many));
    }
    layout_init(&l, options->thumb, rows.columns);
    layout_fit(&l, &rows);
    if (l.width > MAX_SIDE || l.rows == 0)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_LIMIT,
                            "a sheet of %u columns with thumbnails of %u pixels is too large: use fewer candidates or "
                            "smaller thumbnails",
                            (unsigned)rows.columns, (unsigned)options->thumb));
    for (size_t i = 0; i < l.rows; i++) cells += rows.rows[i].count;
    gp_progress_meter_init(&ticker, "sheet", cells, options->progress, options->user);
    st = gp_canvas_init(&canvas, l.width, l.height, PAPER, err);
    if (st == GP_OK) st = draw_header(&canvas, &l, cat, scorer, &rows, err);
    if (st == GP_OK) st = draw_rows(&canvas, &l, &rows, &ticker, &counts, err);
    if (st == GP_OK)
        st = gp_image_write_marked(options->file, canvas.rgb, l.width, l.height, jpeg ? 92 : 0, "contact sheet", err);
    gp_progress_meter_finish(&ticker);
    counts.seconds = gp_clock_now() - start;
    if (st == GP_OK && report) *report = counts;
out:
    gp_canvas_clear(&canvas);
    gp_sheet_rows_clear(&rows);
    gp_mem_free(scorer);
    return st;
}
