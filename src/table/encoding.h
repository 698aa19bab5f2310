/* SPDX-License-Identifier: MIT
 * Converts text files of other programs to UTF-8.  A byte order mark decides.  Without a mark, the bytes decide:
 *
 *   valid UTF-8 without zero bytes: UTF-8
 *   zero bytes at the even or the odd offsets, for at least half of all characters or in text that is not readable as
 *     UTF-8: UTF-16
 *   not valid, but with more valid multi-byte characters than invalid bytes: UTF-8; invalid bytes become U+FFFD
 *   anything else: code page 1252, which Windows calls ANSI */
#ifndef GP_TABLE_ENCODING_H
#define GP_TABLE_ENCODING_H

#include "base/clock.h"
#include "base/file.h"

typedef enum gp_encoding {
    GP_ENCODING_UTF8,
    GP_ENCODING_UTF8_DAMAGED,
    GP_ENCODING_UTF16_LITTLE,
    GP_ENCODING_UTF16_BIG,
    GP_ENCODING_1252
} gp_encoding;

/* Converts `text` to UTF-8 without a byte order mark, followed by a zero byte. Zero bytes of the text stay. In a text
 * without a byte order mark, zero bytes may be taken for parts of UTF-16 characters. Memory: the bytes and, unless they
 * were UTF-8, the result, which is at most three times as long. `encoding` and `watch` may be NULL; `label` is used in
 * messages. Errors: MEMORY, STOPPED. */
gp_status gp_text_decode(const char *label, gp_bytes *text, gp_encoding *encoding, gp_watch *watch, gp_error *err);

#endif
