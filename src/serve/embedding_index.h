/* SPDX-License-Identifier: MIT
 * Private to the serve room: the catalog's embeddings in memory, and the likeness of all of them to one direction.
 * Not thread-safe: the search holds its lock. */
#ifndef GP_SERVE_EMBEDDING_INDEX_H
#define GP_SERVE_EMBEDDING_INDEX_H

#include "base/hash.h"
#include "view/view.h"

typedef struct gp_embedding_index {
    char *scorer; /* key */
    size_t n, dims;
    gp_hash *hashes; /* [n] ascending */
    float *vectors;  /* [n, dims] */
    uint32_t *rows;  /* [n] of the view, UINT32_MAX: not in it */
} gp_embedding_index;

/* Read the embeddings of the scorer used last, for the rows of this view.  NOT_FOUND: there are none. */
gp_status gp_embedding_index_read(const char *catalog, const gp_view *view, gp_embedding_index *out, gp_error *err);
void gp_embedding_index_clear(gp_embedding_index *products);
/* An image's embedding, borrowed; NULL: it has none. */
const float *gp_embedding_index_find(const gp_embedding_index *products, const gp_hash *hash);
/* out [count of the view]: the product with direction [dims]; NaN where there is no embedding. */
void gp_embedding_index_of(const gp_embedding_index *products, const float *direction, float *out, size_t count);

#endif
