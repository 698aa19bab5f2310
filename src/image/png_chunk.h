/* SPDX-License-Identifier: MIT
 * Iterates over the chunks of a PNG file: length, tag, data, checksum. Private to this module. */
#ifndef GP_IMAGE_PNG_CHUNK_H
#define GP_IMAGE_PNG_CHUNK_H

#include "image/bytes.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct gp_png_chunk {
    const uint8_t *tag, *data; /* the tag is the 4 bytes before the data */
    size_t length;             /* bytes of data */
    bool whole;                /* the file holds the chunk's 4-byte checksum */
} gp_png_chunk;

/* Reads the chunk at *at (start with 8). Returns false at the end of the file, or if the data is incomplete. */
static inline bool gp_png_next(const uint8_t *bytes, size_t size, size_t *at, gp_png_chunk *out)
{
    if (*at > size || size - *at < 8) return false;
    const uint8_t *p = bytes + *at;
    size_t length = gp_be32(p), rest = size - *at - 8;
    if (length > rest) return false;
    *out = (gp_png_chunk){p + 4, p + 8, length, rest - length >= 4};
    *at = out->whole ? *at + 12 + length : size;
    return true;
}

#endif
