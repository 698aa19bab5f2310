/* SPDX-License-Identifier: MIT
 * The pick strategies: candidates and gp_pick_options -> a decision with its reason for each candidate.
 *
 * Candidates are processed from best to worst (by options->by, ties by hash).  The filters run in this order: score,
 * min_score, quality measures, slice, prompt limit, near-duplicates, slice limit, category limit, total limit.  A limit
 * is a maximum number of picks: per prompt, slice or category, or in total (top).  The first filter that rejects a
 * candidate is recorded as the reason.  A rejected candidate does not count towards the limits.  Exception: a candidate
 * in no slice counts towards the limit of its prompt.  So with slices too, a pick is one of the best K of its prompt.
 * Without categories and slices the picks are the best K of each prompt, and of these the best `top`.  With diversity
 * the last three limits select their picks by diversify.h, one limit after another, each from the candidates that are
 * left.
 *
 * A candidate in several slices belongs to the smallest one; of equally small slices, to the one with the higher mean.
 * A slice qualifies if it has at least min_support scored rows.  In CATEGORY_SLICES its mean must also be lift_factor
 * sample standard deviations above the category mean.  (The article described in docs/method.md uses min_support 2 and
 * lift_factor 0.9.)  Means are of the raw score. */
#ifndef GP_PICK_STRATEGY_H
#define GP_PICK_STRATEGY_H

#include "base/hash.h"
#include "pick/explain.h"

/* Number of picks of each category with GP_PICK_CATEGORY if options->per_category is 0. */
enum { GP_STRATEGY_PER_CATEGORY = 5 };

typedef struct gp_pick_candidate {
    int64_t prompt;
    int32_t category; /* -1: none; candidates without a category are limited like one category */
    /* number of the candidate's group of near-duplicates, below n; -1: it has no near-duplicates */
    int32_t group;
    double score;                   /* raw score, higher is better; NaN: none */
    double corrected;               /* value in the scale of options->by, NaN: none; not read for GP_BY_SCORE */
    gp_hash tie;                    /* of equal values the smaller hash is better */
    const char *prompt_text, *path; /* borrowed, for the decisions; may be NULL */
    /* borrowed: the limit of a quality measure that the image fails, in words; NULL: it meets all limits */
    const char *unmet;
} gp_pick_candidate;
typedef struct gp_pick_slice {
    int32_t category; /* the slice was found within this category; -1: among all images */
    uint32_t support;
    const uint32_t *rows; /* [support] candidates */
    const char *title;    /* may be NULL */
} gp_pick_slice;
typedef struct gp_strategy_input {
    size_t n, categories, slice_count, d;
    const gp_pick_candidate *candidates; /* [n] */
    const char *const *category_name;    /* [categories]; may be NULL, and may contain NULL */
    /* [slice_count] all slices, both within categories and over all images; the strategy reads only one of these two
     * kinds */
    const gp_pick_slice *slices;
    const float *vectors; /* [n, d] normalised; needed for diversity, else NULL is allowed */
} gp_strategy_input;

/* Returns GP_ERR_USAGE for options that exclude each other or are out of range. */
gp_status gp_strategy_check(const gp_pick_options *options, gp_error *err);
/* gp_strategy_needs_analysis returns whether the strategy needs results of the analysis: slices, categories, groups of
 * near-duplicates or corrected scores.  gp_strategy_needs_vectors returns whether it needs embeddings. */
bool gp_strategy_needs_analysis(const gp_pick_options *options);
bool gp_strategy_needs_vectors(const gp_pick_options *options);
/* Decides on each candidate: decisions [n], whose strings are borrowed from the input.  *count: number of picks. */
gp_status gp_strategy_choose(const gp_strategy_input *input, const gp_pick_options *options,
                             gp_pick_decision *decisions, size_t *count, gp_error *err);

#endif
