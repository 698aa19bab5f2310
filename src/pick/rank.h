/* SPDX-License-Identifier: MIT
 * Best of N per prompt, best K over all, threshold: arrays in, chosen indices out.  Scores of different prompts are not
 * comparable, so per-prompt is the default (HPSv2 README; PickScore). */
#ifndef GP_PICK_RANK_H
#define GP_PICK_RANK_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_rank_item {
    int64_t group; /* prompt */
    double score;  /* higher is better; NaN is never chosen */
    gp_hash tie;   /* smaller wins a tie: content hash, so that order of files does not matter */
} gp_rank_item;

/* rank [n]: 1 = best of its group, by score then tie; 0 for NaN. */
gp_status gp_rank_groups(const gp_rank_item *candidates, size_t n, uint32_t *rank, gp_error *err);
/* chosen [n] bool: rank <= per_group (0: no limit), score >= min_score (when has_min), then the best `top` over all (0:
 * no limit). */
gp_status gp_rank_choose(const gp_rank_item *candidates, const uint32_t *rank, size_t n, uint32_t per_group,
                         uint64_t top, bool has_min, double min_score, bool *chosen, size_t *count, gp_error *err);

#endif
