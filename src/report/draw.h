/* SPDX-License-Identifier: MIT
 * Private to the report module: an RGB canvas with smooth shapes (canvas.c) and text (font.c).
 * All edges are anti-aliased from signed distances: coverage = clamp(1/2 - distance), distance in pixels.
 * Coordinates are pixels with y downwards; pixel (x, y) has its centre at (x + 1/2, y + 1/2).  Only the allocation of
 * the canvas can fail.  Shapes and text are clipped to the canvas. */
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

/* Mixes a colour into one pixel; coverage 0..1. */
void gp_canvas_blend(gp_canvas *canvas, int64_t x, int64_t y, gp_colour colour, float coverage);
/* Draws a rectangle with round corners.  line > 0: draws only its border, `line` pixels wide, inside the edge. */
void gp_canvas_box(gp_canvas *canvas, float x, float y, float w, float h, float radius, float line, gp_colour colour);
void gp_canvas_disc(gp_canvas *canvas, float cx, float cy, float radius, gp_colour colour);
/* Draws a polyline with a round pen: points [n, 2]. */
void gp_canvas_stroke(gp_canvas *canvas, const float *points, size_t n, float width, gp_colour colour);
/* Draws pixels [h, w, 3] at (x, y), with round corners. */
void gp_canvas_picture(gp_canvas *canvas, int64_t x, int64_t y, const uint8_t *rgb, uint32_t w, uint32_t h,
                       float radius);

/* Size and weight of a text.  `unit` is 1/14 of the height of capitals, in pixels.  `weight` is the width of a stroke,
 * in units. */
typedef struct gp_face {
    float unit, weight;
    gp_colour colour;
} gp_face;
float gp_font_width(const gp_face *face, const char *text, size_t size);
/* Draws a text at x with its baseline at y.  Returns the x after the text. */
float gp_font_draw(gp_canvas *canvas, const gp_face *face, float x, float y, const char *text, size_t size);

/* Breaks text into at most `lines` lines of `width` pixels, at spaces where possible.  A text that is too long is
 * cut, and its last line ends in "...".  Calls `line` for each line; NULL: only counts.  Returns the number of
 * lines. */
size_t gp_font_wrap(const gp_face *face, const char *text, float width, size_t lines,
                    void (*line)(void *user, size_t index, const char *text, size_t size, bool cut), void *user);

#endif
