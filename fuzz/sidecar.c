/* SPDX-License-Identifier: MIT
 * Text files in any encoding: the result is valid UTF-8, and UTF-8 text is unchanged. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "table/encoding.h"
#include "metadata/meta.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_bytes text = {(uint8_t *)gp_str_dup_n((const char *)data, size), size};
    gp_encoding encoding = GP_ENCODING_1252;
    gp_meta meta = {0};
    if (!text.data) return 0;
    if (gp_text_decode("fuzz.txt", &text, &encoding, NULL, NULL) != GP_OK) abort();
    if (text.data[text.size] != 0 || text.size > 3 * size) abort();
    if (!gp_utf8_valid((const char *)text.data, text.size)) abort();
    if (encoding == GP_ENCODING_UTF8 &&
        (text.size > size || memcmp(text.data, data + size - text.size, text.size) != 0))
        abort();
    if (gp_meta_a1111((const char *)text.data, strlen((const char *)text.data), &meta, NULL) != GP_OK) abort();
    gp_meta_clear(&meta);
    gp_bytes_clear(&text);
    return 0;
}
