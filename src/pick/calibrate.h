/* SPDX-License-Identifier: MIT
 * Scores that can be compared across prompts and categories, always beside the raw score (CLIP scores favour portraits
 * and famous faces; docs/method.md).  Scores that are not finite are left out and get NaN. */
#ifndef GP_PICK_CALIBRATE_H
#define GP_PICK_CALIBRATE_H

#include "base/status.h"

/* Number, mean and sum of squares about the mean of the scores of one group. */
typedef struct gp_moments {
    size_t n;
    double mean, squares; /* squares: sum of (score - mean)^2 */
} gp_moments;
/* Does row i count: is it in a group, and is its score finite? */
bool gp_moments_count(const double *score, const int32_t *group, size_t i);
/* Owns: *out [groups]. */
gp_status gp_moments_of(const double *score, const int32_t *group, size_t n, size_t groups, gp_moments **out,
                        gp_error *err);

/* group [n]: -1 belongs to none and gets NaN.  Groups are numbered 0..groups-1. */
/* z = (score - mean of group) / sample standard deviation of group; NaN for groups of one or without spread. */
gp_status gp_calibrate_z(const double *score, const int32_t *group, size_t n, size_t groups, double *z, gp_error *err);
/* Mid-rank percentile within the group: 100 (r - 1/2) / m with r the mean rank of equals, so 0 < p < 100 and the middle
 * of any group is 50. */
gp_status gp_calibrate_percentile(const double *score, const int32_t *group, size_t n, size_t groups,
                                  double *percentile, gp_error *err);
/* Shrunken residual: score - m_g with m_g = c + w_g (mean_g - c): small groups keep the centre, large ones their mean.
 *     w_g = t2 / (t2 + s2 / n_g)     s2 pooled variance within groups, t2 variance between them by the method of
 *                                    moments (DerSimonian and Laird 1986), never below 0
 *     c   = sum mean_g / (t2 + s2 / n_g) over the sum of those weights: not the mean of all rows, which the largest
 *           group would decide
 * weight [groups] receives w_g (empty groups 0); may be NULL.  Rows of no group get score - c; groups of
 * one throughout, from which s2 cannot be told, have w = 0. */
gp_status gp_calibrate_shrunken(const double *score, const int32_t *group, size_t n, size_t groups, double *residual,
                                double *weight, gp_error *err);
/* The corrected score: level, spread and shape of each group's scores are taken off.
 *     corrected = 3/4 Q(F_g(score)) + 1/4 (mean + f_g residual)
 *     Q    quantiles of all scores of rows with a group: a row gets the score that stands as high among all rows as the
 *          row stands in its group (quantile matching)
 *     F_g  = (n_g own + 4 all) / (n_g + 4)    own: percentile in the group; all: percentile of the shrunken residual
 *                                             among those of all groups, which counts in small groups
 *     f_g  brings the spread of the group to the pooled one; the residual keeps how far the best stand out
 * Rows of no group keep their score.  percentile [n]: as gp_calibrate_percentile gives it for these groups.  weight as
 * gp_calibrate_shrunken has it. */
gp_status gp_calibrate_corrected(const double *score, const int32_t *group, size_t n, size_t groups,
                                 const double *percentile, double *corrected, double *weight, gp_error *err);

#endif
