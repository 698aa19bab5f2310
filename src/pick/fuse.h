/* SPDX-License-Identifier: MIT
 * Combines the scores of several scorers within one prompt.
 *
 * Raw scores of two scorers have different scales, so they are never added.  Each score x becomes a z within its
 * prompt.  The z of scorer s has a deviation that is shrunk towards the scorer's pooled deviation, because a prompt has
 * few candidates:
 *
 *     z = (x - mean) / sqrt((S + 3 v_s) / (k - 1 + 3))
 *
 *     S    sum of squared differences from the mean, over the prompt's k scores of s
 *     v_s  pooled variance of s within prompts: the sum of S over all prompts, divided by the sum of k - 1
 *
 * The fused score is the weighted mean of a candidate's z.  A candidate without a score of s has the mean of the
 * others.  The rank form replaces z by the normal quantile of (r - 3/8) / (k + 1/4), where r is the rank (1: the
 * smallest; equal scores share their mean rank).  Fused scores of different prompts cannot be compared.
 *
 * Measured on TIFA's ratings by people (160 prompts with 5 images): the mean of z was the best rule, or within the error
 * of the best.  Sources: shrinkage towards a pooled variance as in Smyth 2004; rank form: Blom 1958. */
#ifndef GP_PICK_FUSE_H
#define GP_PICK_FUSE_H

#include "base/status.h"

#include <stdbool.h>

typedef enum gp_fuse_form { GP_FUSE_Z, GP_FUSE_RANK } gp_fuse_form;

/* The pooled variance of one scorer. Begin with {0}. */
typedef struct gp_fuse_pool {
    double squares;
    uint64_t freedom;
} gp_fuse_pool;

/* Adds the scores of one prompt: x[0], x[stride], .. x[(n - 1) * stride]. NaN: no score. */
void gp_fuse_pool_add(gp_fuse_pool *pool, const double *x, size_t stride, size_t n);
double gp_fuse_pool_variance(const gp_fuse_pool *pool); /* 0 if no prompt has two scores */

/* The scores of one prompt. */
typedef struct gp_fuse_prompt {
    size_t candidates, scorers;
    const double *scores;     /* [candidates, scorers]; NaN or infinite: no score */
    const double *weights;    /* [scorers] at least 0; NULL: all are 1.  A scorer with weight 0 is ignored */
    const bool *lower_better; /* [scorers]; NULL: higher is better for all scorers */
    const double *variances;  /* [scorers] pooled variances; used for GP_FUSE_Z alone */
    bool no_pareto;           /* leaves `pareto` false, because it takes candidates^2 * scorers comparisons */
} gp_fuse_prompt;

typedef struct gp_fused {
    double score;    /* NaN: the candidate has no score */
    uint32_t scores; /* number of scorers that have a score of the candidate */
    bool partial;    /* a scorer with a score in this prompt has none of this candidate */
    /* Share of the scorers that put the candidate first, from 0 to 1.  Candidates that share the first place divide it.
     * The shares of a prompt add up to 1. */
    double agree;
    bool pareto; /* no other candidate is at least as good for every scorer and better for one (gp_fuse) */
} gp_fused;

/* Writes out [candidates].  Candidate j dominates i if each scorer that has a score of i also has one of j, which is at
 * least as good, and for one scorer better.  `pareto` is true for candidates with a score that no other candidate
 * dominates.  Errors: MEMORY. */
gp_status gp_fuse(const gp_fuse_prompt *prompt, gp_fuse_form form, gp_fused *out, gp_error *err);

#endif
