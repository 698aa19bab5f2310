/* SPDX-License-Identifier: MIT
 * Private to the serve module: the catalog's embeddings in memory, and the similarity of all of them to one vector. Not
 * thread-safe; search.c uses it under its lock. */
#ifndef GP_SERVE_EMBEDDING_INDEX_H
#define GP_SERVE_EMBEDDING_INDEX_H

#include "base/hash.h"
#include "view/view.h"

typedef struct gp_embedding_index {
    char *scorer; /* key of the scorer in the catalog */
    size_t n, dims;
    gp_hash *hashes; /* [n] ascending */
    float *vectors;  /* [n, dims] */
    uint32_t *rows;  /* [n] row in the view; UINT32_MAX: the view lacks the image */
} gp_embedding_index;

/* Reads the embeddings of the most recently used scorer, for the rows of this view.  NOT_FOUND: no image has an
 * embedding. */
gp_status gp_embedding_index_read(const char *catalog, const gp_view *view, gp_embedding_index *out, gp_error *err);
void gp_embedding_index_clear(gp_embedding_index *products);
/* Returns an image's embedding, borrowed; NULL: the image has no embedding. */
const float *gp_embedding_index_find(const gp_embedding_index *products, const gp_hash *hash);
/* Computes the dot product of each embedding and direction [dims]. Writes each product to out [count] at the image's
 * row of the view; count: rows of the view. NaN: the row has no embedding. */
void gp_embedding_index_of(const gp_embedding_index *products, const float *direction, float *out, size_t count);

#endif
