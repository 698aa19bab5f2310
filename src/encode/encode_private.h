/* SPDX-License-Identifier: MIT
 * What encode.c lends to encode_texts.c. */
#ifndef GP_ENCODE_ENCODE_PRIVATE_H
#define GP_ENCODE_ENCODE_PRIVATE_H

#include "encode/encode.h"

gp_clip_worker *gp_encode_pool_worker(gp_encode_pool *encoder, int thread);
const gp_clip *gp_encode_pool_clip(const gp_encode_pool *encoder);

#endif
