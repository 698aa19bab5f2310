/* SPDX-License-Identifier: MIT
 * Private to the serve module: the thumbnail cache on disk, in $XDG_CACHE_HOME/goldpan/thumbs, by content hash.  All
 * servers of a user share the cache.  Beyond its size limit it deletes the least recently used files.  Thread-safe. */
#ifndef GP_SERVE_THUMBS_H
#define GP_SERVE_THUMBS_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_thumb_cache gp_thumb_cache;
gp_status gp_thumb_cache_open(uint64_t most_bytes, gp_thumb_cache **out, gp_error *err);
void gp_thumb_cache_close(gp_thumb_cache *cache);
/* Returns an open file of *size bytes, a complete JPEG; -1: not cached. */
int gp_thumb_cache_find(gp_thumb_cache *cache, const gp_hash *hash, uint32_t side, uint64_t *size);
/* Stores the bytes.  Ignores errors, because a thumbnail that is not cached is only made again. */
void gp_thumb_cache_put(gp_thumb_cache *cache, const gp_hash *hash, uint32_t side, const void *bytes, size_t size);

#endif
