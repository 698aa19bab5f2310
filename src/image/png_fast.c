/* SPDX-License-Identifier: MIT
 * Fast decoder for common PNG files: 8 bits per sample, not interlaced, undamaged. It inflates all IDAT data in one
 * call and undoes the filters in place. It returns UNSUPPORTED for all other files, and png_full.c decodes these. Both
 * decoders give the same pixels.
 *
 * One block of max(3 w, r) h + h bytes holds the filtered rows and the RGB rows; r is the size of an unfiltered row.
 * The h filtered rows of 1 + r bytes fill the end of the block, and the RGB rows of 3 w bytes grow from its start. Row
 * y is converted to RGB only when row y + 1 no longer needs it as `prior`. Its RGB ends at 3 w (y + 1), which is at or
 * before the start of filtered row y + 1, both for r >= 3 w and for r < 3 w. If the samples are RGB already, the filter
 * writes the row directly to its final place.
 *
 * png_scan.c checks sizes before anything is allocated, and the CRCs of all chunks up to the last IDAT. The inflated
 * size must equal the size of the rows, so the output cannot overflow. libdeflate checks the Adler-32 checksum. */
#include "base/mem.h"
#include "image/image.h"
#include "image/png_scan.h"
#include "image/rgb.h"
#include "kernel/kernel.h"

#include <assert.h>
#include <libdeflate.h>
#include <string.h>

static gp_status needs_full_decoder(gp_error *err)
{
    return gp_fail(err, GP_ERR_UNSUPPORTED, "this PNG needs the full decoder");
}

/* Sets *data [*size] to the compressed data of all IDAT chunks in one piece. If the file has one IDAT chunk, *data
 * points into the file. If it has several, *data is a copy, which the caller frees through *owned. */
static gp_status join_idat(const gp_png_info *header, const uint8_t *bytes, const uint8_t **data, size_t *size,
                           void **owned, gp_error *err)
{
    size_t at = header->idat, used = 0, length;
    const uint8_t *part;
    if (!gp_png_idat(header, bytes, &at, data, size)) return needs_full_decoder(err);
    if (*size == header->idat_bytes) return GP_OK;
    GP_TRY(gp_alloc(owned, header->idat_bytes, 1, "PNG data", err));
    for (at = header->idat; gp_png_idat(header, bytes, &at, &part, &length); used += length)
        memcpy((uint8_t *)*owned + used, part, length);
    assert(used == header->idat_bytes);
    *data = *owned, *size = used;
    return GP_OK;
}

static gp_status inflate_all(const uint8_t *data, size_t size, uint8_t *raw, size_t raw_size, gp_error *err)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d) return gp_fail_memory(err, "inflating");
    enum libdeflate_result rc = libdeflate_zlib_decompress(d, data, size, raw, raw_size, NULL);
    libdeflate_free_decompressor(d);
    return rc == LIBDEFLATE_SUCCESS ? GP_OK : needs_full_decoder(err);
}

/* Converts the filtered rows raw [h, 1 + r] at the end of `block` to RGB [h, w, 3] at the start of `block`. above [r]:
 * a row of zeros, which the filters of the first row use as the row above it. */
static gp_status convert_rows(const gp_png_info *header, uint8_t *block, uint8_t *raw, const uint8_t *above,
                              gp_error *err)
{
    static const uint8_t bpp[7] = {1, 0, 3, 1, 2, 0, 4};
    const gp_kernels *kernels = gp_kernel_table();
    const size_t r = header->row_bytes;
    /* RGB rows are unfiltered directly to their final place, so `prior` points to the final place of the row above */
    const bool is_rgb = header->color == 2;
    const uint8_t *prior = above;
    uint8_t *rgb = block;
    for (uint32_t y = 0; y < header->height; y++) {
        uint8_t *row = raw + (size_t)y * (r + 1), *out = is_rgb ? rgb : row + 1;
        if (row[0] > 4) return needs_full_decoder(err);
        kernels->unfilter(row + 1, out, prior, r, bpp[header->color], row[0]);
        if (!is_rgb && y > 0) gp_rgb_from_png(prior, rgb, header->width, header->color, 8, header->palette);
        if (is_rgb || y > 0) rgb += 3 * (size_t)header->width;
        prior = out;
    }
    if (!is_rgb) gp_rgb_from_png(prior, rgb, header->width, header->color, 8, header->palette);
    return GP_OK;
}

static gp_status decode(const gp_png_info *header, const uint8_t *bytes, gp_pixels *out, gp_error *err)
{
    size_t r = header->row_bytes, h = header->height, w3 = 3 * (size_t)header->width, each, size, data_size;
    if (!gp_size_add(w3 > r ? w3 : r, 1, &each) || !gp_size_mul(each, h, &size))
        return gp_fail(err, GP_ERR_LIMIT, "an image of %ux%u pixels does not fit in memory", header->width,
                       header->height);
    const uint8_t *data;
    void *owned = NULL, *block = NULL, *above = NULL;
    gp_status st;
    GP_TRY_GOTO(join_idat(header, bytes, &data, &data_size, &owned, err));
    GP_TRY_GOTO(gp_alloc(&block, size, 1, "pixels", err));
    GP_TRY_GOTO(inflate_all(data, data_size, (uint8_t *)block + (size - h * (r + 1)), h * (r + 1), err));
    above = gp_mem_zero(r, 1);
    if (!above) GP_TRY_GOTO(gp_fail_memory(err, "a row of pixels"));
    GP_TRY_GOTO(convert_rows(header, block, (uint8_t *)block + (size - h * (r + 1)), above, err));
    void *cut = gp_mem_resize(block, h * w3, 1);
    *out = (gp_pixels){.width = header->width, .height = header->height, .rgb = cut ? cut : block};
    block = NULL;
out:
    gp_mem_free(above);
    gp_mem_free(block);
    gp_mem_free(owned);
    return st;
}

gp_status gp_image_png_fast(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    gp_png_info header;
    GP_TRY(gp_png_scan(bytes, size, max_pixels, false, &header, err));
    if (header.depth != 8 || header.interlaced) return needs_full_decoder(err);
    return decode(&header, bytes, out, err);
}
