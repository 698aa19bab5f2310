/* SPDX-License-Identifier: MIT
 * Ranks items within groups. */
#ifndef GP_PICK_RANK_H
#define GP_PICK_RANK_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_rank_item {
    int64_t group;
    double score; /* higher is better; NaN: no rank */
    /* the content hash; of two items with equal scores, the item with the smaller `tie` is better. So the ranks do not
     * depend on the order of the files */
    gp_hash tie;
} gp_rank_item;

/* Writes to rank [n] the rank of each item in its group, by score, then by tie. 1: the best; 0: the score is NaN. */
gp_status gp_rank_groups(const gp_rank_item *candidates, size_t n, uint32_t *rank, gp_error *err);
/* Writes to share [n] the softmax of each score within its group: exp(score) / sum of exp(score). 0: the score is NaN. */
gp_status gp_rank_softmax(const gp_rank_item *items, size_t n, double *share, gp_error *err);

#endif
