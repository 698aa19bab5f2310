/* SPDX-License-Identifier: MIT
 * Chooses the prompts that get more images: those whose best image is likely to improve. */
#ifndef GP_PICK_ADAPTIVE_H
#define GP_PICK_ADAPTIVE_H

#include "base/status.h"

typedef struct gp_adaptive {
    double min_gain;      /* smallest expected gain for another image, in standard deviations within prompts */
    uint32_t least, most; /* images of a prompt: every prompt gets `least`; no prompt gets more than `most` */
} gp_adaptive;

/* Shape: values [prompts], each [counts[p]], the scores so far (NaN: unknown) -> wanted [prompts], the number of
 * further images of each prompt.  Prompts with the largest expected gain come first; the sum is at most `budget`.
 * Errors: MEMORY. */
gp_status gp_adaptive_choose(const gp_adaptive *a, const double *const *values, const uint32_t *counts, size_t prompts,
                             uint64_t budget, uint32_t *wanted, gp_error *err);

#endif
