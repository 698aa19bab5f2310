/* SPDX-License-Identifier: MIT
 * Decides whether a file with new bytes is still the image that its path held before. It is the same image if the
 * pixels are equal: then another program wrote a rating or a keyword into the file, or saved it again without loss.
 * Only files at the same path are compared. */
#ifndef GP_STAGE_IDENTITY_H
#define GP_STAGE_IDENTITY_H

#include "catalog/catalog.h"
#include "image/image.h"

typedef struct gp_identity {
    gp_cat_content before; /* the content that the catalog has recorded for the path; set by the caller */
    bool has_stream, has_pixels;
    gp_hash stream, pixels;
    int64_t same_as; /* before.image if the pixels are equal, else 0 */
} gp_identity;

/* Fills all fields except `before`, for a file whose bytes have this `hash`. Decodes the file only if its compressed
 * pixels differ from those of `before`, and if the catalog has the hash of the decoded pixels of `before`. Errors:
 * MEMORY. Threads: any. */
gp_status gp_identity_read(gp_identity *identity, const gp_hash *hash, const gp_image_info *head, const uint8_t *bytes,
                           size_t size, uint64_t max_pixels, gp_error *err);

#endif
