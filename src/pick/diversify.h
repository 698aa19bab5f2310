/* SPDX-License-Identifier: MIT
 * Choosing k that are good and unlike: greedy MMR (Carbonell and Goldstein 1998) and facility location (Nemhauser,
 * Wolsey, Fisher 1978), both by lazy greedy steps (Minoux 1978), which give what plain greedy gives.
 *
 * Shape: vectors [n, d] normalised; relevance [n] (not finite: never chosen, nor to be covered), scaled to 0..1 inside;
 * group [n] of duplicates, below n (-1 alone; at most one of a group is chosen) or NULL -> chosen [k] in order of
 * choice, *count <= k.  balance 0..1: 1 only relevance, 0 only unlikeness (MMR) or coverage (facility).  Ties: smaller row.
 */
#ifndef GP_PICK_DIVERSIFY_H
#define GP_PICK_DIVERSIFY_H

#include "base/status.h"

/* Next is the row of most  balance * relevance - (1 - balance) * largest cosine to what is chosen  (0 for the first).
 * No guarantee is known for it.  Memory: linear in n; time at most n k d, mostly far less. */
gp_status gp_diversify_mmr(const float *vectors, size_t n, size_t d, const double *relevance, const int32_t *group,
                           size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err);
/* Greedy choice for  F(S) = balance * sum of relevance over S + (1 - balance) * k/W * sum over rows i of
 * w_i * max over S of max(cosine, 0),  w_i = 1 - balance + balance * worth_i,  W = sum of w: covering what is good
 * counts. F is monotone and submodular (the cosine is clipped so that it is), hence the greedy choice reaches 1 - 1/e
 * of the best possible F, and 1/2 where groups restrict it (Fisher, Nemhauser, Wolsey 1978). Of more than
 * GP_DIVERSIFY_POOL rows only so many of most relevance are candidates and to be covered (the guarantee is then for them);
 * should k ask for more, the rest follows by relevance.  Memory: 4 * pool * pool bytes. */
#define GP_DIVERSIFY_POOL 4096
gp_status gp_diversify_facility(const float *vectors, size_t n, size_t d, const double *relevance, const int32_t *group,
                                size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err);

/* Cosine of two normalised rows [d], as it is used here. */
double gp_diversify_similarity(const float *a, const float *b, size_t d);
/* The greedy step itself: sum over i of demand_i * max over S of likeness_ij, plus the sum of bonus over S.
 * likeness [n, n], row j: what choosing j gives to each, below 0 as 0; demand, bonus [n] not negative; gains [k] what
 * each choice added, or NULL. */
gp_status gp_diversify_facility_greedy(const float *likeness, size_t n, const double *demand, const double *bonus,
                                       const int32_t *group, size_t k, uint32_t *chosen, double *gains, size_t *count,
                                       gp_error *err);

#endif
