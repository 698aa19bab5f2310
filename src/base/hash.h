/* SPDX-License-Identifier: MIT
 * XXH3-128 of bytes identifies content.  It does not protect against forgery; downloads use SHA-256 (net). */
#ifndef GP_BASE_HASH_H
#define GP_BASE_HASH_H

#include "base/status.h"

typedef struct gp_hash {
    uint8_t bytes[16];
} gp_hash; /* canonical (big-endian) order */

gp_hash gp_hash_of(const void *bytes, size_t size);
/* Computes a hash part by part. */
typedef struct gp_hasher gp_hasher;
gp_status gp_hasher_new(gp_hasher **out, gp_error *err);
void gp_hasher_add(gp_hasher *hasher, const void *bytes, size_t size);
gp_hash gp_hasher_end(gp_hasher *hasher); /* may be called again after more bytes */
void gp_hasher_free(gp_hasher *hasher);
/* Computes the hash of an open file from its beginning; *size: the number of its bytes.  `path` is for messages. */
gp_status gp_hash_file(int file, const char *path, gp_hash *hash, uint64_t *size, gp_error *err);
void gp_hash_hex(gp_hash hash, char hex[33]);
bool gp_hash_from_hex(const char *hex, gp_hash *out);

#endif
