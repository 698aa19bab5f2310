/* SPDX-License-Identifier: MIT
 * Base64 (RFC 4648) as servers send images in JSON. */
#ifndef GP_NET_BASE64_H
#define GP_NET_BASE64_H

#include "base/file.h"

/* White space is skipped, a "data:...;base64," before it too; padding may be missing.  FORMAT: another character.
 * Owns: *out, gp_bytes_clear. */
gp_status gp_base64_decode(const char *text, size_t size, gp_bytes *out, gp_error *err);

#endif
