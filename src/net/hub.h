/* SPDX-License-Identifier: MIT
 * The Hugging Face hub and its cache on disk, in the layout of huggingface_hub, so that both programs share files.
 * Environment: HF_ENDPOINT, HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, HF_TOKEN, HF_TOKEN_PATH,
 * HF_HUB_OFFLINE, HF_HUB_DISABLE_SYMLINKS, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT. */
#ifndef GP_NET_HUB_H
#define GP_NET_HUB_H

#include "base/status.h"

/* Returns the cache folder.  Owned (gp_mem_free). */
gp_status gp_hub_cache_folder(char **out, gp_error *err);
/* Returns true for a model name as on the hub ("org/name" or "name") that is safe as a path. */
bool gp_hub_name_valid(const char *name);
/* Finds the snapshot folder of a cached model. The caller frees *folder. revision: a branch, tag or commit; NULL: main
 * or, if the cache has no refs/main, its only complete snapshot. The NOT_FOUND message names what is missing, or the
 * existing snapshots. */
gp_status gp_hub_find(const char *name, const char *revision, char **folder, gp_error *err);
/* If the folder is a snapshot folder of a cache, writes the name of its model.  Otherwise returns false. */
bool gp_hub_name_of(const char *folder, char *name, size_t size);
/* Lists the cached models in order of name. */
gp_status gp_hub_list(bool (*visit)(void *, const gp_cached_model *), void *user, gp_error *err);
/* Downloads the files that goldpan needs (see gp_model_fetch).  *folder: owned. */
gp_status gp_hub_fetch(const char *name, const gp_fetch_options *options, char **folder, gp_error *err);

#endif
