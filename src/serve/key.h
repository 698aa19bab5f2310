/* SPDX-License-Identifier: MIT
 * Private to the serve module: the key in the explorer's address.  Each catalog keeps its key in a file beside it that
 * only its owner can read, so that pages and bookmarks work after a restart on the same port. */
#ifndef GP_SERVE_KEY_H
#define GP_SERVE_KEY_H

#include "base/status.h"
#include "serve/guard.h"

/* Reads the key of the catalog at this path.  Makes a new key if there is none, if `renew` is true, or if other users
 * can read or could have written the file.  If `keep` is true and the folder can be written, stores the new key.
 * Otherwise the new key is valid only for this run of the server.  Errors: IO (the system has no random numbers),
 * MEMORY. */
gp_status gp_serve_key(const char *catalog_path, bool renew, bool keep, char token[GP_TOKEN + 1], gp_error *err);

#endif
