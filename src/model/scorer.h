/* SPDX-License-Identifier: MIT
 * A scorer: a named function that computes a score of an image, or of an image and its prompt.
 *
 *   gp_scorer       an opened scorer for one encoder: its inputs, scale, direction, id
 *   gp_scorer_type  the functions of a kind of scorer (scorer_type.h), an entry of the registry in scorer.c; private to
 *                   model
 *
 * "clip" is the CLIP score of an image and its prompt; "longclip" is the same for a model with more positions, and
 * "pickscore" scales the cosine by the model's logit_scale.  "linear:FILE", "aesthetic-v1" and "aesthetic-v2" are linear
 * heads over the image embedding (linear_head.c).  "clip-iqa" and "probe" compare the image with fixed texts
 * (text_pair.c).  The catalog stores id, scale, direction and parameters with the scores. */
#ifndef GP_MODEL_SCORER_H
#define GP_MODEL_SCORER_H

#include "base/status.h"
#include "model/encoder.h"

typedef enum gp_scorer_needs {
    GP_SCORER_NEEDS_IMAGE, /* the embedding of the image */
    GP_SCORER_NEEDS_PAIR,  /* the embeddings of the image and of its prompt */
    GP_SCORER_NEEDS_PIXELS /* the decoded image; no encoder */
} gp_scorer_needs;
const char *gp_scorer_needs_name(gp_scorer_needs needs); /* "image", "pair", "pixels": stored in catalogs */

struct gp_scorer_type;
typedef struct gp_scorer {
    const struct gp_scorer_type *type;
    char id[512];        /* identifies everything that a score depends on; see gp_scorer_make_id */
    char name[100];      /* for messages: "clip", or the prefix or file name of a head */
    char scale[60];      /* how a score is computed, such as "100*max(cos,0)" */
    char parameters[33]; /* hash of the scorer's own parameters; "" if it has none */
    gp_scorer_needs needs;
    bool higher_better;
    uint32_t dims; /* columns of the embeddings; 0 if the scorer needs no embeddings */
    double factor; /* pickscore: exp(logit_scale) */
} gp_scorer;

/* Opens the scorer NAME or NAME:ARGUMENT; NULL: "clip".  The encoder, called `model` in messages, must have the towers
 * and dimensions that the scorer needs.  Errors: USAGE: unknown scorer, or a head for a different encoder; UNSUPPORTED:
 * a tower is missing.  The caller frees *out with gp_scorer_close. */
gp_status gp_scorer_open(const char *named, const gp_encoder *encoder, const char *model, gp_scorer **out,
                         gp_error *err);
void gp_scorer_close(gp_scorer *scorer);

/* Several scorers of one encoder. */
typedef struct gp_scorer_list {
    size_t count;
    gp_scorer **items; /* [count] */
} gp_scorer_list;
/* Opens the scorers that `names` lists, separated by commas (NULL: "clip"), and one scorer "probe" for each of probes
 * [probe_count].  Scorers that are listed twice are opened once.  The caller closes *out with gp_scorer_list_close, also
 * after an error.  Errors: as gp_scorer_open; USAGE: an empty name. */
gp_status gp_scorer_list_open(const char *names, const char *const *probes, size_t probe_count,
                              const gp_encoder *encoder, const char *model, gp_scorer_list *out, gp_error *err);
void gp_scorer_list_close(gp_scorer_list *list);

/* The inputs of n scores.  Arrays that the scorer does not need may be NULL. */
typedef struct gp_scorer_batch {
    size_t n;
    const float *images, *texts; /* [n, dims], L2-normalised */
    const gp_pixels *pixels;     /* [n] */
} gp_scorer_batch;
/* scores [n].  Threads: any. */
void gp_scorer_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores);

/* Visits the scorers of the registry, in its order, until `visit` returns false. */
void gp_scorer_visit(bool (*visit)(void *user, const gp_scorer_kind *kind), void *user);
/* Returns whether a scorer, given by its id, measures one quality of an image, such as how well it shows a text of the
 * user: "clip-iqa" and "probe".  Such a scorer is no part of a fused score unless the user gives it a weight. */
bool gp_scorer_is_special(const char *id);
/* Returns the licence of a model by its hub name; NULL: unknown. */
const char *gp_scorer_model_licence(const char *model);

/* Writes the id of the default scorer of an encoder to out [size]. */
void gp_scorer_default_id(const gp_encoder *encoder, char *out, size_t size);
/* Computes CLIP scores: 100 * max(cosine, 0) of each pair of rows [n,d] -> scores [n]. */
void gp_scorer_clip_scores(const float *images, const float *texts, size_t n, size_t d, double *scores);

#endif
