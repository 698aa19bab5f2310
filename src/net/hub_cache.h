/* SPDX-License-Identifier: MIT
 * Private to net: the hub's cache on disk.  Layout (of huggingface_hub, so that both programs share files):
 *
 *     CACHE/CACHEDIR.TAG
 *     CACHE/.locks/models--ORG--NAME/ETAG.lock     flock while ETAG is fetched
 *     CACHE/models--ORG--NAME/
 *         refs/REVISION                            40 hex digits: the commit that REVISION meant at the download
 *         blobs/ETAG                               the bytes; ETAG is their SHA-256 (LFS) or git SHA-1
 *         blobs/ETAG.incomplete                    goldpan's unfinished download, continued later
 *         snapshots/COMMIT/FILE                    -> ../../blobs/ETAG (or the file itself without symlinks)
 *         .no_exist/COMMIT/FILE                    empty: the hub has no such file
 *
 * Every name from the hub (commit, etag, shard) is checked here before it becomes part of a path. */
#ifndef GP_NET_HUB_CACHE_H
#define GP_NET_HUB_CACHE_H

#include "base/status.h"

/* Returns true if an environment variable is on (1, true, yes, on). */
bool gp_hub_env_on(const char *name);
/* Returns $HF_HOME, or its default.  Owned. */
gp_status gp_hub_home(char **out, gp_error *err);

bool gp_hub_commit_valid(const char *commit); /* 40 lower-case hex digits */
bool gp_hub_etag_valid(const char *etag);     /* 40 or 64 lower-case hex digits */
bool gp_hub_revision_valid(const char *revision);
bool gp_hub_file_valid(const char *file); /* one path component, plain characters */

/* Paths of one model in one cache. */
typedef struct gp_hub_repo {
    char *cache;  /* CACHE */
    char *folder; /* CACHE/models--ORG--NAME */
    char *locks;  /* CACHE/.locks/models--ORG--NAME */
} gp_hub_repo;
/* Sets the paths.  USAGE: the name is not a valid model name. */
gp_status gp_hub_repo_init(gp_hub_repo *repo, const char *name, gp_error *err);
void gp_hub_repo_clear(gp_hub_repo *repo);

/* Returns CACHE/models--ORG--NAME/part/a[/b], owned; NULL: out of memory.  b may be NULL. */
char *gp_hub_path(const gp_hub_repo *repo, const char *part, const char *a, const char *b);
/* Reads the commit of a revision in this cache.  *known is false if the cache has no such ref. */
gp_status gp_hub_ref_read(const gp_hub_repo *repo, const char *revision, char commit[41], bool *known, gp_error *err);
gp_status gp_hub_ref_write(const gp_hub_repo *repo, const char *revision, const char *commit, gp_error *err);

/* gp_hub_has returns true if the snapshot has the file; a broken link does not count. gp_hub_absent returns true if the
 * cache records that the hub lacks the file. */
bool gp_hub_has(const gp_hub_repo *repo, const char *commit, const char *file);
bool gp_hub_absent(const gp_hub_repo *repo, const char *commit, const char *file);
gp_status gp_hub_absent_note(const gp_hub_repo *repo, const char *commit, const char *file, gp_error *err);
#define GP_HUB_NAME 208
/* The names of weight files and of indexes (.json) of weight files, the preferred one first; each list ends with
 * NULL. */
extern const char *const gp_hub_weights[], *const gp_hub_open_clip_weights[];
/* Returns false if the snapshot's config.json is missing, or names no model type, as the config.json of timm. */
bool gp_hub_config_names_type(const gp_hub_repo *repo, const char *commit);
/* Returns true if the snapshot has a model in open_clip's layout only. */
bool gp_hub_is_open_clip(const gp_hub_repo *repo, const char *commit);
/* Returns true if the config or a weight file is missing from the snapshot, and writes the first missing name. */
bool gp_hub_missing(const gp_hub_repo *repo, const char *commit, char name[GP_HUB_NAME]);
/* Returns true if the snapshot has no tokenizer and the cache does not record that the hub has none. */
bool gp_hub_lacks_tokenizer(const gp_hub_repo *repo, const char *commit);
/* Returns true if the snapshot has all files that goldpan reads: config, weights (all shards), preprocessor and
 * tokenizer.  Files that the hub does not have may be missing. */
bool gp_hub_complete(const gp_hub_repo *repo, const char *commit);

/* Creates the snapshot's entry for a blob, as a link to the blob.  If links are not possible, copies the blob to the
 * entry or, with `fresh`, moves it there.  `fresh`: no other entry refers to the blob yet. */
gp_status gp_hub_link(const gp_hub_repo *repo, const char *commit, const char *file, const char *etag, bool fresh,
                      gp_error *err);

/* Creates the model's folders in the cache, and CACHEDIR.TAG. */
gp_status gp_hub_prepare(const gp_hub_repo *repo, const char *commit, gp_error *err);
/* Locks the etag's lock file with flock.  While the function waits, it calls `progress` ten times a second.  The caller
 * passes *lock to gp_hub_unlock. */
gp_status gp_hub_lock(const gp_hub_repo *repo, const char *etag, bool (*progress)(void *user), void *user, int *lock,
                      gp_error *err);
void gp_hub_unlock(int lock);

#endif
