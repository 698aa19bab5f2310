/* SPDX-License-Identifier: MIT
 * Checks the sizes that a caller states for its pixels, and converts the pixels to RGB unless they are RGB. */
#include "image/source_pixels.h"

#include "base/mem.h"
#include "image/rgb.h"

enum { GRAY = 0, RGB = 2, RGBA = 6 }; /* colour types as PNG numbers them */

/* *row: bytes of the pixels of a row. *stride: bytes from the start of one row to the start of the next. */
static gp_status check_layout(const gp_source *s, size_t *row, size_t *stride, gp_error *err)
{
    size_t need = 0;
    if (s->channels != 1 && s->channels != 3 && s->channels != 4)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "has %u channels; 1, 3 and 4 are supported", s->channels);
    bool fits = gp_size_mul(s->width, s->channels, row);
    *stride = s->stride ? s->stride : *row;
    if (fits && *stride < *row)
        return gp_fail(err, GP_ERR_USAGE, "has a stride of %zu bytes, but a row of %u pixels has %zu", *stride,
                       s->width, *row);
    fits = fits && gp_size_mul(s->height - 1, *stride, &need) && gp_size_add(need, *row, &need);
    if (!fits)
        return gp_fail(err, GP_ERR_USAGE, "%u x %u pixels with a stride of %zu bytes are more than memory can hold",
                       s->width, s->height, *stride);
    if (!s->data) return gp_fail(err, GP_ERR_USAGE, "has no pixels: data is NULL");
    if (s->data_size < need)
        return gp_fail(err, GP_ERR_USAGE, "%u x %u pixels need %zu bytes, but data_size is %zu", s->width, s->height,
                       need, s->data_size);
    return GP_OK;
}

gp_status gp_pixels_of_source(const gp_source *source, uint64_t max_pixels, gp_pixels *out, bool *copied, gp_error *err)
{
    const gp_source *s = source;
    size_t row = 0, stride = 0;
    *copied = false;
    if (s->width == 0 || s->height == 0)
        return gp_fail(err, GP_ERR_FORMAT, "has %u x %u pixels; neither may be 0", s->width, s->height);
    GP_TRY(gp_image_check_size(s->width, s->height, max_pixels, err));
    GP_TRY(check_layout(s, &row, &stride, err));
    if (s->channels == 3 && stride == row) {
        /* The cast removes const, which is safe because nothing writes to decoded pixels. */
        *out = (gp_pixels){.width = s->width, .height = s->height, .rgb = (uint8_t *)(uintptr_t)s->data};
        return GP_OK;
    }
    GP_TRY(gp_image_alloc(s->width, s->height, out, err));
    *copied = true;
    const int color = s->channels == 1 ? GRAY : s->channels == 3 ? RGB : RGBA;
    for (size_t y = 0; y < s->height; y++)
        gp_rgb_from_png(s->data + y * stride, out->rgb + y * 3 * s->width, s->width, color, 8, NULL);
    return GP_OK;
}
