/* SPDX-License-Identifier: MIT
 * The tour has a frame for each slice.  A frame shows the map of all images as points coloured by category, with the
 * slice's points in gold.  The slice's best images lie on a circle around its points' centre, as in the figures of the
 * article that docs/method.md names.  The article's circle has radius 1.6 on a map of about 20 units; here the radius
 * is a share of the frame, so that it suits any map. */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "image/webp_animation.h"
#include "image/image.h"
#include "image/mark.h"
#include "report/draw.h"
#include "report/report.h"
#include "report/sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMAGES = 8 };
static const double pi = 3.14159265358979323846;
static const gp_colour PAPER = {0xfa, 0xf9, 0xf6}, INK = {0x22, 0x25, 0x2a}, MUTED = {0x77, 0x7b, 0x82},
                       WHITE = {0xff, 0xff, 0xff}, GOLD = {0xd9, 0x92, 0x0a}, GREY = {0xcf, 0xcc, 0xc4};
/* Pale colours that people with red-green blindness can tell apart (lighter versions of the colours of Okabe and Ito
 * 2008). */
static const gp_colour palette[] = {{0x9c, 0xcf, 0xee}, {0xb9, 0xd9, 0xb0}, {0xe6, 0xb8, 0xd0}, {0xd8, 0xc9, 0x8f},
                                    {0xa9, 0xb8, 0xd6}, {0xe0, 0xb0, 0x96}, {0xa5, 0xd6, 0xc8}, {0xc6, 0xbd, 0xe0}};

typedef struct point {
    int64_t image;
    float x, y; /* position on the frame in pixels */
    int32_t category;
} point;

typedef struct tour {
    gp_catalog *cat;
    const gp_tour_options *o;
    char *scorer;
    gp_cat_matrix m;
    point *points;   /* [n] position of each image */
    gp_canvas plain; /* the map without highlights, the background of every frame */
    gp_canvas frame;
    gp_animation *animation;
    gp_progress_meter ticker;
    gp_report *report;
    uint32_t frames;
    gp_status status;
    gp_error error;
} tour;

static int by_image(const void *a, const void *b)
{
    int64_t p = ((const point *)a)->image, q = ((const point *)b)->image;
    return (p > q) - (p < q);
}

static const point *point_of(const tour *t, int64_t image)
{
    point key = {.image = image};
    return bsearch(&key, t->points, t->m.n, sizeof key, by_image);
}

/* ------------------------------------------------------------------ the map */

/* Scales the map to the frame: as large as the space below the title allows. */
static void scale_places(tour *t, const float *place)
{
    float low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < t->m.n; i++)
        for (size_t k = 0; k < 2; k++)
            low[k] = fminf(low[k], place[2 * i + k]), high[k] = fmaxf(high[k], place[2 * i + k]);
    float margin = 0.06f * (float)t->o->height, head = 0.13f * (float)t->o->height;
    float w = (float)t->o->width - 2 * margin, h = (float)t->o->height - head - margin;
    float wide = fmaxf(high[0] - low[0], 1e-6f), tall = fmaxf(high[1] - low[1], 1e-6f),
          scale = fminf(w / wide, h / tall);
    for (size_t i = 0; i < t->m.n; i++) {
        t->points[i].x = margin + (w - wide * scale) / 2 + (place[2 * i] - low[0]) * scale;
        t->points[i].y = head + (h - tall * scale) / 2 + (high[1] - place[2 * i + 1]) * scale;
    }
}

static gp_status read_map(tour *t, gp_error *err)
{
    float *place = NULL;
    bool *known = NULL;
    char *settings = NULL;
    gp_cat_image_stats *standings = NULL;
    size_t count = 0, have = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_cat_matrix_columns(t->cat, t->scorer, 0, &t->m, err));
    GP_TRY_GOTO(gp_alloc((void **)&t->points, t->m.n, sizeof *t->points, "the tour", err));
    GP_TRY_GOTO(gp_alloc((void **)&place, t->m.n * 2, sizeof *place, "the tour", err));
    GP_TRY_GOTO(gp_alloc((void **)&known, t->m.n, sizeof *known, "the tour", err));
    GP_TRY_GOTO(gp_cat_map_read(t->cat, t->m.encoder, t->m.images, t->m.n, place, known, &settings, err));
    for (size_t i = 0; i < t->m.n; i++) have += known[i];
    if (have == 0)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_NOT_FOUND, "catalog '%s' has no map yet: run 'goldpan slices' first",
                                 gp_cat_path(t->cat)));
    for (size_t i = 0; i < t->m.n; i++) t->points[i] = (point){t->m.images[i], 0, 0, -1};
    scale_places(t, place);
    qsort(t->points, t->m.n, sizeof *t->points, by_image);
    GP_TRY_GOTO(gp_cat_image_stats_all(t->cat, t->scorer, &standings, &count, err));
    for (size_t i = 0; i < count; i++) {
        point *p = (point *)(uintptr_t)point_of(t, standings[i].image);
        if (p) p->category = standings[i].category;
    }
out:
    gp_mem_free(standings);
    gp_mem_free(settings);
    gp_mem_free(known);
    gp_mem_free(place);
    return st;
}

static gp_status draw_map(tour *t, gp_error *err)
{
    float radius = t->m.n > 20000 ? 1.2f : t->m.n > 2000 ? 2 : 3;
    GP_TRY(gp_canvas_init(&t->plain, t->o->width, t->o->height, PAPER, err));
    GP_TRY(gp_canvas_init(&t->frame, t->o->width, t->o->height, PAPER, err));
    for (size_t i = 0; i < t->m.n; i++) {
        int32_t k = t->points[i].category;
        gp_colour colour = k < 0 ? GREY : palette[(size_t)k % (sizeof palette / sizeof *palette)];
        gp_canvas_disc(&t->plain, t->points[i].x, t->points[i].y, radius, colour);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ a frame */

static gp_status draw_title(gp_canvas *canvas, const gp_analysis_slice *s, const gp_tour_options *o, gp_error *err)
{
    float unit = (float)o->height / 720;
    gp_face title = {1.2f * unit, 2.3f, INK}, small = {0.8f * unit, 1.8f, MUTED};
    gp_str text = GP_STR_INIT;
    gp_str_printf(&text, "%u %s, mean %.2f: %+.2f over all", s->support, gp_plural(s->support, "image", "images"),
                  s->value, s->lift);
    if (!isnan(s->low)) gp_str_printf(&text, " (at least %+.2f)", s->low);
    if (text.failed) return gp_fail_memory(err, "the tour");
    gp_font_draw(canvas, &title, 32 * unit, 46 * unit, s->title, strlen(s->title));
    gp_font_draw(canvas, &small, 32 * unit, 72 * unit, text.data, text.size);
    gp_str_clear(&text);
    return GP_OK;
}

/* Fills cells [IMAGES] with the slice's best images that can be read. */
static gp_status best_cells(const tour *t, const gp_analysis_slice *s, gp_sheet_cell *cells, size_t *count,
                            gp_error *err)
{
    gp_query query = GP_QUERY_DEFAULTS;
    gp_rows *rows = NULL;
    const gp_row *row = NULL;
    gp_status st;
    *count = 0;
    query.order = GP_ORDER_SCORE, query.scorer = t->scorer;
    GP_TRY(gp_cat_rows_open(t->cat, &query, &rows, err));
    while ((st = gp_cat_rows_next(rows, &row, err)) == GP_OK && row && *count < IMAGES) {
        bool in = false;
        for (uint32_t i = 0; i < s->support && !in; i++) in = s->images[i] == row->image;
        if (!in || !row->has_score) continue;
        st = gp_sheet_cell_fill(&cells[*count], row, err);
        if (st != GP_OK) break;
        ++*count;
    }
    gp_cat_rows_close(rows);
    return st;
}

static gp_status draw_images(tour *t, const gp_analysis_slice *s, float x, float y, gp_error *err)
{
    gp_sheet_cell cells[IMAGES] = {{0}};
    size_t count = 0;
    float radius = 0.27f * (float)t->o->height;
    uint32_t thumb = t->o->height / 6;
    gp_status st = best_cells(t, s, cells, &count, err);
    /* move the centre so that the whole circle lies within the frame */
    float reach = radius + 0.6f * (float)thumb;
    x = fminf(fmaxf(x, reach), (float)t->o->width - reach);
    y = fminf(fmaxf(y, reach + 0.1f * (float)t->o->height), (float)t->o->height - reach);
    for (size_t i = 0; i < count && st == GP_OK; i++) {
        double angle = 2 * pi * (double)(i + 1) / (double)count;
        uint8_t *rgb = NULL;
        uint32_t w, h;
        gp_error why = {0};
        st = gp_sheet_picture(&cells[i], thumb, &rgb, &w, &h, &why);
        float px = x + radius * (float)cos(angle) - (float)w / 2, py = y - radius * (float)sin(angle) - (float)h / 2;
        if (st == GP_OK) {
            gp_canvas_box(&t->frame, px - 3, py - 3, (float)w + 6, (float)h + 6, 6, 0, WHITE);
            gp_canvas_picture(&t->frame, (int64_t)px, (int64_t)py, rgb, w, h, 4);
            gp_mem_free(rgb);
        } else if (st == GP_ERR_MEMORY) {
            if (err) *err = why;
        } else {
            t->report->failed++, st = GP_OK; /* draw the frame without this image */
        }
    }
    for (size_t i = 0; i < IMAGES; i++) gp_mem_free(cells[i].path);
    return st;
}

static gp_status draw_frame(tour *t, const gp_analysis_slice *s, gp_error *err)
{
    double x = 0, y = 0, have = 0;
    memcpy(t->frame.rgb, t->plain.rgb, (size_t)t->o->width * t->o->height * 3);
    for (uint32_t i = 0; i < s->support; i++) {
        const point *p = point_of(t, s->images[i]);
        if (!p) continue;
        gp_canvas_disc(&t->frame, p->x, p->y, 4.5f, GOLD);
        x += (double)p->x, y += (double)p->y, have++;
    }
    if (have > 0) GP_TRY(draw_images(t, s, (float)(x / have), (float)(y / have), err));
    return draw_title(&t->frame, s, t->o, err);
}

static gp_status keep_frame(tour *t, gp_error *err)
{
    if (t->o->folder) {
        char name[32];
        snprintf(name, sizeof name, "slice_%02u.png", t->frames);
        char *path = gp_path_join(t->o->folder, name);
        if (!path) return gp_fail_memory(err, "the tour");
        gp_status st = gp_image_write_marked(path, t->frame.rgb, t->o->width, t->o->height, 0, "tour", err);
        gp_mem_free(path);
        GP_TRY(st);
    }
    if (t->animation) GP_TRY(gp_animation_add(t->animation, t->frame.rgb, (uint32_t)(t->o->seconds * 1000), err));
    return GP_OK;
}

static bool take_slice(void *user, const gp_analysis_slice *s)
{
    tour *t = user;
    if (s->category) return true; /* slices within categories would make the tour too long */
    t->status = draw_frame(t, s, &t->error);
    if (t->status == GP_OK) t->status = keep_frame(t, &t->error);
    t->frames++;
    t->report->done++;
    if (t->status == GP_OK && !gp_progress_meter_update(&t->ticker, t->frames, 0))
        t->status = gp_fail(&t->error, GP_ERR_STOPPED, "stopped");
    return t->status == GP_OK && t->frames < t->o->max_slices;
}

gp_status gp_report_tour(gp_catalog *cat, const gp_tour_options *options, gp_report *report, gp_error *err)
{
    gp_report counts = {0};
    tour t = {.cat = cat, .o = options, .report = &counts};
    double start = gp_clock_now();
    gp_status st = GP_OK;
    if (!options->file && !options->folder) return gp_fail(err, GP_ERR_USAGE, "the tour needs a file or a folder");
    if (options->width < 200 || options->height < 200 || options->width > 8000 || options->height > 8000 ||
        !(options->seconds > 0 && options->seconds <= 60))
        return gp_fail(err, GP_ERR_USAGE,
                       "the width and height of a tour must be 200 to 8000 pixels, not %u x %u, and a frame must last "
                       "above 0 and at most 60 seconds, not %g",
                       options->width, options->height, options->seconds);
    gp_progress_meter_init(&t.ticker, "tour", 0, options->progress, options->user);
    GP_TRY_GOTO(gp_cat_scorer_last(cat, &t.scorer, err));
    GP_TRY_GOTO(read_map(&t, err));
    GP_TRY_GOTO(draw_map(&t, err));
    if (options->folder) GP_TRY_GOTO(gp_folder_make(options->folder, err));
    if (options->file) GP_TRY_GOTO(gp_animation_open(options->width, options->height, &t.animation, err));
    GP_TRY_GOTO(gp_cat_slices_visit(cat, t.scorer, take_slice, &t, err));
    if (t.status != GP_OK) GP_TRY_GOTO(gp_fail_as(err, t.status, &t.error));
    if (t.frames == 0)
        GP_TRY_GOTO(
            gp_fail_path(err, GP_ERR_NOT_FOUND, "the last analysis of catalog '%s' found no slices", gp_cat_path(cat)));
    if (options->file) GP_TRY_GOTO(gp_animation_write(t.animation, options->file, err));
    gp_progress_meter_finish(&t.ticker);
out:
    gp_animation_close(t.animation);
    gp_canvas_clear(&t.frame);
    gp_canvas_clear(&t.plain);
    gp_mem_free(t.points);
    gp_cat_matrix_clear(&t.m);
    gp_mem_free(t.scorer);
    counts.seconds = gp_clock_now() - start;
    if (report) *report = counts;
    return st;
}
