/* SPDX-License-Identifier: MIT
 * Converts raw text to the code points that are split into pieces: NFC, white space collapsed, lower case. */
#ifndef GP_TEXT_CLEAN_H
#define GP_TEXT_CLEAN_H

#include "base/status.h"

/* Cleans `text`, which may be any bytes; invalid UTF-8 becomes U+FFFD. The caller frees *points [*count] with
 * gp_mem_free. Errors: MEMORY, LIMIT. */
gp_status gp_text_clean(const char *text, size_t size, uint32_t **points, size_t *count, gp_error *err);

#endif
