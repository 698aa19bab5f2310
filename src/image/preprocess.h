/* SPDX-License-Identifier: MIT
 * Pixels to what the image tower reads, as a preprocessor_config.json says: resize, centre crop, rescale, normalise.
 * Reference: transformers' CLIPImageProcessor, Pillow-backed. */
#ifndef GP_IMAGE_PREPROCESS_H
#define GP_IMAGE_PREPROCESS_H

#include "base/status.h"
#include "image/resize.h"

typedef struct gp_preprocess_config {
    bool do_resize, do_center_crop, do_rescale, do_normalize;
    uint32_t shortest_edge; /* >0: shortest edge to this; 0: exact resize_w x resize_h */
    uint32_t resize_w, resize_h;
    gp_resample_filter filter;
    uint32_t crop_w, crop_h;
    double rescale;
    float mean[3], std[3];
    bool fast_decode;    /* JPEG may be decoded at a part of its size: gp_preprocess_set_fast */
    float table[3][256]; /* value of each byte and channel */
    char id[160];        /* names all of the above */
} gp_preprocess_config;

/* Defaults: CLIP at 224. */
void gp_preprocess_defaults(gp_preprocess_config *config);
/* From the text of a preprocessor_config.json (old styles: size as a number, absent do_*: true). Errors: FORMAT,
 * UNSUPPORTED (names the field). */
gp_status gp_preprocess_parse(const char *json, size_t size, gp_preprocess_config *out, gp_error *err);
/* Trade exactness for speed: JPEGs much larger than what the tower reads are decoded small.  The id says so. */
void gp_preprocess_set_fast(gp_preprocess_config *config);
/* Decode as the configuration wants it: as gp_image_decode_bytes, or reduced if it is fast. */
gp_status gp_preprocess_decode(const gp_preprocess_config *config, const uint8_t *bytes, size_t size,
                               uint64_t max_pixels, gp_pixels *out, gp_error *err);
/* Size after resizing w x h. */
void gp_preprocess_size(const gp_preprocess_config *config, uint32_t w, uint32_t h, uint32_t *out_w, uint32_t *out_h);
/* Resize and crop: out [crop_h, crop_w, 3] bytes. */
gp_status gp_preprocess_crop(const gp_preprocess_config *config, const gp_pixels *pixels, uint8_t *out, gp_error *err);
/* All of it: planes [3, crop_h, crop_w]. */
gp_status gp_preprocess_planes(const gp_preprocess_config *config, const gp_pixels *pixels, float *planes,
                               gp_error *err);

#endif
