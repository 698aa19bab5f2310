/* SPDX-License-Identifier: MIT
 * Private to the report room: an RGB canvas with smooth shapes (canvas.c) and text (font.c).
 * All edges are anti-aliased from signed distances: coverage = clamp(1/2 - distance), distance in pixels.  Coordinates
 * are pixels with y downwards; pixel (x, y) has its centre at (x + 1/2, y + 1/2).  Nothing here can fail but the
 * allocation of the canvas; everything is clipped. */
#ifndef GP_REPORT_DRAW_H
#define GP_REPORT_DRAW_H

#include "base/status.h"

typedef struct gp_canvas {
    uint32_t width, height;
    uint8_t *rgb; /* [height, width, 3], owned: gp_canvas_clear */
} gp_canvas;
typedef struct gp_colour {
    uint8_t r, g, b;
} gp_colour;

gp_status gp_canvas_init(gp_canvas *canvas, uint32_t width, uint32_t height, gp_colour fill, gp_error *err);
void gp_canvas_clear(gp_canvas *canvas);

/* Mix a colour into one pixel, coverage 0..1. */
void gp_canvas_blend(gp_canvas *canvas, int64_t x, int64_t y, gp_colour colour, float coverage);
/* A rectangle with round corners, filled; or only its border of `line` pixels inside the edge (line > 0). */
void gp_canvas_box(gp_canvas *canvas, float x, float y, float w, float h, float radius, float line, gp_colour colour);
void gp_canvas_disc(gp_canvas *canvas, float cx, float cy, float radius, gp_colour colour);
/* A polyline of round strokes: points [n, 2]. */
void gp_canvas_stroke(gp_canvas *canvas, const float *points, size_t n, float width, gp_colour colour);
/* Pixels [h, w, 3] at (x, y), corners rounded. */
void gp_canvas_picture(gp_canvas *canvas, int64_t x, int64_t y, const uint8_t *rgb, uint32_t w, uint32_t h,
                       float radius);

/* Text of one size and weight.  `unit` is 1/14 of the height of capitals in pixels, `weight` the stroke in units. */
typedef struct gp_face {
    float unit, weight;
    gp_colour colour;
} gp_face;
float gp_font_width(const gp_face *face, const char *text, size_t size);
/* Draw at x, with the baseline at y; returns x after the text. */
float gp_font_draw(gp_canvas *canvas, const gp_face *face, float x, float y, const char *text, size_t size);

/* Break text into at most `lines` lines of `width` pixels, at spaces where possible; what does not fit is cut and its
 * line ends in "...".  Each line is given to `line` in turn; NULL: only count.  Returns the number of lines. */
size_t gp_font_wrap(const gp_face *face, const char *text, float width, size_t lines,
                    void (*line)(void *user, size_t index, const char *text, size_t size, bool cut), void *user);

#endif
