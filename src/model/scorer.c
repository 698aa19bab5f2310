/* SPDX-License-Identifier: MIT
 * The registry of scorers: a table, one line each.  "clip" is the CLIP score, 100 * max(cosine, 0), as torchmetrics
 * computes it for one pair; the product is summed in double, so the order of the sum does not show. */
#include "model/scorer.h"

#include "kernel/kernel.h"

#include <stdio.h>
#include <string.h>

static double clip_score(const float *image, const float *text, size_t d)
{
    double cosine = gp_kernel_table()->dot(image, text, d);
    return cosine > 0 ? 100 * cosine : 0;
}

static const gp_scorer scorers[] = {
    {"clip", "100*max(cos,0)", true, true, clip_score},
};

const gp_scorer *gp_scorer_at(size_t i)
{
    return i < sizeof scorers / sizeof *scorers ? &scorers[i] : NULL;
}

const gp_scorer *gp_scorer_find(const char *name)
{
    for (size_t i = 0; i < sizeof scorers / sizeof *scorers; i++)
        if (strcmp(scorers[i].name, name) == 0) return &scorers[i];
    return NULL;
}

void gp_scorer_id(const gp_scorer *scorer, const char *weight_hash, const char *precision, const char *preprocess_id,
                  const char *text_rule, char *out, size_t size)
{
    snprintf(out, size, "%s/%s/%s/%s/%s", scorer->name, weight_hash, precision, preprocess_id, text_rule);
}
