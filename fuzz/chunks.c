/* SPDX-License-Identifier: MIT
 * Reads the metadata of any file: every text is valid UTF-8 and ends with a zero byte, and damage is never an
 * error.  Also hashes the file's compressed pixels. */
#include "base/str.h"
#include "image/chunks.h"
#include "image/image.h"
#include "image/stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_chunks chunks;
    gp_image_info head;
    if (gp_image_read_info(data, size, &head, NULL) == GP_OK && head.orientation > 8) abort();
    if (gp_image_read_chunks(data, size, &chunks, NULL) != GP_OK) abort();
    for (size_t i = 0; i < chunks.count; i++) {
        const gp_chunk *c = &chunks.items[i];
        if (!gp_utf8_valid(c->text, c->size) || c->text[c->size] != 0) abort();
        if (!gp_utf8_valid(c->key, strlen(c->key)) || !gp_chunks_find(&chunks, c->key)) abort();
    }
    gp_chunks_clear(&chunks);
    gp_hash stream;
    bool known;
    if (gp_image_stream(data, size, &stream, &known, NULL) != GP_OK) abort();
    (void)gp_image_is_plain(data, size);
    return 0;
}
