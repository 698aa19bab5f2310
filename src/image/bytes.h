/* SPDX-License-Identifier: MIT
 * Reads 16- and 32-bit integers in big- and little-endian order. Private to this module. */
#ifndef GP_IMAGE_BYTES_H
#define GP_IMAGE_BYTES_H

#include <stdint.h>

static inline uint16_t gp_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint16_t gp_le16(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}
static inline uint32_t gp_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint32_t gp_le32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

#endif
