/* SPDX-License-Identifier: MIT
 * Writes one sentence that says why an image is picked or rejected.  The strategy records for each candidate the filter
 * that rejected it, or the reason why it was picked; the sentence is made from this record. */
#ifndef GP_PICK_EXPLAIN_H
#define GP_PICK_EXPLAIN_H

#include "base/status.h"

typedef enum gp_pick_filter {
    GP_FILTERED_NOT,          /* picked */
    GP_FILTERED_NO_SCORE,     /* no score, or no value in the scale of `by` */
    GP_FILTERED_MIN_SCORE,    /* below the threshold */
    GP_FILTERED_MEASURE,      /* a quality measure does not meet its limit */
    GP_FILTERED_NOT_IN_SLICE, /* in no slice with a sufficient lift */
    GP_FILTERED_PER_PROMPT,   /* better images fill the limit of its prompt */
    GP_FILTERED_DUPLICATE,    /* a near-duplicate of a better image */
    GP_FILTERED_PER_SLICE,    /* better images fill the limit of its slice */
    GP_FILTERED_PER_CATEGORY, /* better images fill the limit of its category */
    GP_FILTERED_DIVERSITY,    /* good enough, but too similar to picked images */
    GP_FILTERED_TOP           /* better images fill the total limit */
} gp_pick_filter;

/* The decision on one candidate.  The sentence leaves out numbers that are NaN and strings that are NULL. */
typedef struct gp_pick_decision {
    gp_pick_filter filter; /* the filter that rejected the candidate */
    gp_pick_strategy strategy;
    gp_pick_by by;
    double score, corrected; /* raw score; value in the scale of `by` (GP_BY_SCORE: equal to score) */
    /* the threshold that the candidate does not meet; or the value of image `other` in the scale of `by` */
    double limit;
    /* rank of the candidate and number of candidates in the group that decided: its prompt, slice or category, or all
     * candidates; 0: no rank */
    uint32_t rank, of;
    const char *prompt, *category, *slice; /* borrowed: prompt, name of the category, title of the slice */
    const char *other;                     /* borrowed: path of the image that was preferred to the candidate */
    /* slice_value: mean of the candidate's slice; overall: mean of the category, or of all images, with which
     * slice_value is compared */
    double slice_value, overall;
    uint32_t slice_support; /* scored rows of the candidate's slice; 0: the candidate is in no slice */
    bool no_category;       /* the candidate has no category */
    double likeness;        /* DUPLICATE, DIVERSITY: cosine to `other` */
    const char *unmet;      /* MEASURE: the limit that is not met, in words */
    /* rank of the candidate and number of candidates within its prompt, whatever filter decided */
    uint32_t prompt_rank, prompt_of;
} gp_pick_decision;
/* Writes the reason of a decision as one sentence without full stop.  The caller frees *out with gp_mem_free. */
gp_status gp_explain(const gp_pick_decision *decision, char **out, gp_error *err);

#endif
