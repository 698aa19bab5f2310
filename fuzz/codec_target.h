/* SPDX-License-Identifier: MIT
 * For the targets of the formats in image/codec.h: reads the header, the pixels, the hash of the compressed pixels and
 * the texts of a file.  Every input gives an error, or all pixels of the size in the header. */
#ifndef GP_FUZZ_CODEC_TARGET_H
#define GP_FUZZ_CODEC_TARGET_H

#include "base/str.h"
#include "image/codec.h"

#include <stdlib.h>

static inline bool see_text(void *user, const char *key, const uint8_t *bytes, size_t size)
{
    volatile uint8_t seen = 0; /* reads every byte */
    for (size_t i = 0; i < size; i++) seen = bytes[i];
    (void)user, (void)key, (void)seen;
    return true;
}

static inline void see_exif(void *user, const uint8_t *bytes, size_t size)
{
    (void)see_text(user, "", bytes, size);
}

static inline void test_codec(const gp_codec *codec, const uint8_t *data, size_t size)
{
    gp_pixels pixels = GP_INIT(gp_pixels);
    gp_image_info head = {0};
    gp_error err;
    gp_hasher *hasher = NULL;
    const gp_text_sink sink = {NULL, see_text, see_exif};
    if (!codec->decode) return; /* goldpan was built without the format */
    gp_status a = codec->info(data, size, &head, &err);
    gp_status b = codec->decode(data, size, 1 << 16, &pixels, &err);
    if (b == GP_OK && (a != GP_OK || !pixels.rgb || pixels.width != head.width || pixels.height != head.height))
        abort();
    volatile uint8_t seen = 0; /* reads every pixel */
    for (size_t i = 0; i < 3 * (size_t)pixels.width * pixels.height; i++) seen = pixels.rgb[i];
    (void)seen;
    gp_pixels_clear(&pixels);
    if (gp_hasher_new(&hasher, NULL) == GP_OK) (void)codec->stream(data, size, hasher);
    gp_hasher_free(hasher);
    (void)codec->plain(data, size);
    if (codec->texts) codec->texts(data, size, &sink);
}

#endif
