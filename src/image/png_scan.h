/* SPDX-License-Identifier: MIT
 * Walks over the chunks of a PNG file before anything is allocated. It collects what both decoders need and rejects
 * damaged files by Pillow's rules. Private to this module. */
#ifndef GP_IMAGE_PNG_SCAN_H
#define GP_IMAGE_PNG_SCAN_H

#include "base/status.h"

typedef struct gp_png_info {
    uint32_t width, height;
    int depth, color; /* depth: bits per sample; color: 0 gray, 2 RGB, 3 palette, 4 gray + alpha, 6 RGB + alpha */
    bool interlaced, animated;
    uint32_t orientation;     /* from eXIf; 0: unknown */
    uint8_t palette[256 * 3]; /* entries missing in the file are black, as in Pillow */
    size_t idat, idat_end;    /* start and end of the consecutive IDAT chunks, including headers and CRCs, limited to
                                 the file's size */
    size_t idat_cut;          /* position of the last IDAT's header if the file ends inside that chunk, else idat_end */
    size_t idat_bytes;        /* compressed bytes in all IDAT chunks */
    size_t row_bytes;         /* bytes of an unfiltered row without the filter byte */
} gp_png_info;

/* Reads the size, the sample format and the position of the pixel data. `header_only` stops at the first IDAT. Errors:
 * FORMAT, LIMIT (more than max_pixels). */
gp_status gp_png_scan(const uint8_t *bytes, size_t size, uint64_t max_pixels, bool header_only, gp_png_info *out,
                      gp_error *err);

/* Returns the data of the IDAT at *at (start with header->idat) and advances *at. Returns false after the last one. */
bool gp_png_idat(const gp_png_info *header, const uint8_t *bytes, size_t *at, const uint8_t **data, size_t *length);

#endif
