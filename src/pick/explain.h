/* SPDX-License-Identifier: MIT
 * One sentence that says why an image is picked or rejected.  The strategy records for every candidate the filter that
 * rejected it, or the reason why it was picked; this file turns the record into words. */
#ifndef GP_PICK_EXPLAIN_H
#define GP_PICK_EXPLAIN_H

#include "base/status.h"

typedef enum gp_pick_filter {
    GP_FILTERED_NOT,
    GP_FILTERED_NO_SCORE,     /* no score, or no value in the scale of comparison */
    GP_FILTERED_MIN_SCORE,    /* below the threshold */
    GP_FILTERED_MEASURE,      /* a quality measure does not meet its limit */
    GP_FILTERED_NOT_IN_SLICE, /* in no slice with a sufficient lift */
    GP_FILTERED_PER_PROMPT,   /* others of the same prompt are better */
    GP_FILTERED_DUPLICATE,    /* a near-duplicate of a better image */
    GP_FILTERED_PER_SLICE,    /* others of the same slice are better */
    GP_FILTERED_PER_CATEGORY, /* others of the same category are better */
    GP_FILTERED_DIVERSITY,    /* good enough, but too similar to images already picked */
    GP_FILTERED_TOP           /* beyond the best K */
} gp_pick_filter;

/* Missing numbers are NaN, missing words NULL; the sentence leaves them out. */
typedef struct gp_pick_decision {
    gp_pick_filter gate;
    gp_pick_strategy strategy;
    gp_pick_by by;
    double score, corrected; /* raw; in the scale of `by` (GP_BY_SCORE: equal to score) */
    double limit;            /* the threshold; or what `other` has, in the scale of `by` */
    uint32_t rank, of;       /* place in what it was judged in: its prompt, slice, category, or all; 0: none */
    const char *prompt, *category, *slice, *other; /* borrowed; `other`: path of the image preferred to it */
    double slice_value, overall;                   /* mean of its slice; of what that is compared with */
    uint32_t slice_support;                        /* scored rows of it; 0: in no slice */
    bool no_category;                              /* judged among those of none */
    double likeness;                               /* DUPLICATE, DIVERSITY: cosine to `other` */
    const char *barred;                            /* MEASURE: which limit is not met, in words */
    uint32_t prompt_rank, prompt_of;               /* place among the scored of its prompt, whatever judged it */
} gp_pick_decision;
/* One sentence without full stop.  Owns: *out, gp_mem_free. */
gp_status gp_explain(const gp_pick_decision *verdict, char **out, gp_error *err);

#endif
