/* SPDX-License-Identifier: MIT
 * Text files of other programs into UTF-8.  A byte order mark decides.  Without one, the bytes decide:
 *
 *   valid UTF-8 without zero bytes               UTF-8
 *   zero bytes on the even or the odd places     UTF-16 (half of all characters at least, or not readable as UTF-8)
 *   invalid, but more letters of UTF-8 are whole than broken   UTF-8; what is broken becomes U+FFFD
 *   anything else                                code page 1252, which Windows calls ANSI */
#ifndef GP_INGEST_ENCODING_H
#define GP_INGEST_ENCODING_H

#include "base/clock.h"
#include "base/file.h"

typedef enum gp_encoding {
    GP_ENCODING_UTF8,
    GP_ENCODING_UTF8_DAMAGED,
    GP_ENCODING_UTF16_LITTLE,
    GP_ENCODING_UTF16_BIG,
    GP_ENCODING_1252
} gp_encoding;

/* Replaces `text` by the same text in UTF-8 without byte order mark, a zero byte behind it.  Zero bytes inside stay;
 * those that the text begins or ends with after a byte order mark too.  Memory: the bytes and, unless they were UTF-8,
 * the result, at most three times as long.  `encoding` and `watch` may be NULL; `label` stands in messages.
 * Errors: MEMORY, STOPPED. */
gp_status gp_text_decode(const char *label, gp_bytes *text, gp_encoding *encoding, gp_watch *watch, gp_error *err);

#endif
