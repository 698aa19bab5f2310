/* SPDX-License-Identifier: MIT
 * Private to analyze: is a cluster's mean beyond chance?  Chance is a random assignment of the scores to the rows,
 * which knows nothing about distributions.  All clusters are looked at in every round, and a cluster's corrected p is
 * how often the best of all did as well (Westfall and Young 1993, max statistic): the chance that a shuffled table
 * shows any cluster below alpha is at most alpha. */
#ifndef GP_ANALYZE_SIGNIFICANCE_H
#define GP_ANALYZE_SIGNIFICANCE_H

#include "analyze/features.h"

typedef struct gp_scores {
    size_t n;            /* rows */
    const double *score; /* [n] higher stands out; NaN: no score */
    size_t scored;
    double mean, sd; /* over the scored; sd with n - 1 */
} gp_scores;
void gp_an_scores_init(gp_scores *scores, const double *score, size_t n);

/* (mean of m of n scores - mean of all) in its standard deviations under random assignment. */
double gp_an_stands_out(const gp_scores *scores, double mean, size_t m);

/* value, support [clusters]: mean and number of scored rows.  Only clusters with eligible[c] are looked at.
 * p, corrected [clusters] (others get 1).  Rounds are seeded one by one; threads 0: all. */
gp_status gp_an_permute(const gp_levels *levels, const gp_scores *scores, const double *value, const uint32_t *support,
                        const bool *eligible, uint32_t rounds, uint64_t seed, int threads, gp_progress_fn progress,
                        void *user, double *p, double *corrected, gp_error *err);

/* 95 % percentile bootstrap interval of mean(sample) - reference; the reference is held fixed.  sample [m]; scratch
 * [rounds]. */
void gp_an_bootstrap(const double *sample, size_t m, double reference, uint32_t rounds, uint64_t seed, double *scratch,
                     double *low, double *high);

/* Hedges' g of rows inside against those outside (Hedges 1981): difference of means over the pooled standard deviation,
 * corrected for small samples.  NaN when it is not defined. */
double gp_an_effect(double mean_in, double var_in, size_t m, double mean_out, double var_out, size_t k);

/* Two-sided p of gp_an_stands_out's z for m of n scores: z squared over n - 1 is the squared correlation of score and
 * membership, under random assignment nearly Beta(1/2, n/2 - 1) whatever the scores (Pitman 1937).  Never below one in
 * the number of ways to choose m of n, which is the least a random assignment can have. */
double gp_an_chance(double z, size_t m, size_t n);

/* Student's t with df degrees of freedom: what |t| is beyond with probability 0.05. */
double gp_an_t_95(double df);

/* Correct n p-values for their number: the share of false ones among those below alpha is at most alpha (Benjamini and
 * Hochberg 1995).  p [n] -> corrected [n]. */
gp_status gp_an_correct(const double *p, size_t n, double *corrected, gp_error *err);

#endif
