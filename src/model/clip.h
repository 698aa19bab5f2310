/* SPDX-License-Identifier: MIT
 * Private to model: CLIP as an encoder type, with an image tower and a text tower that share one embedding space. */
#ifndef GP_MODEL_CLIP_H
#define GP_MODEL_CLIP_H

#include "model/encoder_type.h"

extern const gp_encoder_type gp_clip_type;

/* For tests: these functions work as gp_encoder_run_images and gp_encoder_run_texts, but return the pooled tokens
 * before the projection.  The pooled tokens have the width of the tower and are not normalised.  The worker must be a
 * worker of a CLIP encoder. */
gp_status gp_clip_pooled_images(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err);
gp_status gp_clip_pooled_texts(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n,
                               float *out, gp_error *err);

#endif
