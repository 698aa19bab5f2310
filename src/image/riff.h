/* SPDX-License-Identifier: MIT
 * Iterates over the chunks of a RIFF file (WebP): tag, length, data, padded to an even size. Private to this module. */
#ifndef GP_IMAGE_RIFF_H
#define GP_IMAGE_RIFF_H

#include "image/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads the chunk at *at (start with 12). Returns false at the end of the data, or if the chunk is incomplete. */
static inline bool gp_riff_next(const uint8_t *bytes, size_t size, size_t *at, const uint8_t **tag,
                                const uint8_t **data, size_t *length)
{
    if (*at > size || size - *at < 8) return false;
    *tag = bytes + *at, *data = *tag + 8, *length = gp_le32(*tag + 4);
    size_t rest = size - *at - 8;
    if (*length > rest) return false;
    *at += 8 + *length + ((*length & 1) && rest > *length);
    return true;
}

#endif
