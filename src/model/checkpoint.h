/* SPDX-License-Identifier: MIT
 * Private to model: the tensors of a PyTorch checkpoint (pytorch_model.bin, .pt, .pth), read without running anything. */
#ifndef GP_MODEL_CHECKPOINT_H
#define GP_MODEL_CHECKPOINT_H

#include "model/pickle.h"
#include "model/shards.h"

/* Returns true if the file's name and first bytes are those of a checkpoint.  first: its first 9 bytes, or fewer. */
bool gp_checkpoint_is(const char *path, const uint8_t *first, size_t size);
/* Opens a checkpoint as gp_shard_open does.  cut: a prefix "module." or "model." that all names have is removed. */
gp_status gp_checkpoint_open(const char *path, bool cut, gp_shard *out, gp_error *err);
gp_status gp_checkpoint_parse(const uint8_t *data, size_t size, const char *path, bool cut, gp_shard *out,
                              gp_error *err);

/* zip_members.c: the members of a zip file in which nothing is packed or encrypted. */
typedef struct gp_zip_member {
    const char *name;
    uint64_t offset, size; /* of the bytes */
} gp_zip_member;
typedef struct gp_zip_members {
    gp_zip_member *items; /* [count] sorted by name; names are unique */
    size_t count;
    uint8_t *directory; /* the directory of the zip file, which contains the names of `items` */
} gp_zip_members;
/* Reads and checks the directory of a zip file, and the header of each member.  source: the whole file.  The caller
 * calls gp_zip_members_clear, also after an error. */
gp_status gp_zip_members_read(gp_pickle_source *source, gp_zip_members *out, gp_error *err);
void gp_zip_members_clear(gp_zip_members *members);
const gp_zip_member *gp_zip_member_find(const gp_zip_members *members, const char *name);

#endif
