/* SPDX-License-Identifier: MIT
 * Category labels that the user gives as words, and the label of a prompt.  A label is a name ("people"), or a name with
 * alternative words ("animals=cat|dog|bird"). */
#ifndef GP_PICK_LABEL_WORDS_H
#define GP_PICK_LABEL_WORDS_H

#include "base/status.h"

typedef struct gp_label_words {
    char *text;         /* owned: the memory of all words and names */
    const char **words; /* owned: [count] each word */
    const char **names; /* owned: [count] the label to which each word belongs */
    size_t count;
} gp_label_words;

/* Reads labels [count].  The caller frees *out with gp_label_words_clear, also after an error.  Errors: USAGE (a label
 * with an empty word), MEMORY. */
gp_status gp_label_words_read(const char *const *labels, size_t count, gp_label_words *out, gp_error *err);
void gp_label_words_clear(gp_label_words *labels);

/* Returns the label whose word comes first in the prompt.  Words match whole words, in any case and also in the plural.
 * If two words begin at the same position, the longer word decides.  Returns NULL if no word occurs or prompt is NULL.
 * The result is borrowed from `labels`. */
const char *gp_label_words_match(const gp_label_words *labels, const char *prompt);

#endif
