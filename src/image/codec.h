/* SPDX-License-Identifier: MIT
 * The formats that have their own table entry instead of a case in each function: BMP, GIF, TIFF, AVIF and JPEG XL. All
 * but BMP need a library that may have been absent when goldpan was built. Private to this module. */
#ifndef GP_IMAGE_CODEC_H
#define GP_IMAGE_CODEC_H

#include "base/hash.h"
#include "image/image.h"

/* Receives the metadata texts of a file. */
typedef struct gp_text_sink {
    void *user;
    /* Adds a text with a key of chunks.h. Returns false if no more texts can be added. */
    bool (*text)(void *user, const char *key, const uint8_t *bytes, size_t size);
    void (*exif)(void *user, const uint8_t *bytes, size_t size); /* adds the texts of an EXIF block */
} gp_text_sink;

typedef struct gp_codec {
    const char *name; /* "AVIF" */
    /* The functions are NULL if goldpan was built without the library of this format. */
    gp_status (*info)(const uint8_t *bytes, size_t size, gp_image_info *out, gp_error *err);
    gp_status (*decode)(const uint8_t *bytes, size_t size, uint64_t max_pixels, gp_pixels *out, gp_error *err);
    /* Hashes the data that determines the pixels. Returns false if this data is incomplete. */
    bool (*stream)(const uint8_t *bytes, size_t size, gp_hasher *hasher);
    bool (*plain)(const uint8_t *bytes, size_t size); /* as gp_image_is_plain */
    void (*texts)(const uint8_t *bytes, size_t size, const gp_text_sink *sink);
} gp_codec;

/* Returns the entry of a format, or NULL for the formats without an entry. */
const gp_codec *gp_codec_of(gp_format format);

extern const gp_codec gp_codec_bmp, gp_codec_gif, gp_codec_tiff, gp_codec_avif, gp_codec_jxl;

#endif
