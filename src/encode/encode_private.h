/* SPDX-License-Identifier: MIT
 * Private to encode: members of gp_encode_pool that encode_texts.c uses. */
#ifndef GP_ENCODE_ENCODE_PRIVATE_H
#define GP_ENCODE_ENCODE_PRIVATE_H

#include "encode/encode.h"

gp_encoder_worker *gp_encode_pool_worker(gp_encode_pool *pool, int thread);
const gp_encoder *gp_encode_pool_encoder(const gp_encode_pool *pool);
gp_task *gp_encode_pool_task(const gp_encode_pool *pool); /* may be NULL */

#endif
