/* SPDX-License-Identifier: MIT
 * Base64 (RFC 4648), as servers send images in JSON. */
#ifndef GP_NET_BASE64_H
#define GP_NET_BASE64_H

#include "base/file.h"

/* Decodes base64.  Skips white space and a leading "data:...;base64,"; padding may be missing.  FORMAT: any other
 * character.  Owned: *out (gp_bytes_clear). */
gp_status gp_base64_decode(const char *text, size_t size, gp_bytes *out, gp_error *err);

#endif
