/* SPDX-License-Identifier: MIT
 * Private to analyze (and lent to stage): the words of many prompts counted once, so that hundreds of slices can be
 * explained without reading them again; the parts of reasons.c. */
#ifndef GP_ANALYZE_SLICE_REASONS_H
#define GP_ANALYZE_SLICE_REASONS_H

#include "base/status.h"

/* Log-odds ratio of a word with an informative Dirichlet prior (Monroe, Colaresi, Quinn 2008, equations 16, 19, 22):
 * y of n words inside, the same outside; the prior is worth alpha0 words spread like the background (share of the word
 * in both together).  z = delta / sqrt(1 / (y_in + a) + 1 / (y_out + a)). */
void gp_an_log_odds(double y_in, double n_in, double y_out, double n_out, double alpha0, double share, double *delta,
                    double *z);

/* Phrases of one to three words of distinct texts.  Words are runs of letters and digits, ASCII in lower case (bytes of
 * UTF-8 sequences are letters); phrases do not run over punctuation, nor begin or end with a word like "of". */
typedef struct gp_ngram_index gp_ngram_index;
/* texts [n], NULL entries allowed; borrowed until gp_ngram_index_free.  Owns: *out. */
gp_status gp_ngram_index_new(const char *const *texts, size_t n, gp_ngram_index **out, gp_error *err);
void gp_ngram_index_free(gp_ngram_index *ngrams); /* NULL allowed */

/* What an index holds, borrowed from it: texts in order of their bytes, phrases in order of first use. */
typedef struct gp_ngram_uses {
    size_t texts, phrases;   /* distinct */
    const uint32_t *text_of; /* [n] text of a row, UINT32_MAX: none */
    const size_t *first;     /* [texts + 1] text t has the phrases used[first[t]] .. */
    const uint32_t *used;    /* each once a text */
    const uint32_t *total;   /* [phrases] texts that have it */
} gp_ngram_uses;
gp_ngram_uses gp_ngram_index_uses(const gp_ngram_index *ngrams);
/* A phrase's spelling [*length], not ended by a zero, and how many words it has. */
const char *gp_ngram_index_phrase(const gp_ngram_index *ngrams, uint32_t number, size_t *length, unsigned *words);

/* Reasons as they are collected. */
typedef struct gp_reason_list {
    gp_reason *items;
    size_t count, capacity;
} gp_reason_list;
/* text is copied. */
gp_status gp_an_reason_add(gp_reason_list *list, const char *kind, const char *text, double strength, double inside,
                           double outside, gp_error *err);

/* The phrases that set the texts of rows `inside` apart, strongest first, at most `most`, none within another: a text
 * counts once on each side, however many rows share it. */
gp_status gp_an_keywords(const gp_ngram_index *ngrams, const bool *inside, size_t most, gp_reason_list *list,
                         gp_error *err);

/* Classification tree (CART, Breiman et al. 1984: Gini, depth 3) telling rows inside from others by numbers and
 * categories.  importance [count] per feature, sums to 1 or is all 0; *rule: the path to the leaf that holds them best
 * ("steps > 30 and sampler = Euler a"), NULL if there is none; shares of rows that follow it.  Owns: *rule. */
gp_status gp_an_rules(const gp_feature *features, size_t count, size_t n, const bool *inside, double *importance,
                      char **rule, double *share_in, double *share_out, gp_error *err);

/* gp_an_reasons with words counted before (NULL: from input->texts). */
gp_status gp_an_reasons_by(const gp_reasons_input *input, const gp_ngram_index *ngrams, const bool *inside,
                           size_t max_each, gp_reasons *out, gp_error *err);

#endif
