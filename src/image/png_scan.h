/* SPDX-License-Identifier: MIT
 * The chunks of a PNG file, walked once before anything is allocated: what both decoders need, and the verdict that
 * Pillow would give on damage outside the pixel data.  Private to the room. */
#ifndef GP_IMAGE_PNG_SCAN_H
#define GP_IMAGE_PNG_SCAN_H

#include "base/status.h"

typedef struct gp_png_info {
    uint32_t width, height;
    int depth, color; /* bits a sample; 0 gray, 2 RGB, 3 palette, 4 gray + alpha, 6 RGB + alpha */
    bool interlaced, animated;
    uint32_t orientation;     /* of eXIf; 0 unknown */
    uint8_t palette[256 * 3]; /* entries that the file lacks are black, as in Pillow */
    size_t idat, idat_end;    /* the run of IDAT chunks, headers and CRCs included, cut at the end of the file */
    size_t idat_cut;          /* header of the last of them if the file ends inside it, else idat_end */
    size_t idat_bytes;        /* of compressed data in it */
    size_t row_bytes;         /* unfiltered, without the filter byte; fits as width * 8 does */
} gp_png_info;

/* Finds width, height, kind and the position of the pixel data. `head_only` stops at the first IDAT. Errors: FORMAT,
 * LIMIT (more than max_pixels). */
gp_status gp_png_scan(const uint8_t *bytes, size_t size, uint64_t max_pixels, bool head_only, gp_png_info *out,
                      gp_error *err);

/* Next IDAT of the run: its data; *at (start with plan->idat) moves on; false after the last. */
bool gp_png_idat(const gp_png_info *plan, const uint8_t *bytes, size_t *at, const uint8_t **data, size_t *length);

#endif
