/* SPDX-License-Identifier: MIT
 * An encoder: a model folder opened for computing, which turns images and texts into embeddings.
 *
 *   gp_encoder         what other modules hold: read-only once open, shared by all threads
 *   gp_encoder_worker  the memory of one thread's forward pass
 *   gp_encoder_type    one architecture: the functions behind both (encoder_type.h); only `model` sees it
 *
 * gp_encoder_open reads config.json and takes the type whose architecture it names; CLIP (clip.c) is the first entry of
 * the table.  Callers: `encode` makes one worker per thread and runs batches; `stage` and `serve` ask for facts, text
 * rule and preprocessing; `scorer.h` binds scores to an encoder; `api` keeps it in gp_model.
 *
 * Arrays in, arrays out.  Shapes: planes [n,3,s,s], ids by row, embeddings [n,d]; s, d and the other sizes are facts. */
#ifndef GP_MODEL_ENCODER_H
#define GP_MODEL_ENCODER_H

#include "base/status.h"
#include "image/preprocess.h"
#include "text/tokenizer.h"

typedef struct gp_encoder gp_encoder;
typedef struct gp_encoder_worker gp_encoder_worker;

/* Opens a folder: config.json, weights, preprocessor_config.json (optional: defaults from the model's image size),
 * tokenizer (optional: only texts need it).  UNSUPPORTED names an architecture that goldpan does not know.
 * Owns: *out, gp_encoder_close.  Threads: any after opening. */
gp_status gp_encoder_open(const char *folder, gp_precision precision, gp_engine engine, gp_encoder **out,
                          gp_error *err);
void gp_encoder_close(gp_encoder *encoder);

/* All facts but `name`.  Strings borrowed. */
void gp_encoder_facts(const gp_encoder *encoder, gp_model_facts *facts);
const char *gp_encoder_folder(const gp_encoder *encoder);
/* How images become planes; NULL if the encoder has no image tower. */
const gp_preprocess_config *gp_encoder_preprocess(const gp_encoder *encoder);
/* After opening, before anything else: see gp_preprocess_set_fast. */
void gp_encoder_set_fast_decode(gp_encoder *encoder);
/* The kind of tokenizer that the architecture needs, and the tokenizer of this folder: NULL if the folder has none. */
const gp_tokenizer_kind *gp_encoder_tokenizer_kind(const gp_encoder *encoder);
const gp_tokenizer *gp_encoder_tokenizer(const gp_encoder *encoder);
/* Number of the first ids that the text tower reads: 1 to `count`. */
size_t gp_encoder_tokens_used(const gp_encoder *encoder, const int32_t *ids, size_t count);

/* A worker for up to `images` images and `tokens` text tokens at once.  USAGE: a tower is missing. */
gp_status gp_encoder_worker_new(const gp_encoder *encoder, size_t images, size_t tokens, gp_encoder_worker **out,
                                gp_error *err);
void gp_encoder_worker_free(gp_encoder_worker *worker);
/* planes [n,3,s,s] -> out [n,d], L2-normalised; n <= images.  FORMAT: some rows are not finite; all rows are
 * written. */
gp_status gp_encoder_run_images(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err);
/* Texts packed one after the other: ids [sum of counts], counts [n]; sum of counts <= tokens.  Ids after those that
 * gp_encoder_tokens_used counts may be left out.  out [n,d], L2-normalised.  FORMAT as above. */
gp_status gp_encoder_run_texts(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n,
                               float *out, gp_error *err);

#endif
