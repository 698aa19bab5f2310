/* SPDX-License-Identifier: MIT
 * Computes embeddings of images, texts and planes (preprocessed images) without a catalog. */
#ifndef GP_ENCODE_EMBED_H
#define GP_ENCODE_EMBED_H

#include "model/encoder.h"

/* A list of n sources. `at` writes source i to *out, so a long list needs no array of structs. */
typedef struct gp_embed_list {
    size_t n;
    gp_status (*at)(const void *user, size_t i, gp_source *out, gp_error *err);
    const void *user;
} gp_embed_list;
/* Encodes the n sources of `list`. Writes the embeddings to out [n,d], and the status of each source to statuses
 * [n]. */
gp_status gp_embed_run_sources(const gp_encoder *encoder, const gp_embed_list *list, const gp_embed_options *options,
                               float *out, gp_status *statuses, gp_report *report, gp_error *err);
/* Encodes texts [n] -> out [n,d].  tokens, truncated [n] may be NULL. */
gp_status gp_embed_run_texts(const gp_encoder *encoder, const char *const *texts, size_t n,
                             const gp_encode_options *options, float *out, uint32_t *tokens, bool *truncated,
                             gp_error *err);
/* Encodes preprocessed images: planes [n,3,s,s] -> out [n,d]. */
gp_status gp_embed_run_planes(const gp_encoder *encoder, const float *planes, size_t n,
                              const gp_encode_options *options, float *out, gp_error *err);

#endif
