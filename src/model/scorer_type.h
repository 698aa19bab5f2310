/* SPDX-License-Identifier: MIT
 * Private to model: one kind of scorer, as a table of functions.
 * A new kind needs one gp_scorer_type and one line in the registry of scorer.c.  The struct of its scorer begins with
 * gp_scorer. */
#ifndef GP_MODEL_SCORER_TYPE_H
#define GP_MODEL_SCORER_TYPE_H

#include "model/scorer.h"

/* The arguments of opening a scorer. */
typedef struct gp_scorer_source {
    const char *argument; /* the part after "NAME:"; NULL: none was given */
    const gp_encoder *encoder;
    const char *model; /* name of the encoder's model, for messages and comparison */
    const char *heads; /* folder of the bundled heads; NULL: there is none */
    gp_model_facts facts;
} gp_scorer_source;

typedef struct gp_scorer_type {
    const char *name, *scale;
    const char *argument;           /* what follows "NAME:", for messages, such as "FILE"; NULL: nothing may follow */
    bool optional;                  /* the argument may be left out */
    const char *model;              /* hub name of the default model; NULL: the scorer works with any CLIP model */
    const char *licence, *looks_at; /* for gp_scorer_kind */
    const char *const *heads;       /* names of the bundled files of heads, ends with NULL; NULL: none */
    gp_scorer_needs needs;
    size_t size; /* size of the type's scorer struct; gp_scorer_open allocates it, filled with zeros */
    /* Reads the scorer's parameters and sets `parameters`.  The caller has set name, scale and direction to the values
     * of the type; `open` may change them.  NULL: the type has no parameters. */
    gp_status (*open)(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err);
    void (*clear)(gp_scorer *scorer); /* NULL: nothing to free */
    void (*run)(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores);
} gp_scorer_type;

extern const gp_scorer_type gp_linear_head_type, gp_aesthetic_v1_type, gp_aesthetic_v2_type; /* linear_head.c */
extern const gp_scorer_type gp_clip_iqa_type, gp_probe_type;                                 /* text_pair.c */

/* Writes the id of a scorer to out [size]: NAME/WEIGHT HASH[+PARAMETERS]/PRECISION/PREPROCESSING/TEXT RULE, without the
 * text rule if the scorer needs no text. */
void gp_scorer_make_id(const gp_scorer_type *type, const char *parameters, const gp_encoder *encoder, char *out,
                       size_t size);

#endif
