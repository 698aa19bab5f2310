/* SPDX-License-Identifier: MIT
 * Scores that can be compared across prompts and categories.  They are needed because CLIP scores are higher for some
 * kinds of images, like portraits, whatever their quality (docs/method.md).  Scores that are not finite are ignored and
 * get NaN. */
#ifndef GP_PICK_CALIBRATE_H
#define GP_PICK_CALIBRATE_H

#include "base/status.h"

/* Number, mean and sum of squared deviations of the scores of one group. */
typedef struct gp_moments {
    size_t n;
    double mean, squares; /* squares: sum of (score - mean)^2 */
} gp_moments;
/* Returns whether row i is in a group and has a finite score. */
bool gp_moments_count(const double *score, const int32_t *group, size_t i);
/* Computes the moments of each group.  The caller frees *out [groups] with gp_mem_free. */
gp_status gp_moments_of(const double *score, const int32_t *group, size_t n, size_t groups, gp_moments **out,
                        gp_error *err);

/* In all functions below, group [n] is the group of each row, 0..groups-1, or -1 for a row without a group. */
/* z = (score - mean of the group) / sample standard deviation of the group.  NaN for a row without a group, and in
 * groups of one row or of equal scores. */
gp_status gp_calibrate_z(const double *score, const int32_t *group, size_t n, size_t groups, double *z, gp_error *err);
/* Mid-rank percentile within the group of m rows: 100 (r - 1/2) / m, where r is the rank; equal scores get their mean
 * rank.  So 0 < percentile < 100, and the median of any group is 50.  NaN for a row without a group. */
gp_status gp_calibrate_percentile(const double *score, const int32_t *group, size_t n, size_t groups,
                                  double *percentile, gp_error *err);
/* Shrunken residual: score - m_g, where m_g = c + w_g (mean_g - c) is the group's mean, shrunk towards the centre c.
 * The mean of a small group is shrunk more, because few rows estimate it badly.
 *     w_g = t2 / (t2 + s2 / n_g)     s2: pooled variance within groups; t2: variance between groups by the method of
 *                                    moments (DerSimonian and Laird 1986), at least 0; n_g: rows of the group
 *     c   = mean of the group means, each weighted by 1 / (t2 + s2 / n_g).  The mean of all rows would depend mostly on
 *           the largest group
 * moments [groups]: from gp_moments_of.  weight [groups] receives w_g, 0 for empty groups; may be NULL.  Rows without a
 * group get score - c.  If all groups have one row, s2 is unknown and all w_g are 0. */
gp_status gp_calibrate_shrunken(const gp_moments *moments, const double *score, const int32_t *group, size_t n,
                                size_t groups, double *residual, double *weight, gp_error *err);
/* The corrected score: adjusts for the mean, the spread and most of the shape of each group's score distribution.
 *     corrected = 3/4 Q(F_g(score)) + 1/4 (mean + f_g * residual)
 *     Q         quantile function of the scores of all rows with a group (quantile matching): a row at percentile F of
 *               its group gets the score at percentile F of all rows
 *     F_g       = (n_g * own + 4 * all) / (n_g + 4)
 *               own: percentile in the group; all: percentile of the row's shrunken residual among all rows.  In small
 *               groups `own` is uncertain, so `all` has more weight there
 *     residual  the shrunken residual; it keeps the distance by which the best rows of a group exceed the others
 *     f_g       scales the residuals of the group to the pooled standard deviation
 * Rows without a group keep their score.  percentile [n]: from gp_calibrate_percentile for the same groups.  weight: as
 * in gp_calibrate_shrunken. */
gp_status gp_calibrate_corrected(const double *score, const int32_t *group, size_t n, size_t groups,
                                 const double *percentile, double *corrected, double *weight, gp_error *err);

#endif
