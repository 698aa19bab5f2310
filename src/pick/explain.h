/* SPDX-License-Identifier: MIT
 * Why an image is picked, and why another is not, in one sentence each.  A choice records for every candidate the gate
 * at which it fell or the reason for which it stands; this file turns that into words. */
#ifndef GP_PICK_EXPLAIN_H
#define GP_PICK_EXPLAIN_H

#include "base/status.h"

typedef enum gp_gate {
    GP_GATE_PICKED,
    GP_GATE_NO_SCORE,
    GP_GATE_MIN_SCORE,    /* below the threshold */
    GP_GATE_PER_PROMPT,   /* others of the same prompt are better */
    GP_GATE_PER_CATEGORY, /* others of the same category are better */
    GP_GATE_NOT_IN_SLICE, /* in no slice that stands out */
    GP_GATE_DUPLICATE,    /* a near copy of a pick */
    GP_GATE_DIVERSITY,    /* too like what is picked already */
    GP_GATE_TOP           /* beyond the best K */
} gp_gate;

typedef struct gp_verdict {
    gp_gate gate;
    double score, corrected, limit;                /* limit: the threshold or the score of the last one chosen */
    uint32_t rank, of;                             /* place in the prompt or category it was judged in */
    const char *prompt, *category, *slice, *other; /* borrowed; `other`: path of the image preferred to it; or NULL */
    double slice_value, overall;                   /* mean of its slice, of all */
    double likeness;                               /* DUPLICATE, DIVERSITY: cosine to `other` */
    bool is_corrected;                             /* ranked by the corrected score */
} gp_verdict;
/* One sentence without full stop.  Owns: *out, gp_mem_free. */
gp_status gp_explain(const gp_verdict *verdict, char **out, gp_error *err);

#endif
