/* SPDX-License-Identifier: MIT
 * Data from a generator.  The first byte selects the test: 'b' decodes base64 of an image; any other byte adds a
 * text to a PNG. */
#include "base/file.h"
#include "image/chunks.h"
#include "image/png_text.h"
#include "net/base64.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void base64(const uint8_t *data, size_t size)
{
    gp_bytes out = {0};
    gp_error err = {0};
    gp_status st = gp_base64_decode((const char *)data, size, &out, &err);
    check(st == GP_OK || (st == GP_ERR_FORMAT && *err.message && !out.data));
    if (st == GP_OK) check(out.size <= size / 4 * 3 + 3 && out.data[out.size] == 0);
    gp_bytes_clear(&out);
}

/* Adds a text chunk to a PNG. Checks that the reader finds the text, and that the signature and the last chunk are
 * unchanged. */
static void text(const uint8_t *data, size_t size)
{
    static const char words[] = "a cat\nSteps: 1, \xc3\xa9";
    gp_bytes out = {0};
    gp_chunks before = {0}, after = {0};
    gp_error err = {0};
    gp_status st = gp_png_add_text(&(gp_bytes){(uint8_t *)(uintptr_t)data, size}, "parameters", words, &out, &err);
    check(st == GP_OK || (st == GP_ERR_FORMAT && *err.message));
    if (st != GP_OK) return;
    check(out.size > size && memcmp(out.data, data, 8) == 0 &&
          memcmp(out.data + out.size - 12, data + size - 12, 12) == 0);
    if (gp_image_read_chunks(data, size, &before, NULL) == GP_OK && before.count < 4000) {
        bool found = false;
        check(gp_image_read_chunks(out.data, out.size, &after, NULL) == GP_OK);
        for (size_t i = 0; i < after.count; i++) found = found || strcmp(after.items[i].text, words) == 0;
        /* the reader stops if there is damaged metadata before the text */
        check(found || after.count == before.count);
    }
    gp_chunks_clear(&after);
    gp_chunks_clear(&before);
    gp_bytes_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    if (data[0] == 'b')
        base64(data + 1, size - 1);
    else
        text(data + 1, size - 1);
    return 0;
}
