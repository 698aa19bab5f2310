/* SPDX-License-Identifier: MIT
 * Ranks items within groups. */
#ifndef GP_PICK_RANK_H
#define GP_PICK_RANK_H

#include "base/hash.h"
#include "base/status.h"

typedef struct gp_rank_item {
    int64_t group;
    double score; /* higher is better; NaN: no rank */
    gp_hash tie;  /* of equal scores the smaller one is better; the content hash, so that file order does not matter */
} gp_rank_item;

/* rank [n]: rank in the group by score, then tie; 1: best; 0: the score is NaN. */
gp_status gp_rank_groups(const gp_rank_item *candidates, size_t n, uint32_t *rank, gp_error *err);

#endif
