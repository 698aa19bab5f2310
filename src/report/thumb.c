/* SPDX-License-Identifier: MIT
 * Makes images small and upright, if the file still has the content on record. */
#include "report/thumb.h"

#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/resize.h"
#include "report/original.h"
#include "report/sheet.h"
#include <math.h>
#include <string.h>

/* Computes the size of a cell's image, turned upright: the longest side is `thumb`. */
void gp_sheet_picture_size(const gp_sheet_cell *cell, uint32_t thumb, uint32_t *w, uint32_t *h)
{
    uint32_t cw = cell->width ? cell->width : 1, ch = cell->height ? cell->height : 1;
    if (cell->orientation >= 5 && cell->orientation <= 8) {
        uint32_t t = cw;
        cw = ch, ch = t;
    }
    double f = (double)thumb / (cw > ch ? cw : ch);
    double fw = nearbyint(cw * f), fh = nearbyint(ch * f);
    *w = fw < 1 ? 1 : (uint32_t)fw;
    *h = fh < 1 ? 1 : (uint32_t)fh;
}

/* Turns pixels by the EXIF orientation. in [h, w, 3]; out [w, h, 3] for the orientations 5 to 8, else [h, w, 3]. */
static void turn(const uint8_t *in, uint32_t w, uint32_t h, uint32_t orientation, uint8_t *out)
{
    bool swap = orientation >= 5;
    uint32_t ow = swap ? h : w, oh = swap ? w : h;
    for (uint32_t y = 0; y < oh; y++)
        for (uint32_t x = 0; x < ow; x++) {
            uint32_t sx = swap ? y : x, sy = swap ? x : y;
            if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) sx = w - 1 - sx;
            if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) sy = h - 1 - sy;
            memcpy(out + ((size_t)y * ow + x) * 3, in + ((size_t)sy * w + sx) * 3, 3);
        }
}

/* Large reductions take two steps: a fast box filter to twice the size, then Lanczos. */
static gp_status shrink(const gp_pixels *p, uint32_t w, uint32_t h, uint8_t *out, gp_error *err)
{
    if (p->width / 4 < w || p->height / 4 < h)
        return gp_resize_rgb(p->rgb, p->width, p->height, out, w, h, GP_FILTER_LANCZOS, err);
    gp_status st;
    uint8_t *twice = NULL;
    GP_TRY(gp_alloc((void **)&twice, (size_t)w * h, 12, "a thumbnail", err));
    GP_TRY_GOTO(gp_resize_rgb(p->rgb, p->width, p->height, twice, 2 * w, 2 * h, GP_FILTER_BOX, err));
    GP_TRY_GOTO(gp_resize_rgb(twice, 2 * w, 2 * h, out, w, h, GP_FILTER_LANCZOS, err));
out:
    gp_mem_free(twice);
    return st;
}

gp_status gp_thumb_read(const char *path, const gp_hash *hash, gp_pixels *out, gp_error *err)
{
    gp_bytes bytes = {0};
    GP_TRY(gp_original_read(path, hash, &bytes, err));
    gp_status st = gp_image_decode_bytes(bytes.data, bytes.size, GP_MAX_PIXELS, out, err);
    gp_bytes_clear(&bytes);
    return st;
}

gp_status gp_thumb_shape(const gp_pixels *pixels, uint32_t orientation, uint32_t w, uint32_t h, gp_pixels *out,
                         gp_error *err)
{
    uint8_t *small = NULL, *upright = NULL;
    uint32_t o = orientation;
    bool lies = o >= 5 && o <= 8;
    gp_status st;
    GP_TRY(gp_alloc((void **)&small, (size_t)w * h, 3, "a thumbnail", err));
    GP_TRY_GOTO(shrink(pixels, lies ? h : w, lies ? w : h, small, err));
    if (o >= 2 && o <= 8) {
        GP_TRY_GOTO(gp_alloc((void **)&upright, (size_t)w * h, 3, "a thumbnail", err));
        turn(small, lies ? h : w, lies ? w : h, o, upright);
        gp_mem_free(small);
        small = upright;
    }
    *out = (gp_pixels){.width = w, .height = h, .rgb = small};
    small = NULL;
out:
    gp_mem_free(small);
    return st;
}

void gp_thumb_fit(uint32_t width, uint32_t height, uint32_t orientation, uint32_t side, uint32_t *w, uint32_t *h)
{
    bool lies = orientation >= 5 && orientation <= 8;
    uint32_t pw = lies ? height : width, ph = lies ? width : height, longest = pw > ph ? pw : ph;
    *w = pw, *h = ph;
    if (longest <= side) return;
    double f = (double)side / longest, fw = nearbyint(pw * f), fh = nearbyint(ph * f);
    *w = fw < 1 ? 1 : (uint32_t)fw;
    *h = fh < 1 ? 1 : (uint32_t)fh;
}

gp_status gp_sheet_picture(const gp_sheet_cell *cell, uint32_t thumb, uint8_t **out, uint32_t *width, uint32_t *height,
                           gp_error *err)
{
    gp_pixels pixels = {0}, small = {0};
    uint32_t w, h;
    gp_sheet_picture_size(cell, thumb, &w, &h);
    GP_TRY(gp_thumb_read(cell->path, &cell->hash, &pixels, err));
    gp_status st = gp_thumb_shape(&pixels, cell->orientation, w, h, &small, err);
    gp_pixels_clear(&pixels);
    if (st != GP_OK) return st;
    *out = small.rgb, *width = w, *height = h;
    return GP_OK;
}
