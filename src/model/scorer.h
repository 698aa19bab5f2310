/* SPDX-License-Identifier: MIT
 * Scorers: named functions of an (image, prompt) pair over embeddings, with scale and direction.  A registry, so that
 * others (PickScore, aesthetic heads) come beside the CLIP score later. */
#ifndef GP_MODEL_SCORER_H
#define GP_MODEL_SCORER_H

#include "base/status.h"

typedef struct gp_scorer {
    const char *name;  /* "clip" */
    const char *scale; /* "100*max(cos,0)" */
    bool higher_better, needs_text;
    double (*score)(const float *image, const float *text, size_t d); /* both normalised */
} gp_scorer;
const gp_scorer *gp_scorer_find(const char *name); /* NULL: unknown */
const gp_scorer *gp_scorer_at(size_t i);           /* NULL after the last */

/* Id of a score: everything the number depends on, e.g. "clip/9f3c.../fp32/...".  out [size]. */
void gp_scorer_id(const gp_scorer *scorer, const char *weight_hash, const char *precision, const char *preprocess_id,
                  const char *text_rule, char *out, size_t size);

#endif
