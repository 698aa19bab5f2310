/* SPDX-License-Identifier: MIT
 * Embeddings of files, texts and planes without a catalog. */
#ifndef GP_ENCODE_EMBED_H
#define GP_ENCODE_EMBED_H

#include "model/encoder.h"

/* Files to embeddings without a catalog: paths [n] -> out [n,d], ok [n]. */
gp_status gp_embed_run_files(const gp_encoder *encoder, const char *const *paths, size_t n,
                             const gp_embed_options *options, float *out, bool *ok, gp_report *report, gp_error *err);
/* Texts to embeddings, packed by length: texts [n] -> out [n,d].  tokens, truncated [n] may be NULL. */
gp_status gp_embed_run_texts(const gp_encoder *encoder, const char *const *texts, size_t n, int threads, float *out,
                             uint32_t *tokens, bool *truncated, gp_error *err);
gp_status gp_embed_run_planes(const gp_encoder *encoder, const float *planes, size_t n, int threads, float *out,
                              gp_error *err);

#endif
