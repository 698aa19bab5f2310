/* SPDX-License-Identifier: MIT
 * What encode.c lends to encode_texts.c. */
#ifndef GP_STAGE_ENCODE_PRIVATE_H
#define GP_STAGE_ENCODE_PRIVATE_H

#include "stage/encode.h"

gp_clip_worker *gp_encoder_worker(gp_encoder *encoder, int thread);
const gp_clip *gp_encoder_clip(const gp_encoder *encoder);

#endif
