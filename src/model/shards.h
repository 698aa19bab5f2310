/* SPDX-License-Identifier: MIT
 * Between safetensors.c (one file) and shards.c (a set of files): what a checked header says. */
#ifndef GP_MODEL_SHARDS_H
#define GP_MODEL_SHARDS_H

#include "base/file.h"
#include "base/str.h"
#include "model/safetensors.h"

typedef struct gp_shard {
    char *path; /* owned; gp_tensor.file borrows it */
    int file;   /* open for reading; -1: the bytes are in `memory` */
    const uint8_t *memory;
    gp_tensor *tensors; /* [count], in order of name, names unique */
    size_t count;
    char *names;     /* all names, one after the other */
    gp_str metadata; /* key NUL text NUL of each entry of __metadata__ */
} gp_shard;

#define GP_SHARD_NONE ((gp_shard){.file = -1})
/* Checks everything and fills *out (gp_shard_clear). `path` is copied, the bytes are borrowed. */
gp_status gp_shard_parse(const uint8_t *data, size_t size, const char *path, gp_shard *out, gp_error *err);
gp_status gp_shard_open(const char *path, gp_shard *out, gp_error *err);
void gp_shard_clear(gp_shard *shard);
/* NULL if absent. */
const gp_tensor *gp_tensor_find(const gp_tensor *tensors, size_t count, const char *name);

#endif
