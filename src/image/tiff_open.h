/* SPDX-License-Identifier: MIT
 * Opens a TIFF file in memory with libtiff, and reads the tags of its first page. Private to this module. */
#ifndef GP_IMAGE_TIFF_OPEN_H
#define GP_IMAGE_TIFF_OPEN_H

#include "image/codec.h"

#include <tiffio.h>

/* What libtiff reads from. The functions of libtiff get its address, so it must not move while the file is open. */
typedef struct gp_tiff_file {
    const uint8_t *bytes;
    size_t size, at; /* at: read position */
    char message[160];
    TIFF *tiff;
} gp_tiff_file;

typedef struct gp_tiff_info {
    uint32_t width, height; /* as stored, before turning by the orientation */
    uint32_t wide, high;    /* size of a strip or a tile; the last strip may have fewer rows */
    uint32_t orientation;   /* 1..8 */
    uint16_t bits, samples, photometric, format, compression;
    uint16_t extra;     /* meaning of the first extra sample: 0 unknown, 1 premultiplied alpha, 2 alpha */
    bool tiled, planes; /* planes: each sample has its own strips or tiles */
    bool alpha;         /* the pixels have alpha */
    bool as_rgba;       /* libtiff converts the colours: YCbCr except for JPEG in one plane */
} gp_tiff_info;

/* Opens the file; the caller closes file->tiff with TIFFClose. limit: most bytes that libtiff may allocate at once.
 * Errors: FORMAT, UNSUPPORTED, MEMORY. */
gp_status gp_tiff_open(const uint8_t *bytes, size_t size, size_t limit, gp_tiff_file *file, gp_error *err);
/* Reads and checks the tags of the first page. Errors: FORMAT, UNSUPPORTED. */
gp_status gp_tiff_read_info(gp_tiff_file *file, gp_tiff_info *out, gp_error *err);

#endif
