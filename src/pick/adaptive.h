/* SPDX-License-Identifier: MIT
 * Chooses the prompts that get more images: those whose best image is likely to improve. */
#ifndef GP_PICK_ADAPTIVE_H
#define GP_PICK_ADAPTIVE_H

#include "base/status.h"

typedef struct gp_adaptive {
    /* minimum expected gain: a prompt gets another image only if its expected gain is at least this, in standard
     * deviations of the scores within prompts */
    double min_gain;
    /* minimum and maximum number of images of a prompt, including the images that it has already */
    uint32_t least, most;
} gp_adaptive;

/* Decides how many more images to generate for each prompt.  values [prompts]: values[p] [counts[p]] has the scores of
 * prompt p so far; NaN: unknown.  wanted [prompts] receives the numbers.  A prompt with fewer than `least` images gets
 * the missing images.  Any other prompt gets 0 or 1.  Prompts with the largest expected gain come first; all prompts
 * together get at most `budget` images.  Errors: MEMORY. */
gp_status gp_adaptive_choose(const gp_adaptive *a, const double *const *values, const uint32_t *counts, size_t prompts,
                             uint64_t budget, uint32_t *wanted, gp_error *err);

#endif
