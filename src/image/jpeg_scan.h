/* SPDX-License-Identifier: MIT
 * The markers of a JPEG file up to the first scan.  Private to the room. */
#ifndef GP_IMAGE_JPEG_SCAN_H
#define GP_IMAGE_JPEG_SCAN_H

#include "base/status.h"

typedef struct gp_jpeg_info {
    uint32_t width, height, orientation;
    int components; /* 1 gray, 3 colour, 4 CMYK or YCCK */
} gp_jpeg_info;

/* Errors: FORMAT, UNSUPPORTED (12 bits, odd channel counts). The size is not judged. */
gp_status gp_jpeg_scan(const uint8_t *bytes, size_t size, gp_jpeg_info *out, gp_error *err);

typedef struct gp_jpeg_segment {
    unsigned marker; /* second byte: 0xe1 = APP1 ... */
    const uint8_t *data;
    size_t length;
} gp_jpeg_segment;
/* The next segment from *at (start with 2); junk and fill bytes are passed over.  1: found, 0: the data ends,
 * -1: the data ends inside the segment, -2: not a marker.  Markers without data have length 0. */
int gp_jpeg_next(const uint8_t *bytes, size_t size, size_t *at, gp_jpeg_segment *out);

#endif
