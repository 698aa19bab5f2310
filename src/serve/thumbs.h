/* SPDX-License-Identifier: MIT
 * Private to the serve room: thumbnails on the disk, below $XDG_CACHE_HOME/goldpan/thumbs, by content; shared by all
 * servers of a user.  Bounded: past the bound those go that were not looked at longest.  Any thread. */
#ifndef GP_SERVE_THUMBS_H
#define GP_SERVE_THUMBS_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_thumb_cache gp_thumb_cache;
gp_status gp_thumb_cache_open(uint64_t most_bytes, gp_thumb_cache **out, gp_error *err);
void gp_thumb_cache_close(gp_thumb_cache *shelf);
/* An open file of *size bytes, a whole JPEG; -1: there is none. */
int gp_thumb_cache_find(gp_thumb_cache *shelf, const gp_hash *hash, uint32_t side, uint64_t *size);
/* Keep the bytes.  A cache: what cannot be kept is not. */
void gp_thumb_cache_put(gp_thumb_cache *shelf, const gp_hash *hash, uint32_t side, const void *bytes, size_t size);

#endif
