/* SPDX-License-Identifier: MIT
 * Changes of an image file's metadata: the compressed pixels stay, a packet that is written is read again, and a copy
 * without metadata has no texts. */
#include "base/hash.h"
#include "image/chunks.h"
#include "image/image.h"
#include "image/packet.h"
#include "image/stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_pixels(const uint8_t *data, size_t size, const gp_str *out)
{
    gp_hash a, b;
    bool known = false, after = false;
    if (gp_image_stream(data, size, &a, &known, NULL) != GP_OK) abort();
    if (gp_image_stream((const uint8_t *)out->data, out->size, &b, &after, NULL) != GP_OK) abort();
    if (known && (!after || memcmp(&a, &b, sizeof a) != 0)) abort();
}

static void check_write(const uint8_t *data, size_t size)
{
    gp_str packet = GP_STR_INIT, out = GP_STR_INIT, back = GP_STR_INIT;
    gp_str_puts(&packet, "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>");
    if (gp_packet_write(data, size, &packet, &out, NULL) == GP_OK) {
        check_pixels(data, size, &out);
        if (gp_packet_read((const uint8_t *)out.data, out.size, &back, NULL) != GP_OK) abort();
        if (back.size != packet.size || memcmp(back.data, packet.data, back.size) != 0) abort();
    }
    gp_str_clear(&back);
    gp_str_clear(&out);
    gp_str_clear(&packet);
}

static void check_strip(const uint8_t *data, size_t size)
{
    gp_str out = GP_STR_INIT;
    gp_chunks chunks = {0};
    gp_image_info before, after;
    if (gp_image_strip(data, size, &out, NULL) == GP_OK) {
        check_pixels(data, size, &out);
        if (gp_image_read_chunks((const uint8_t *)out.data, out.size, &chunks, NULL) != GP_OK) abort();
        if (chunks.count || chunks.damaged) abort();
        gp_chunks_clear(&chunks);
        if (gp_image_read_info(data, size, &before, NULL) != GP_OK) abort();
        if (gp_image_read_info((const uint8_t *)out.data, out.size, &after, NULL) != GP_OK) abort();
        if (before.width != after.width || before.height != after.height) abort();
    }
    gp_str_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_str packet = GP_STR_INIT;
    (void)gp_packet_read(data, size, &packet, NULL);
    gp_str_clear(&packet);
    check_write(data, size);
    check_strip(data, size);
    return 0;
}
