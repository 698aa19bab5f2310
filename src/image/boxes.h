/* SPDX-License-Identifier: MIT
 * Iterates over the boxes of an ISO base media file (AVIF) or of a JPEG XL container. Private to this module. */
#ifndef GP_IMAGE_BOXES_H
#define GP_IMAGE_BOXES_H

#include "image/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct gp_box {
    const uint8_t *type, *data; /* type: 4 characters; data: [size] */
    size_t size;
} gp_box;

/* Reads the box at *at. Returns false at the end of the data, or if the box is incomplete. A box of size 0 extends to
 * the end of the data. */
static inline bool gp_box_next(const uint8_t *bytes, size_t size, size_t *at, gp_box *out)
{
    if (*at > size || size - *at < 8) return false;
    const uint8_t *p = bytes + *at;
    const size_t rest = size - *at;
    uint64_t length = gp_be32(p), head = 8;
    if (length == 1) {
        if (rest < 16) return false;
        length = (uint64_t)gp_be32(p + 8) << 32 | gp_be32(p + 12), head = 16;
    } else if (length == 0) {
        length = rest;
    }
    if (length < head || length > rest) return false;
    *out = (gp_box){p + 4, p + head, (size_t)(length - head)};
    *at += (size_t)length;
    return true;
}

static inline bool gp_box_is(const gp_box *box, const char *type)
{
    return memcmp(box->type, type, 4) == 0;
}

/* Finds the first box of this type. */
static inline bool gp_box_find(const uint8_t *bytes, size_t size, const char *type, gp_box *out)
{
    for (size_t at = 0; gp_box_next(bytes, size, &at, out);)
        if (gp_box_is(out, type)) return true;
    return false;
}

#endif
