/* SPDX-License-Identifier: MIT
 * Is a file with new bytes the image that its path held before?  It is if its pixels are the same: another program
 * wrote a rating or a keyword into it, or saved it again without loss.  Pixels are compared only where the path is the
 * same. */
#ifndef GP_STAGE_IDENTITY_H
#define GP_STAGE_IDENTITY_H

#include "catalog/catalog.h"
#include "image/image.h"

typedef struct gp_identity {
    gp_cat_content before; /* what the path held: set by the caller, from the catalog */
    bool has_stream, has_pixels;
    gp_hash stream, pixels;
    int64_t same_as; /* before.image if its pixels are these, else 0 */
} gp_identity;

/* Fill in all but `before` for a file whose bytes hash to `hash`.  The file is decoded only if its compressed pixels
 * differ from those before, which are known decoded.  Errors: MEMORY.  Threads: any. */
gp_status gp_identity_read(gp_identity *identity, const gp_hash *hash, const gp_image_head *head, const uint8_t *bytes,
                           size_t size, uint64_t max_pixels, gp_error *err);

#endif
