/* SPDX-License-Identifier: MIT
 * An encoder: an opened model folder, which turns images and texts into embeddings.
 *
 *   gp_encoder         an opened model; read-only, shared by all threads
 *   gp_encoder_worker  the memory of one thread's forward pass
 *   gp_encoder_type    the functions of one architecture (encoder_type.h); private to model
 *
 * gp_encoder_open reads config.json, and chooses the type by the architecture named there.  CLIP (clip.c) is the only
 * type.  `encode` creates one worker for each thread and runs batches.
 *
 * Shapes: planes [n,3,s,s], embeddings [n,d]; gp_encoder_facts returns s and d. */
#ifndef GP_MODEL_ENCODER_H
#define GP_MODEL_ENCODER_H

#include "base/task.h"
#include "image/preprocess.h"
#include "text/tokenizer.h"

typedef struct gp_encoder gp_encoder;
typedef struct gp_encoder_worker gp_encoder_worker;

/* Opens a folder with config.json, weights, preprocessor_config.json (optional; the default uses the image size of the
 * model) and tokenizer (optional; only texts need it).  Error UNSUPPORTED: unknown architecture, named in the message.
 * The caller frees *out with gp_encoder_close.  After gp_encoder_open has returned, any number of threads may use the
 * encoder. */
gp_status gp_encoder_open(const char *folder, gp_precision precision, gp_engine engine, gp_encoder **out,
                          gp_error *err);
void gp_encoder_close(gp_encoder *encoder);

/* Fills in all facts except `name`.  Strings are borrowed. */
void gp_encoder_facts(const gp_encoder *encoder, gp_model_facts *facts);
const char *gp_encoder_folder(const gp_encoder *encoder);
/* The preprocessing of images; NULL if the encoder has no image tower. */
const gp_preprocess_config *gp_encoder_preprocess(const gp_encoder *encoder);
/* See gp_preprocess_set_fast.  Must be called right after gp_encoder_open. */
void gp_encoder_set_fast_decode(gp_encoder *encoder);
/* Chooses how texts longer than the context are encoded.  Must be called right after gp_encoder_open. */
void gp_encoder_set_long_prompt(gp_encoder *encoder, gp_long_prompt rule);
/* Sets the folder of the bundled heads, which scorers read (scorer.h).  The path is copied. */
gp_status gp_encoder_set_heads(gp_encoder *encoder, const char *folder, gp_error *err);
const char *gp_encoder_heads(const gp_encoder *encoder); /* NULL: not set */
gp_long_prompt gp_encoder_long_prompt(const gp_encoder *encoder);
const char *gp_encoder_text_rule(const gp_encoder *encoder); /* names the kind of tokenizer and the rule */
/* gp_encoder_tokenizer_kind returns the kind of tokenizer that the architecture needs. gp_encoder_tokenizer returns
 * the tokenizer of this folder; NULL if the folder has none. */
const gp_tokenizer_kind *gp_encoder_tokenizer_kind(const gp_encoder *encoder);
const gp_tokenizer *gp_encoder_tokenizer(const gp_encoder *encoder);
/* Returns how many of the ids the text tower reads, counted from the first id: 1 to `count`. */
size_t gp_encoder_tokens_used(const gp_encoder *encoder, const int32_t *ids, size_t count);

/* Creates a worker for at most `images` images and `tokens` text tokens at once.  Error USAGE: a tower is missing. */
gp_status gp_encoder_worker_new(const gp_encoder *encoder, size_t images, size_t tokens, gp_encoder_worker **out,
                                gp_error *err);
void gp_encoder_worker_free(gp_encoder_worker *worker);
/* After this call, gp_encoder_run_images and gp_encoder_run_texts fail with STOPPED soon after the task is stopped.
 * task: borrowed; may be NULL. */
void gp_encoder_worker_watch(gp_encoder_worker *worker, const gp_task *task);
/* Encodes planes [n,3,s,s] -> out [n,d], L2-normalised; n <= images.  Error FORMAT: some rows are not finite; the
 * other rows of `out` are valid. */
gp_status gp_encoder_run_images(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err);
/* Encodes texts without padding.  ids [sum of counts]: the ids of one text after another; counts [n]; sum of counts <=
 * tokens.  Only the first gp_encoder_tokens_used ids of a text are read, so the caller may leave out the other ids.
 * out [n,d], L2-normalised.  Error FORMAT as above. */
gp_status gp_encoder_run_texts(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n,
                               float *out, gp_error *err);

#endif
