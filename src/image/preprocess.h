/* SPDX-License-Identifier: MIT
 * Prepares pixels for the image tower as a preprocessor_config.json says: resize, centre crop, rescale, normalise.
 * Reference: transformers' CLIPImageProcessor with Pillow. */
#ifndef GP_IMAGE_PREPROCESS_H
#define GP_IMAGE_PREPROCESS_H

#include "base/json.h"
#include "base/status.h"
#include "image/resize.h"

typedef struct gp_preprocess_config {
    bool do_resize, do_center_crop, do_rescale, do_normalize;
    uint32_t shortest_edge; /* > 0: length of the shorter side after resizing; 0: resize to exactly resize_w x
                               resize_h */
    uint32_t resize_w, resize_h;
    uint32_t
        longest_edge; /* > 0: length of the longer side after resizing; the rest of the crop has the colour `fill` */
    uint8_t fill;
    bool even_crop; /* the crop's offset is rounded half to even, as in torchvision, and not down */
    gp_resample_filter filter;
    uint32_t crop_w, crop_h;
    double rescale;
    float mean[3], std[3];
    bool fast_decode;    /* decode large JPEGs at reduced size; set by gp_preprocess_set_fast */
    float table[3][256]; /* normalised value of each byte value, per channel */
    char id[160];        /* identifies the configuration: equal ids mean equal values */
} gp_preprocess_config;

/* Sets the values of CLIP with 224 x 224 pixels. */
void gp_preprocess_defaults(gp_preprocess_config *config);
/* Parses a preprocessor_config.json. In old files size is a number and absent do_* flags mean true. Errors: FORMAT,
 * UNSUPPORTED (the message names the field). */
gp_status gp_preprocess_parse(const char *json, size_t size, gp_preprocess_config *out, gp_error *err);
/* Reads `preprocess_cfg` of an open_clip_config.json.  object: may be NULL; side: the size if the object has none. */
gp_status gp_preprocess_open_clip(const gp_json *object, uint32_t side, gp_preprocess_config *out, gp_error *err);
/* Allows inexact but fast decoding: JPEGs much larger than the tower's input are decoded at reduced size. The id gets
 * the suffix "-fast". */
void gp_preprocess_set_fast(gp_preprocess_config *config);
/* Decodes like gp_image_decode_bytes, or at reduced size if fast_decode is set. */
gp_status gp_preprocess_decode(const gp_preprocess_config *config, const uint8_t *bytes, size_t size,
                               uint64_t max_pixels, gp_pixels *out, gp_error *err);
/* Computes the size that an image of w x h pixels has after resizing. */
void gp_preprocess_size(const gp_preprocess_config *config, uint32_t w, uint32_t h, uint32_t *out_w, uint32_t *out_h);
/* Resizes and crops: out [crop_h, crop_w, 3] bytes. */
gp_status gp_preprocess_crop(const gp_preprocess_config *config, const gp_pixels *pixels, uint8_t *out, gp_error *err);
/* Resizes, crops and normalises: planes [3, crop_h, crop_w]. */
gp_status gp_preprocess_planes(const gp_preprocess_config *config, const gp_pixels *pixels, float *planes,
                               gp_error *err);

#endif
