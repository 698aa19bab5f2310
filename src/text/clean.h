/* SPDX-License-Identifier: MIT
 * Raw text to the code points that the pattern sees: NFC, white space collapsed, lower case. */
#ifndef GP_TEXT_CLEAN_H
#define GP_TEXT_CLEAN_H

#include "base/status.h"

/* text: any bytes, invalid UTF-8 becomes U+FFFD.  Owns: *points [*count], gp_mem_free. Errors: MEMORY, LIMIT. */
gp_status gp_text_clean(const char *text, size_t size, uint32_t **points, size_t *count, gp_error *err);

#endif
