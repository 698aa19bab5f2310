/* SPDX-License-Identifier: MIT
 * The pick strategies: candidates and gp_pick_options -> a decision with its reason for each candidate.
 *
 * Candidates are taken from best to worst (by options->by, ties by hash).  Each passes the filters in this order:
 * score, min_score, measures, slice, prompt, near-duplicates, K of the slice, K of the category, top.  The first filter
 * that rejects a candidate is recorded as the reason.  A rejected candidate leaves its place to the next.  Exception: a
 * candidate in no slice still counts in the K of its prompt, so with slices too a pick is one of the best K of its
 * prompt.  Without categories and slices the result is that of gp_rank_choose.  With diversity the last three filters
 * select their K by diversify.h among the candidates left, one filter after the other.
 *
 * A candidate in several slices belongs to the smallest, then to the one with the higher mean.  Slices count if they
 * have min_support scored rows.  In CATEGORY_SLICES the slice mean must also be lift_factor sample standard deviations
 * above the category mean (the article: 2 and 0.9).  Means are of the raw score. */
#ifndef GP_PICK_STRATEGY_H
#define GP_PICK_STRATEGY_H

#include "base/hash.h"
#include "pick/explain.h"

/* Picks of each category with GP_PICK_CATEGORY, unless the options say how many. */
enum { GP_STRATEGY_PER_CATEGORY = 5 };

typedef struct gp_pick_candidate {
    int64_t prompt;
    int32_t category; /* -1: none; those of none are limited as if they were one */
    int32_t group;    /* of near copies, below n; -1: alone */
    double score;     /* raw, higher is better; NaN: none */
    double corrected; /* in the scale of options->by, NaN: none; not read for GP_BY_SCORE */
    gp_hash tie;
    const char *prompt_text, *path; /* borrowed, for the verdicts; may be NULL */
    const char *barred; /* borrowed: why the image does not meet the limits of measures, in words; or NULL */
} gp_pick_candidate;
typedef struct gp_pick_slice {
    int32_t category; /* found within this category, or -1: over all */
    uint32_t support;
    const uint32_t *rows; /* [support] candidates */
    const char *title;    /* may be NULL */
} gp_pick_slice;
typedef struct gp_strategy_input {
    size_t n, categories, slice_count, d;
    const gp_pick_candidate *contenders; /* [n] */
    const char *const *category_name;    /* [categories]; NULL, or with NULLs */
    const gp_pick_slice *slices;         /* [slice_count] of both kinds; those of the strategy are taken */
    const float *vectors;                /* [n, d] normalised; diversity needs them, else NULL is allowed */
} gp_strategy_input;

/* USAGE, in words, for options that do not fit together or are out of range. */
gp_status gp_strategy_check(const gp_pick_options *options, gp_error *err);
/* Whether the choice needs what `find` records (slices, categories, groups, corrected scores); vectors. */
bool gp_strategy_needs_analysis(const gp_pick_options *options);
bool gp_strategy_needs_vectors(const gp_pick_options *options);
/* verdicts [n]: words in them are borrowed from the input.  *count: how many are picked. */
gp_status gp_strategy_choose(const gp_strategy_input *input, const gp_pick_options *options, gp_pick_decision *verdicts,
                             size_t *count, gp_error *err);

#endif
