/* SPDX-License-Identifier: MIT
 * Converts samples to 8-bit RGB as Pillow's Image.convert("RGB") does:
 *   gray of 1, 2, 4 bits            times 255, 85, 17
 *   16-bit gray                     min(value, 255), which is nearly white, as in Pillow
 *   16-bit colour, gray + alpha     high byte
 *   alpha                           dropped; the colour under it is kept
 *   palette                         looked up; the transparency of entries is ignored
 *   CMYK                            inverted and multiplied, without a profile */
#include "image/rgb.h"
#include "base/mem.h"

#include <string.h>

static void expand_gray(const uint8_t *row, uint8_t *rgb, uint32_t width, size_t step)
{
    for (size_t i = 0; i < width; i++, rgb += 3) {
        uint8_t v = row[i * step];
        rgb[0] = rgb[1] = rgb[2] = v;
    }
}

static void copy_colour(const uint8_t *row, uint8_t *rgb, uint32_t width, size_t step, size_t sample)
{
    for (size_t i = 0; i < width; i++, row += step, rgb += 3) {
        uint8_t r = row[0], g = row[sample], b = row[2 * sample];
        rgb[0] = r, rgb[1] = g, rgb[2] = b;
    }
}

/* Converts two pixels at a time with words of 8 bytes. Each word is written whole; the next one overwrites its last two
 * bytes. Pixel i moves from byte 4 i to byte 3 i, so a write never destroys pixels that are still to be read. */
static void drop_alpha(const uint8_t *row, uint8_t *rgb, uint32_t width)
{
    size_t i = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; i + 3 <= width; i += 2) {
        uint64_t v;
        memcpy(&v, row + 4 * i, 8);
        v = (v & 0xffffff) | (v >> 8 & UINT64_C(0xffffff000000));
        memcpy(rgb + 3 * i, &v, 8);
    }
#endif
    copy_colour(row + 4 * i, rgb + 3 * i, (uint32_t)(width - i), 4, 1);
}

static void gray16(const uint8_t *row, uint8_t *rgb, uint32_t width)
{
    for (size_t i = 0; i < width; i++, row += 2, rgb += 3) rgb[0] = rgb[1] = rgb[2] = row[0] ? 255 : row[1];
}

static void unpack_bits(const uint8_t *row, uint8_t *rgb, uint32_t width, int depth, const uint8_t *palette)
{
    unsigned mask = (1u << depth) - 1, scale = 255 / mask;
    for (size_t i = 0; i < width; i++, rgb += 3) {
        size_t bit = i * (size_t)depth;
        unsigned v = (unsigned)(row[bit / 8] >> (8 - depth - (int)(bit % 8))) & mask;
        if (palette)
            memcpy(rgb, palette + 3 * v, 3);
        else
            rgb[0] = rgb[1] = rgb[2] = (uint8_t)(v * scale);
    }
}

static void look_up_palette(const uint8_t *row, uint8_t *rgb, uint32_t width, const uint8_t *palette)
{
    for (size_t i = 0; i < width; i++, rgb += 3) {
        const uint8_t *p = palette + 3 * (size_t)row[i];
        rgb[0] = p[0], rgb[1] = p[1], rgb[2] = p[2];
    }
}

void gp_rgb_from_png(const uint8_t *row, uint8_t *rgb, uint32_t width, int color, int depth, const uint8_t *palette)
{
    size_t sample = depth == 16 ? 2 : 1;
    switch (color) {
    case 0:
        if (depth < 8)
            unpack_bits(row, rgb, width, depth, NULL);
        else if (depth == 8)
            expand_gray(row, rgb, width, 1);
        else
            gray16(row, rgb, width);
        break;
    case 2:
        if (depth == 8)
            memmove(rgb, row, 3 * (size_t)width);
        else
            copy_colour(row, rgb, width, 6, 2);
        break;
    case 3:
        if (depth < 8)
            unpack_bits(row, rgb, width, depth, palette);
        else
            look_up_palette(row, rgb, width, palette);
        break;
    case 4: expand_gray(row, rgb, width, 2 * sample); break;
    default:
        if (depth == 8)
            drop_alpha(row, rgb, width);
        else
            copy_colour(row, rgb, width, 8, 2);
        break;
    }
}

/* Pillow inverts the inks of every four-channel JPEG: C' = 255 - C, where C is the value in the file. Then
 * R = k - mul(C', k), where k = 255 - K' is the value of K in the file. mul(a, b) = ((t >> 8) + t) >> 8 with
 * t = a * b + 128; mul(a, b) is never more than b. */
void gp_rgb_from_inverted_cmyk(const uint8_t *cmyk, uint8_t *rgb, uint32_t width)
{
    for (size_t i = 0; i < width; i++, cmyk += 4, rgb += 3) {
        int k = cmyk[3];
        for (int c = 0; c < 3; c++) {
            int t = (255 - cmyk[c]) * k + 128;
            rgb[c] = (uint8_t)(k - (((t >> 8) + t) >> 8));
        }
    }
}

gp_status gp_image_check_size(uint64_t width, uint64_t height, uint64_t max_pixels, gp_error *err)
{
    if (!max_pixels) max_pixels = GP_MAX_PIXELS;
    if (width == 0 || height == 0)
        return gp_fail(err, GP_ERR_FORMAT, "the header says %llu x %llu pixels; neither may be 0",
                       (unsigned long long)width, (unsigned long long)height);
    if (width > max_pixels / height)
        return gp_fail(err, GP_ERR_LIMIT, "%llux%llu pixels is over the limit of %llu", (unsigned long long)width,
                       (unsigned long long)height, (unsigned long long)max_pixels);
    return GP_OK;
}

gp_status gp_image_alloc(uint32_t width, uint32_t height, gp_pixels *out, gp_error *err)
{
    size_t row;
    if (!gp_size_mul(width, 3, &row))
        return gp_fail(err, GP_ERR_LIMIT, "an image of %ux%u pixels does not fit in memory", width, height);
    void *memory;
    GP_TRY(gp_alloc(&memory, height, row, "pixels", err));
    *out = (gp_pixels){.width = width, .height = height, .rgb = memory};
    return GP_OK;
}
