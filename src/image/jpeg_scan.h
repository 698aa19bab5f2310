/* SPDX-License-Identifier: MIT
 * Reads the markers of a JPEG file up to the first scan. Private to this module. */
#ifndef GP_IMAGE_JPEG_SCAN_H
#define GP_IMAGE_JPEG_SCAN_H

#include "base/status.h"

typedef struct gp_jpeg_info {
    uint32_t width, height, orientation;
    int components; /* 1 gray, 3 colour, 4 CMYK or YCCK */
} gp_jpeg_info;

/* Reads the header without checking the size. Errors: FORMAT, UNSUPPORTED (12 bits per sample, or other than 1, 3 or 4
 * channels). */
gp_status gp_jpeg_scan(const uint8_t *bytes, size_t size, gp_jpeg_info *out, gp_error *err);

typedef struct gp_jpeg_segment {
    unsigned marker; /* the marker's second byte, such as 0xe1 for APP1 */
    const uint8_t *data;
    size_t length;
} gp_jpeg_segment;
/* Reads the segment at *at (start with 2) after skipping junk and fill bytes. Returns 1 if it found a segment, 0 at the
 * end of the data, -1 if the data ends inside the segment, -2 if the bytes are not a marker. Markers without data have
 * length 0. */
int gp_jpeg_next(const uint8_t *bytes, size_t size, size_t *at, gp_jpeg_segment *out);

#endif
