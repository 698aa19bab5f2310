/* SPDX-License-Identifier: MIT
 * Selects k rows that are relevant and diverse: maximal marginal relevance (MMR; Carbonell and Goldstein 1998) and
 * facility location (Nemhauser, Wolsey, Fisher 1978).  Both use the lazy greedy algorithm (Minoux 1978), which gives
 * the same result as the plain greedy algorithm.
 *
 *   vectors [n, d]  normalised embeddings
 *   relevance [n]   any scale; the functions scale it to 0..1; a row whose relevance is not finite takes no part
 *   group [n]       group of near-duplicates, below n; -1: none; at most one row of a group is selected.  NULL: no
 * groups
 *   balance         0..1; 1: only relevance counts, 0: only diversity (MMR) or coverage (facility location)
 *   chosen [k]      out: the selected rows in order of selection; *count <= k of them.  Of equal gains the smaller row
 *                   is selected */
#ifndef GP_PICK_DIVERSIFY_H
#define GP_PICK_DIVERSIFY_H

#include "base/status.h"

/* MMR: each step selects the row with the largest balance * relevance - (1 - balance) * s, where s is its largest
 * cosine to the selected rows (0 in the first step).  There is no known bound on the distance from the optimum.
 * Memory: linear in n.  Time: at most n * k * d products. */
gp_status gp_diversify_mmr(const float *vectors, size_t n, size_t d, const double *relevance, const int32_t *group,
                           size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err);
/* Facility location: selects a set S greedily for a large
 *     F(S) = balance * sum over S of relevance  +  (1 - balance) * k / W * sum over rows i of w_i c_i(S)
 *     c_i(S)  how well S covers row i: the largest cosine of row i to a row of S, at least 0
 *     w_i     = 1 - balance + balance * relevance_i, so that covering relevant rows counts more;  W = sum of w_i
 * F is monotone and submodular (for this, cosines below 0 count as 0).  So the greedy choice reaches at least 1 - 1/e
 * of the best possible F; with groups it reaches at least 1/2 (Fisher, Nemhauser, Wolsey 1978).
 * If there are more than GP_DIVERSIFY_POOL rows, only the most relevant GP_DIVERSIFY_POOL rows take part, and the bound
 * holds for them.  If k is larger than GP_DIVERSIFY_POOL, the other rows follow by descending relevance.  Memory: 4 *
 * pool * pool bytes. */
#define GP_DIVERSIFY_POOL 4096
gp_status gp_diversify_facility(const float *vectors, size_t n, size_t d, const double *relevance, const int32_t *group,
                                size_t k, double balance, uint32_t *chosen, size_t *count, gp_error *err);

/* Cosine of two normalised rows [d], rounded as in the functions above. */
double gp_diversify_similarity(const float *a, const float *b, size_t d);
/* Greedy facility location for F(S) = sum over i of demand_i * max over j in S of likeness_ji  +  sum over S of bonus.
 * likeness [n, n]: row j has the similarities of j to all rows; numbers below 0 count as 0.  demand, bonus [n]: at
 * least 0.  gains [k]: increase of F by each selected row; may be NULL. */
gp_status gp_diversify_facility_greedy(const float *likeness, size_t n, const double *demand, const double *bonus,
                                       const int32_t *group, size_t k, uint32_t *chosen, double *gains, size_t *count,
                                       gp_error *err);

#endif
