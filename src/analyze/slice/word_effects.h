/* SPDX-License-Identifier: MIT
 * Private to analyze (and used by stage): the words of prompts whose images score higher or lower. */
#ifndef GP_ANALYZE_SLICE_WORD_EFFECTS_H
#define GP_ANALYZE_SLICE_WORD_EFFECTS_H

#include "base/status.h"

typedef struct gp_word_effects {
    gp_word *words; /* [count] sorted by their bytes */
    size_t count, prompts;
    char *spelling;   /* memory of the words' texts */
    uint32_t *column; /* [count] words with the same number occur in exactly the same prompts */
} gp_word_effects;

/* Finds each word and each two-word phrase that at least min_support (2 or more) prompts contain and at least three
 * prompts do not contain. texts, scores [n]: prompts and scores of images; rows without a prompt (NULL) or score (NaN)
 * are left out. The result does not depend on the order of the rows or the number of threads (0: all). The caller frees
 * *out with gp_an_word_effects_clear. */
gp_status gp_an_word_effects(const char *const *texts, const double *scores, size_t n, uint32_t min_support,
                             uint64_t seed, int threads, gp_word_effects *out, gp_error *err);
void gp_an_word_effects_clear(gp_word_effects *effects);

#endif
