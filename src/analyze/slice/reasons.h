/* SPDX-License-Identifier: MIT
 * Private to analyze (and used by stage): functions that find the reasons of a slice: words that say how its rows
 * differ from the other rows.  The n-gram index counts the words of all prompts once, so that hundreds of slices can be
 * explained without reading the prompts again. */
#ifndef GP_ANALYZE_SLICE_REASONS_H
#define GP_ANALYZE_SLICE_REASONS_H

#include "base/task.h"

/* Log-odds ratio of a word with an informative Dirichlet prior (Monroe, Colaresi, Quinn 2008, equations 16, 19, 22).
 * Inside the slice, y_in of n_in words are this word; outside, y_out of n_out.  share: share of this word among all
 * words, inside and outside.  The prior adds alpha0 words to each side; a = alpha0 * share of them are this word.
 * z = delta / sqrt(1 / (y_in + a) + 1 / (y_out + a)). */
void gp_an_log_odds(double y_in, double n_in, double y_out, double n_out, double alpha0, double share, double *delta,
                    double *z);

/* N-gram index: the phrases of one to three words of all distinct texts.  A word is a run of letters and digits; ASCII
 * letters become lower case, and bytes of other UTF-8 characters count as letters.  Phrases do not cross punctuation,
 * and do not begin or end with a stop word like "of". */
typedef struct gp_ngram_index gp_ngram_index;
/* texts [n], NULL entries allowed; borrowed until gp_ngram_index_free.  task: may be NULL; gets a unit of work for each
 * row.  The caller frees *out with gp_ngram_index_free. */
gp_status gp_ngram_index_new(const char *const *texts, size_t n, gp_task *task, gp_ngram_index **out, gp_error *err);
void gp_ngram_index_free(gp_ngram_index *ngrams); /* NULL allowed */

/* The contents of an n-gram index, borrowed from it.  Texts are in byte order, phrases in order of their first use. */
typedef struct gp_ngram_uses {
    size_t texts, phrases;   /* distinct */
    const uint32_t *text_of; /* [n] text of each row; UINT32_MAX: no text */
    const size_t *first;     /* [texts + 1] text t has the phrases used[first[t]] .. used[first[t + 1] - 1] */
    const uint32_t *used;    /* phrase numbers; each phrase once for each text */
    const uint32_t *total;   /* [phrases] number of texts that have the phrase */
} gp_ngram_uses;
gp_ngram_uses gp_ngram_index_uses(const gp_ngram_index *ngrams);
/* Returns the first of the *length bytes of a phrase, which has no terminating zero.  *words: its number of words. */
const char *gp_ngram_index_phrase(const gp_ngram_index *ngrams, uint32_t number, size_t *length, unsigned *words);

/* A growing list of reasons. */
typedef struct gp_reason_list {
    gp_reason *items;
    size_t count, capacity;
} gp_reason_list;
/* text is copied. */
gp_status gp_an_reason_add(gp_reason_list *list, const char *kind, const char *text, double strength, double inside,
                           double outside, gp_error *err);

/* Adds at most `most` phrases that are typical of the texts of rows `inside`, the strongest first.  No phrase contains
 * another.  A text counts once on each side, however many rows have it. */
gp_status gp_an_keywords(const gp_ngram_index *ngrams, const bool *inside, size_t most, gp_reason_list *list,
                         gp_error *err);

/* Fits a classification tree (CART, Breiman et al. 1984; Gini impurity, depth 3) that separates rows inside from other
 * rows by numbers and categories.  importance [count]: importance of each feature.  The sum is 1, or 0 if no feature
 * separates the rows.  *rule: conditions of the leaf with the best F1 score, like "steps > 30 and sampler = Euler a";
 * NULL if there is none.  *share_in, *share_out: share of the rows inside and outside for which the rule holds.  task:
 * may be NULL.  The caller frees *rule with gp_mem_free. */
gp_status gp_an_rules(const gp_feature *features, size_t count, size_t n, const bool *inside, double *importance,
                      const gp_task *task, char **rule, double *share_in, double *share_out, gp_error *err);

/* Like gp_an_reasons, but uses the index `ngrams`.  NULL: builds an index from input->texts.  task: may be NULL. */
gp_status gp_an_reasons_by(const gp_reasons_input *input, const gp_ngram_index *ngrams, const bool *inside,
                           size_t max_each, gp_task *task, gp_reasons *out, gp_error *err);

#endif
