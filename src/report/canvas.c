/* SPDX-License-Identifier: MIT
 * Draws smooth shapes on RGB pixels.  For each pixel near a shape it computes the distance of the pixel's centre to
 * the edge. */
#include "report/draw.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>

gp_status gp_canvas_init(gp_canvas *canvas, uint32_t width, uint32_t height, gp_colour fill, gp_error *err)
{
    size_t pixels;
    uint8_t *rgb = NULL;
    if (!gp_size_mul(width, height, &pixels))
        return gp_fail(err, GP_ERR_LIMIT, "an image of %u x %u pixels is too large to draw", width, height);
    GP_TRY(gp_alloc((void **)&rgb, pixels, 3, "the pixels of a drawn image", err));
    for (size_t i = 0; i < pixels; i++) {
        rgb[3 * i] = fill.r;
        rgb[3 * i + 1] = fill.g;
        rgb[3 * i + 2] = fill.b;
    }
    *canvas = (gp_canvas){width, height, rgb};
    return GP_OK;
}

void gp_canvas_clear(gp_canvas *canvas)
{
    gp_mem_free(canvas->rgb);
    *canvas = (gp_canvas){0, 0, NULL};
}

static uint8_t mix(uint8_t under, uint8_t over, float coverage)
{
    return (uint8_t)lrintf((float)under + ((float)over - (float)under) * coverage);
}

void gp_canvas_blend(gp_canvas *canvas, int64_t x, int64_t y, gp_colour colour, float coverage)
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height || coverage <= 0) return;
    uint8_t *p = canvas->rgb + ((size_t)y * canvas->width + (size_t)x) * 3;
    if (coverage > 1) coverage = 1;
    p[0] = mix(p[0], colour.r, coverage);
    p[1] = mix(p[1], colour.g, coverage);
    p[2] = mix(p[2], colour.b, coverage);
}

/* Returns the distance of (px, py) to a box with round corners; negative inside the box. */
static float box_distance(float px, float py, float x, float y, float w, float h, float radius)
{
    float dx = fabsf(px - (x + w / 2)) - (w / 2 - radius), dy = fabsf(py - (y + h / 2)) - (h / 2 - radius);
    float outside = hypotf(fmaxf(dx, 0), fmaxf(dy, 0));
    return outside + fminf(fmaxf(dx, dy), 0) - radius;
}

void gp_canvas_box(gp_canvas *canvas, float x, float y, float w, float h, float radius, float line, gp_colour colour)
{
    for (int64_t py = (int64_t)floorf(y); py <= (int64_t)ceilf(y + h); py++)
        for (int64_t px = (int64_t)floorf(x); px <= (int64_t)ceilf(x + w); px++) {
            float d = box_distance((float)px + 0.5f, (float)py + 0.5f, x, y, w, h, radius);
            if (line > 0) d = fabsf(d + line / 2) - line / 2;
            gp_canvas_blend(canvas, px, py, colour, 0.5f - d);
        }
}

void gp_canvas_disc(gp_canvas *canvas, float cx, float cy, float radius, gp_colour colour)
{
    gp_canvas_box(canvas, cx - radius, cy - radius, 2 * radius, 2 * radius, radius, 0, colour);
}

static float segment_distance(float px, float py, const float *a, const float *b)
{
    float vx = b[0] - a[0], vy = b[1] - a[1], wx = px - a[0], wy = py - a[1];
    float length2 = vx * vx + vy * vy;
    float t = length2 > 0 ? fminf(fmaxf((wx * vx + wy * vy) / length2, 0), 1) : 0;
    return hypotf(wx - t * vx, wy - t * vy);
}

void gp_canvas_stroke(gp_canvas *canvas, const float *points, size_t n, float width, gp_colour colour)
{
    float x0 = INFINITY, y0 = INFINITY, x1 = -INFINITY, y1 = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        x0 = fminf(x0, points[2 * i]), x1 = fmaxf(x1, points[2 * i]);
        y0 = fminf(y0, points[2 * i + 1]), y1 = fmaxf(y1, points[2 * i + 1]);
    }
    if (n == 0) return;
    float reach = width / 2 + 1;
    for (int64_t py = (int64_t)floorf(y0 - reach); py <= (int64_t)ceilf(y1 + reach); py++)
        for (int64_t px = (int64_t)floorf(x0 - reach); px <= (int64_t)ceilf(x1 + reach); px++) {
            float d = INFINITY;
            for (size_t i = 0; i + 1 < n || i == 0; i++) /* a single point becomes a dot */
                d = fminf(d, segment_distance((float)px + 0.5f, (float)py + 0.5f, points + 2 * i,
                                              points + 2 * (i + 1 < n ? i + 1 : i)));
            gp_canvas_blend(canvas, px, py, colour, 0.5f + width / 2 - d);
        }
}

void gp_canvas_picture(gp_canvas *canvas, int64_t x, int64_t y, const uint8_t *rgb, uint32_t w, uint32_t h,
                       float radius)
{
    for (uint32_t j = 0; j < h; j++)
        for (uint32_t i = 0; i < w; i++) {
            const uint8_t *p = rgb + ((size_t)j * w + i) * 3;
            float d = box_distance((float)i + 0.5f, (float)j + 0.5f, 0, 0, (float)w, (float)h, radius);
            gp_canvas_blend(canvas, x + i, y + j, (gp_colour){p[0], p[1], p[2]}, 0.5f - d);
        }
}
