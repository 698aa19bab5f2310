/* SPDX-License-Identifier: MIT
 * Reads model.safetensors.index.json or pytorch_model.bin.index.json, which name the files with the weights. */
#ifndef GP_NET_HUB_INDEX_H
#define GP_NET_HUB_INDEX_H

#include "base/status.h"

/* Lists the names of the shards, each once, sorted.  FORMAT if a name is not a plain file name ending in
 * .safetensors or .bin. Owned: *names (gp_hub_shards_free). */
gp_status gp_hub_shards(const char *json, size_t size, char ***names, size_t *count, gp_error *err);
/* As gp_hub_shards, for an index file. */
gp_status gp_hub_shards_read(const char *path, char ***names, size_t *count, gp_error *err);
void gp_hub_shards_free(char **names, size_t count);

#endif
