/* SPDX-License-Identifier: MIT
 * Makes images small and upright, if the file still has the content on record. */
#include "report/thumb.h"

#include "base/file.h"
#include "base/mem.h"
#include "image/image.h"
#include "image/resize.h"
#include "image/turn.h"
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
        gp_rgb_turn(small, lies ? h : w, lies ? w : h, o, upright);
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

bool gp_format_needs_converting(const char *format)
{
    return strcmp(format, "jxl") == 0 || strcmp(format, "tiff") == 0;
}

gp_status gp_shown_png(const uint8_t *bytes, size_t size, uint32_t orientation, gp_str *png, gp_error *err)
{
    gp_pixels pixels = {0};
    uint8_t *upright = NULL;
    gp_status st;
    const bool turns = orientation >= 2 && orientation <= 8, lies = orientation >= 5 && orientation <= 8;
    GP_TRY(gp_image_decode_bytes(bytes, size, GP_MAX_PIXELS, &pixels, err));
    if (turns) {
        GP_TRY_GOTO(gp_alloc((void **)&upright, (size_t)pixels.width * pixels.height, 3, "an image", err));
        gp_rgb_turn(pixels.rgb, pixels.width, pixels.height, orientation, upright);
    }
    st = gp_image_png_bytes(turns ? upright : pixels.rgb, lies ? pixels.height : pixels.width,
                            lies ? pixels.width : pixels.height, png, err);
out:
    gp_mem_free(upright);
    gp_pixels_clear(&pixels);
    return st;
}
