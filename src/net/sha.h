/* SPDX-License-Identifier: MIT
 * The two hashes by which the hub names files: SHA-256 of the bytes (LFS files, 64 hex digits) and git's SHA-1 of
 * "blob <size>\0" and the bytes (small files, 40 hex digits).  Only sha.c includes libcrypto. */
#ifndef GP_NET_SHA_H
#define GP_NET_SHA_H

#include "base/status.h"

typedef enum gp_sha_kind { GP_SHA256, GP_SHA1_GIT } gp_sha_kind;

/* Writes the hash of a file as lower-case hex.  `progress` (may be NULL) is called repeatedly; false stops. */
gp_status gp_sha_file(const char *path, gp_sha_kind kind, bool (*progress)(void *user), void *user, char hex[65],
                      gp_error *err);

#endif
