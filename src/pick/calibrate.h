/* SPDX-License-Identifier: MIT
 * Scores that can be compared across prompts and categories, always beside the raw score (CLIP scores favour portraits
 * and famous faces; docs/method.md).  NaN scores are left out and get NaN. */
#ifndef GP_PICK_CALIBRATE_H
#define GP_PICK_CALIBRATE_H

#include "base/status.h"

/* group [n]: -1 belongs to none and gets NaN.  Groups are numbered 0..groups-1. */
/* z = (score - mean of group) / sample standard deviation of group; NaN for groups of one or without spread. */
gp_status gp_calibrate_z(const double *score, const int32_t *group, size_t n, size_t groups, double *z, gp_error *err);
/* Mid-rank percentile within the group, 0..100. */
gp_status gp_calibrate_percentile(const double *score, const int32_t *group, size_t n, size_t groups,
                                  double *percentile, gp_error *err);
/* Shrunken residual: score - m_g, where m_g lies between the overall mean and the group's mean by
 * w_g = t2 / (t2 + s2 / n_g); s2 pooled variance within groups, t2 variance between them (method of moments, never
 * below 0): small groups keep the overall mean.  weight [groups] receives w_g; may be NULL.  Rows of no group use the
 * overall mean. */
gp_status gp_calibrate_shrunken(const double *score, const int32_t *group, size_t n, size_t groups, double *residual,
                                double *weight, gp_error *err);

#endif
