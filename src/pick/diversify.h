/* SPDX-License-Identifier: MIT
 * Choosing k that are good and unlike: greedy MMR (Carbonell and Goldstein 1998) and facility location (greedy reaches
 * 1 - 1/e of the best possible: Nemhauser, Wolsey, Fisher 1978; lazy greedy: Minoux 1978). */
#ifndef GP_PICK_DIVERSIFY_H
#define GP_PICK_DIVERSIFY_H

#include "base/status.h"

/* Shape: vectors [n, d] normalised; worth [n] (NaN: never chosen), scaled to 0..1 inside; group [n] of duplicates (-1
 * alone; at most one of a group is chosen) or NULL -> chosen [k] in order of choice, *count <= k.
 * balance 0..1: 1 only worth, 0 only unlikeness (MMR) or coverage (facility). Ties: smaller index. */
gp_status gp_diversify_mmr(const float *vectors, size_t n, size_t d, const double *worth, const int32_t *group,
                           size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err);
gp_status gp_diversify_facility(const float *vectors, size_t n, size_t d, const double *worth, const int32_t *group,
                                size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err);

#endif
