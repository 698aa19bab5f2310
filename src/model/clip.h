/* SPDX-License-Identifier: MIT
 * CLIP: a model folder in the Hugging Face layout opened into two towers, and the towers run.
 * Arrays in, arrays out: no SQL, no network, no printing.  Shapes: planes [n,3,s,s], ids by row, embeddings [n,d]. */
#ifndef GP_MODEL_CLIP_H
#define GP_MODEL_CLIP_H

#include "base/status.h"
#include "image/preprocess.h"
#include "text/tokenizer.h"

typedef struct gp_clip gp_clip;

/* Open a folder: config.json, weights, preprocessor_config.json (optional: defaults from image_size), tokenizer
 * (optional: only texts need it).  Owns: *out, gp_clip_close.  Threads: any after opening. */
gp_status gp_clip_open(const char *folder, gp_precision precision, gp_engine engine, gp_clip **out, gp_error *err);
void gp_clip_close(gp_clip *clip);
/* All facts but `name`. Strings borrowed. */
void gp_clip_facts(const gp_clip *clip, gp_model_facts *facts);
/* After opening, before anything else: see gp_preprocess_set_fast. */
void gp_clip_set_fast_decode(gp_clip *clip);
const gp_preprocess_config *gp_clip_preprocess(const gp_clip *clip);
const char *gp_clip_folder(const gp_clip *clip);
const gp_bpe *gp_clip_tokenizer(const gp_clip *clip); /* NULL if the folder has none */

/* A worker: the memory of one thread's forward pass, sized once for `images` pictures and `tokens` text tokens. */
typedef struct gp_clip_worker gp_clip_worker;
gp_status gp_clip_worker_new(const gp_clip *clip, size_t images, size_t tokens, gp_clip_worker **out, gp_error *err);
void gp_clip_worker_free(gp_clip_worker *worker);

/* planes [n,3,s,s] -> out [n,d], L2-normalised; n <= images.  FORMAT: some rows are not finite; all rows are written.
 */
gp_status gp_clip_run_images(gp_clip_worker *worker, const float *planes, size_t n, float *out, gp_error *err);
/* Texts packed one after the other: ids [sum of counts], counts [n], each up to and including its end token (only
 * tokens up to the pooled one matter: the mask is causal); sum of counts <= tokens.  out [n,d], L2-normalised. */
gp_status gp_clip_run_texts(gp_clip_worker *worker, const int32_t *ids, const size_t *counts, size_t n, float *out,
                            gp_error *err);
/* Index of the pooled position of a row of ids: eos_token_id 2 in the config: first largest id; else first equal to it,
 * 0 if none. */
size_t gp_clip_pooled_position(const gp_clip *clip, const int32_t *ids, size_t count);
/* Before the projection ("pooled") instead, for tests: as run_images / run_texts, width of the tower, not normalised.
 */
gp_status gp_clip_pooled_images(gp_clip_worker *worker, const float *planes, size_t n, float *out, gp_error *err);
gp_status gp_clip_pooled_texts(gp_clip_worker *worker, const int32_t *ids, const size_t *counts, size_t n, float *out,
                               gp_error *err);

#endif
