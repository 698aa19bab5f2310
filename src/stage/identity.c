/* SPDX-License-Identifier: MIT
 * The fast tests come first: the hash of all bytes, then that of the compressed pixels, then that of the decoded
 * pixels. */
#include "stage/identity.h"

#include "image/stream.h"

#include <string.h>

static bool same(const gp_hash *a, const gp_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Returns the effective EXIF orientation. 0 (missing) means the same as 1. */
static uint32_t shown(uint32_t orientation)
{
    return orientation >= 2 && orientation <= 8 ? orientation : 1;
}

static gp_status read_pixels(gp_identity *id, const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_error *err)
{
    gp_pixels pixels = {0};
    gp_error ignored = {0};
    if (!gp_image_is_plain(bytes, size)) return GP_OK;
    gp_status st = gp_image_decode_bytes(bytes, size, max_pixels, &pixels, &ignored);
    if (st == GP_OK) st = gp_pixels_hash(&pixels, &id->pixels, &ignored);
    gp_pixels_clear(&pixels);
    id->has_pixels = st == GP_OK;
    /* errors other than a lack of memory are ignored here, because `score` reports them */
    return st == GP_ERR_MEMORY ? gp_fail_as(err, st, &ignored) : GP_OK;
}

gp_status gp_identity_read(gp_identity *id, const gp_hash *hash, const gp_image_info *head, const uint8_t *bytes,
                           size_t size, uint64_t max_pixels, gp_error *err)
{
    const gp_cat_content *before = &id->before;
    GP_TRY(gp_image_stream(bytes, size, &id->stream, &id->has_stream, err));
    if (!before->image || same(&before->hash, hash)) return GP_OK;
    if (before->width != head->width || before->height != head->height) return GP_OK;
    if (shown(before->orientation) != shown(head->orientation)) return GP_OK;
    bool found = before->has_stream && id->has_stream && same(&before->stream, &id->stream);
    if (!found && before->has_pixels) {
        GP_TRY(read_pixels(id, bytes, size, max_pixels, err));
        found = id->has_pixels && same(&before->pixels, &id->pixels);
    }
    if (found) id->same_as = before->image;
    return GP_OK;
}
