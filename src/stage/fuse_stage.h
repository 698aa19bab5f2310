/* SPDX-License-Identifier: MIT
 * Fuses the scores of several scorers into the scores of one scorer. */
#ifndef GP_STAGE_FUSE_STAGE_H
#define GP_STAGE_FUSE_STAGE_H

#include "base/status.h"
#include "pick/fuse.h"

/* Checks a text "NAME=NUMBER,...": the weights of scorers.  Error: USAGE. */
gp_status gp_fuse_check_weights(const char *weights, gp_error *err);

/* The images that are not in the Pareto set of their prompt: another candidate is at least as good for every scorer, and
 * better for one. */
typedef struct gp_dominated {
    int64_t *images; /* [count] ascending; owned (gp_mem_free) */
    size_t count;
} gp_dominated;

/* Computes the fused scores of all candidates and stores them in one transaction, in place of earlier scores by the same
 * members.  A catalog that is read-only stays as it is.  weights: NULL means 1, and 0 for
 * scorers of one quality (gp_scorer_is_special); a scorer with weight 0 is left out.  dominated: may be NULL.  *scorer: id of the fused scorer, owned (gp_mem_free); NULL: fewer than two scorers
 * have scores, or no prompt has two candidates, and nothing changed.  Errors: USAGE, NOT_FOUND (a weight names a scorer without scores), CATALOG. */
gp_status gp_stage_fuse(gp_catalog *cat, gp_fuse_form form, const char *weights, char **scorer, gp_dominated *dominated,
                        gp_error *err);

#endif
