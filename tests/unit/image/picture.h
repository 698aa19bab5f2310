/* SPDX-License-Identifier: MIT
 * Images that C and Python compute in the same way (byte i is splitmix64 of width * 1000 + height + i), and
 * checksums. */
#ifndef GP_TESTS_PICTURE_H
#define GP_TESTS_PICTURE_H

#include "support.h"
#include "base/rng.h"
#include <stdlib.h>
#include <zlib.h>

/* returns [h, w, 3], free with free() */
static inline uint8_t *noise_picture(uint32_t w, uint32_t h)
{
    size_t n = (size_t)w * h * 3;
    uint8_t *out = malloc(n);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)gp_rng_at((uint64_t)w * 1000 + h, i);
    return out;
}

static inline uint32_t crc_of(const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(0, bytes, size);
}

#endif
