/* SPDX-License-Identifier: MIT
 * The hub's cache on disk.  Private to net.  Layout (huggingface_hub's, so that both share files):
 *
 *     CACHE/CACHEDIR.TAG
 *     CACHE/.locks/models--ORG--NAME/ETAG.lock     flock while ETAG is fetched
 *     CACHE/models--ORG--NAME/
 *         refs/REVISION                            40 hex digits: the commit it stood for
 *         blobs/ETAG                               the bytes; ETAG = SHA-256 (LFS) or git SHA-1 of them
 *         blobs/ETAG.incomplete                    goldpan's unfinished download, continued later
 *         snapshots/COMMIT/FILE                    -> ../../blobs/ETAG (or the file itself without symlinks)
 *         .no_exist/COMMIT/FILE                    empty: the hub has no such file
 *
 * Everything the other side names (commit, etag, shard) is checked here before it becomes part of a path. */
#ifndef GP_NET_HUB_CACHE_H
#define GP_NET_HUB_CACHE_H

#include "base/status.h"

/* Is an environment variable on (1, true, yes, on)? */
bool gp_hub_env_on(const char *name);
/* $HF_HOME, or what it defaults to.  Owned. */
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
/* USAGE if the name is not one. */
gp_status gp_hub_repo_init(gp_hub_repo *repo, const char *name, gp_error *err);
void gp_hub_repo_clear(gp_hub_repo *repo);

/* CACHE/models--ORG--NAME/part/a[/b], owned; NULL when out of memory. b may be NULL. */
char *gp_hub_path(const gp_hub_repo *repo, const char *part, const char *a, const char *b);
/* The commit a revision stands for in this cache; *commit NULL if that is not known. */
gp_status gp_hub_ref_read(const gp_hub_repo *repo, const char *revision, char commit[41], bool *known, gp_error *err);
gp_status gp_hub_ref_write(const gp_hub_repo *repo, const char *revision, const char *commit, gp_error *err);

/* Is the file in the snapshot (a link that leads nowhere is not)? Is it on record that there is none? */
bool gp_hub_has(const gp_hub_repo *repo, const char *commit, const char *file);
bool gp_hub_absent(const gp_hub_repo *repo, const char *commit, const char *file);
gp_status gp_hub_absent_note(const gp_hub_repo *repo, const char *commit, const char *file, gp_error *err);
#define GP_HUB_NAME 208
/* Is config.json or a weight file missing from the snapshot? If so, `name` is set to the first missing file. */
bool gp_hub_missing(const gp_hub_repo *repo, const char *commit, char name[GP_HUB_NAME]);
/* Is it known to have no tokenizer: neither is it in the snapshot, nor is it on record that the hub has none? */
bool gp_hub_lacks_tokenizer(const gp_hub_repo *repo, const char *commit);
/* Does this snapshot hold everything that goldpan reads of the model: config, weights (all shards), preprocessor and
 * tokenizer? Files that the hub does not have may be missing. */
bool gp_hub_complete(const gp_hub_repo *repo, const char *commit);

/* Make the snapshot's entry for a blob.  `fresh`: nobody else refers to the blob yet (it may be moved). */
gp_status gp_hub_link(const gp_hub_repo *repo, const char *commit, const char *file, const char *etag, bool fresh,
                      gp_error *err);

/* Folders and CACHEDIR.TAG. */
gp_status gp_hub_prepare(const gp_hub_repo *repo, const char *commit, gp_error *err);
/* flock on the etag's lock file; waits, asking `progress` ten times a second.  *lock for gp_hub_unlock. */
gp_status gp_hub_lock(const gp_hub_repo *repo, const char *etag, bool (*progress)(void *user), void *user, int *lock,
                      gp_error *err);
void gp_hub_unlock(int lock);

#endif
