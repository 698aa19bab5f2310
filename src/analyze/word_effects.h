/* SPDX-License-Identifier: MIT
 * Private to analyze (and lent to stage): which words of prompts go with higher or lower scores. */
#ifndef GP_ANALYZE_WORD_EFFECTS_H
#define GP_ANALYZE_WORD_EFFECTS_H

#include "base/status.h"

typedef struct gp_word_effects {
    gp_word *words; /* [count] in order of their bytes */
    size_t count, prompts;
    char *spelling;   /* what their texts point into */
    uint32_t *column; /* [count] words in just the same prompts have the same number */
} gp_word_effects;

/* texts, scores [n]: images with their prompts; rows without either (NULL, NaN) are left out.  Words and two-word
 * phrases that at least min_support (2 or more) prompts have, and at least three have not.  The order of the rows and
 * the number of threads (0: all) change nothing.  Owns: *out, gp_an_word_effects_clear. */
gp_status gp_an_word_effects(const char *const *texts, const double *scores, size_t n, uint32_t min_support,
                             uint64_t seed, int threads, gp_word_effects *out, gp_error *err);
void gp_an_word_effects_clear(gp_word_effects *effects);

#endif
