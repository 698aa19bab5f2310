/* SPDX-License-Identifier: MIT
 * A scorer: a named function that gives an image, or an image and its prompt, a number.
 *
 *   gp_scorer       an opened scorer, bound to an encoder: what it needs, scale, direction, id
 *   gp_scorer_type  one line of the registry in scorer.c: the functions behind it (scorer_type.h); only `model` sees it
 *
 * "clip" is the CLIP score of a pair; "linear:FILE" is a linear head over the image embedding (linear_head.c), such as
 * the LAION aesthetic predictor.  Callers: `stage/score.c` opens a scorer by the name that the user gave, computes the
 * embeddings that it needs, and scores batches; the catalog stores id, scale, direction and parameters for everything
 * that reads scores later. */
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
    char id[512];        /* names everything that a score depends on */
    char name[100];      /* for people: "clip", or the name of the head's file */
    char scale[60];      /* how a score is computed, such as "100*max(cos,0)" */
    char parameters[33]; /* hash of the scorer's own parameters; "" if it has none */
    gp_scorer_needs needs;
    bool higher_better;
    uint32_t dims; /* of the embeddings; 0 if it needs none */
} gp_scorer;

/* Opens the scorer that the user named: NAME or NAME:FILE; NULL: "clip".  The encoder, called `model` in messages, must
 * have the towers and dimensions that the scorer needs.  USAGE: no such scorer, or a head for another encoder.
 * UNSUPPORTED: a tower is missing.  Owns: *out, gp_scorer_close. */
gp_status gp_scorer_open(const char *named, const gp_encoder *encoder, const char *model, gp_scorer **out,
                         gp_error *err);
void gp_scorer_close(gp_scorer *scorer);

/* Candidates to score.  Arrays that the scorer does not need may be NULL. */
typedef struct gp_scorer_batch {
    size_t n;
    const float *images, *texts; /* [n, dims], L2-normalised */
    const gp_pixels *pixels;     /* [n] */
} gp_scorer_batch;
/* scores [n].  Threads: any. */
void gp_scorer_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores);

/* Id of the scorer that is used with an encoder when none is named.  out [size]. */
void gp_scorer_default_id(const gp_encoder *encoder, char *out, size_t size);
/* The CLIP score alone: 100 * max(cosine, 0) of rows [n,d] -> scores [n]. */
void gp_scorer_clip_scores(const float *images, const float *texts, size_t n, size_t d, double *scores);

#endif
