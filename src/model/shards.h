/* SPDX-License-Identifier: MIT
 * Private to model: the checked tensors of one weight file.  safetensors.c and checkpoint.c read it, shards.c uses
 * it. */
#ifndef GP_MODEL_SHARDS_H
#define GP_MODEL_SHARDS_H

#include "base/file.h"
#include "base/str.h"
#include "model/safetensors.h"

typedef struct gp_shard {
    char *path; /* owned; gp_tensor.file borrows it */
    int file;   /* open for reading; -1: the bytes are in `memory` */
    const uint8_t *memory;
    gp_tensor *tensors; /* [count] sorted by name; names are unique */
    size_t count;
    char *names;     /* the memory of all names */
    uint8_t *copies; /* the memory of tensors that are not in order in the file */
    gp_str metadata; /* entries of __metadata__, one after another: key, NUL, text, NUL */
} gp_shard;

#define GP_SHARD_NONE ((gp_shard){.file = -1})
/* Checks the header and fills *out, which the caller frees with gp_shard_clear.  `path` is copied, the bytes are
 * borrowed. */
gp_status gp_shard_parse(const uint8_t *data, size_t size, const char *path, gp_shard *out, gp_error *err);
gp_status gp_shard_open(const char *path, gp_shard *out, gp_error *err);
void gp_shard_clear(gp_shard *shard);
/* Finds a tensor among tensors sorted by name; NULL if absent. */
const gp_tensor *gp_tensor_find(const gp_tensor *tensors, size_t count, const char *name);

#endif
