/* SPDX-License-Identifier: MIT
 * Scores that can be compared across prompts and categories, always beside the raw score (CLIP scores favour portraits
 * and famous faces; docs/method.md).  Scores that are not finite are left out and get NaN. */
#ifndef GP_PICK_CALIBRATE_H
#define GP_PICK_CALIBRATE_H

#include "base/status.h"

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

#endif
