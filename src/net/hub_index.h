/* SPDX-License-Identifier: MIT
 * model.safetensors.index.json: which files the weights are in. */
#ifndef GP_NET_HUB_INDEX_H
#define GP_NET_HUB_INDEX_H

#include "base/status.h"

/* Names of the shards, each once, sorted; every one is a plain file name ending in .safetensors, or FORMAT.
 * Owns: *names owned, gp_hub_shards_free. */
gp_status gp_hub_shards(const char *json, size_t size, char ***names, size_t *count, gp_error *err);
/* The same of a file. */
gp_status gp_hub_shards_read(const char *path, char ***names, size_t *count, gp_error *err);
void gp_hub_shards_free(char **names, size_t count);

#endif
