/* SPDX-License-Identifier: MIT
 * Selects the best of each prompt, the best K of all, and scores above a threshold.  The default is the best of each
 * prompt, because scores of different prompts cannot be compared (HPSv2 README; PickScore). */
#ifndef GP_PICK_RANK_H
#define GP_PICK_RANK_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_rank_item {
    int64_t group; /* prompt */
    double score;  /* higher is better; NaN is never chosen */
    gp_hash tie;   /* of equal scores the smaller one is better; the content hash, so that file order does not matter */
} gp_rank_item;

/* rank [n]: rank in the group by score, then tie; 1: best; 0: the score is NaN. */
gp_status gp_rank_groups(const gp_rank_item *candidates, size_t n, uint32_t *rank, gp_error *err);
/* chosen [n]: whether rank <= per_group (0: no limit) and score >= min_score (if has_min).  Of these, only the best
 * `top` are chosen (0: no limit). */
gp_status gp_rank_choose(const gp_rank_item *candidates, const uint32_t *rank, size_t n, uint32_t per_group,
                         uint64_t top, bool has_min, double min_score, bool *chosen, size_t *count, gp_error *err);

#endif
