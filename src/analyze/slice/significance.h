/* SPDX-License-Identifier: MIT
 * Private to analyze: is the mean score of a cluster significant?
 *
 * The permutation test assigns the scores to the rows at random, many times; it assumes no distribution.  Each round
 * computes the z of all clusters.  The corrected p of a cluster is the share of rounds in which the best cluster has at
 * least its z (max statistic, Westfall and Young 1993).  This limits the family-wise error rate: for random scores, the
 * probability that any cluster has a corrected p below alpha is at most alpha.
 *
 * Rows of one group are not independent: an easy prompt raises the scores of all its images.  So scores are exchanged
 * only between whole groups, and within a group (exchangeability blocks, Winkler et al. 2014). */
#ifndef GP_ANALYZE_SLICE_SIGNIFICANCE_H
#define GP_ANALYZE_SLICE_SIGNIFICANCE_H

#include "analyze/slice/features.h"

typedef struct gp_scores {
    size_t n;            /* rows */
    const double *score; /* [n] NaN: no score; the tests look for clusters with high scores only */
    size_t scored;       /* rows with a score */
    double mean, sd;     /* mean and sample standard deviation of the scored rows */
} gp_scores;
void gp_an_scores_init(gp_scores *scores, const double *score, size_t n);

/* z-score of the mean of m of n scores: (mean - mean of all) / standard deviation of this mean under random
 * assignment. */
double gp_an_mean_z(const gp_scores *scores, double mean, size_t m);

/* Blocks (blocks.c): the scored rows, sorted by group.  The permutation test exchanges the scores of whole groups
 * within a stratum.  A stratum has the groups of one size.  If there are fewer than 20 such groups, smaller groups
 * join the stratum, down to half of that size.  When a smaller group gives its scores to a larger one, some scores are
 * given more than once.  When a larger group gives its scores to a smaller one, a random part is given.  A group that
 * is alone in its stratum keeps its scores, in random order. */
typedef struct gp_blocks {
    size_t rows, count; /* scored rows; groups with a scored row */
    uint32_t *row;      /* [rows] */
    double *value;      /* [rows] score - mean of all scores */
    uint32_t *start;    /* [count + 1] index in `row` of each group's first row; groups are sorted by descending size */
    uint32_t *first;    /* [strata + 1] first group of each stratum */
    uint32_t *of;       /* [n] group of each row; UINT32_MAX: no score */
    size_t strata, largest; /* largest: rows of the largest group */
} gp_blocks;
/* group [n]: group of each row; negative: the row is a group of its own; NULL: each row is a group of its own.  The
 * caller frees *out with gp_an_blocks_clear. */
gp_status gp_an_blocks(const gp_scores *scores, const int32_t *group, gp_blocks *out, gp_error *err);
void gp_an_blocks_clear(gp_blocks *blocks);
/* Makes a random exchange: drawn [i] is the new value of row[i].  order [count], pool [largest] are scratch. */
void gp_an_exchange(const gp_blocks *blocks, uint64_t seed, uint32_t *order, double *pool, double *drawn);

/* Space (permute.c): the clusters of one search, which are clusters of rows or of items.  An item is a group of rows,
 * like a prompt with its images.  The value of an item is the mean of its scored rows. */
typedef struct gp_permute_space {
    const gp_levels *levels;
    const uint32_t *item;    /* [n] item of a row, UINT32_MAX: no item; NULL: a row is an item */
    const double *value;     /* [clusters] mean of each cluster's scored items */
    const uint32_t *support; /* [clusters] scored items */
    size_t scored;           /* items with a score */
    const bool *eligible;    /* [clusters] whether the cluster is tested */
    double share;            /* the space's share of alpha, above 0; the shares of all spaces sum to 1 */
    double *p, *corrected;   /* [clusters] out: p and corrected p; 1 for clusters that are not tested */
    double *spread; /* [clusters] out: standard deviation of the mean over random exchanges; 0 for clusters that are not
                     * tested, or whose mean no exchange changes */
} gp_permute_space;
/* One permutation test of the clusters of all spaces (min p, Westfall and Young 1993).  The statistic of a cluster is
 * q / share. q: share of random exchanges in which the best cluster of the same space has at least the z of this
 * cluster. share: the space's share of alpha.  The statistic of an exchange is the smallest statistic of its clusters.
 * The corrected p of a cluster is the share of exchanges whose statistic is at most that of the cluster.  So alpha
 * holds for the clusters of all spaces together. */
typedef struct gp_permute_input {
    const gp_permute_space *spaces;
    size_t count;
    const gp_scores *scores;
    const gp_blocks *blocks;
    uint32_t rounds; /* random exchanges; each has its own seed */
    uint64_t seed;
    int threads; /* 0: all */
    gp_progress_fn progress;
    void *user;
} gp_permute_input;
gp_status gp_an_permutation_test(const gp_permute_input *input, gp_error *err);

/* A unit of the bootstrap: a row, or all rows of one group. */
typedef struct gp_unit {
    double sum, rows; /* sum of the scores, number of rows */
} gp_unit;
/* Computes the 95 % percentile bootstrap interval of (mean of the rows of m units - reference).  The reference is a
 * constant.  NaN if m is 0. scratch [rounds]. */
void gp_an_bootstrap(const gp_unit *units, size_t m, double reference, uint32_t rounds, uint64_t seed, double *scratch,
                     double *low, double *high);

/* Returns Hedges' g (Hedges 1981) of m rows inside and k rows outside: (difference of means) / pooled standard
 * deviation, with a correction for small samples.  The correction uses `units`, the number of independent units: rows
 * or groups of rows.  NaN if g is not defined. */
double gp_an_hedges_g(double mean_in, double var_in, size_t m, double mean_out, double var_out, size_t k, size_t units);

/* Returns the two-sided p of a z from gp_an_mean_z for m of n scores. z^2 / (n - 1) is the squared correlation of
 * score and membership.  Under random assignment it has nearly a Beta(1/2, n/2 - 1) distribution for any scores
 * (Pitman 1937). p is at least 1 / (number of ways to choose m of n), the smallest p of a permutation test. */
double gp_an_permutation_p(double z, size_t m, size_t n);

/* Returns the two-sided 5 % critical value of Student's t distribution with df degrees of freedom. */
double gp_an_t_95(double df);

/* Adjusts n p-values for multiple tests (Benjamini and Hochberg 1995).  Of the tests with corrected [i] <= alpha, the
 * expected share of false discoveries is at most alpha. */
gp_status gp_an_adjust_bh(const double *p, size_t n, double *corrected, gp_error *err);

#endif
