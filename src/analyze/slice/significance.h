/* SPDX-License-Identifier: MIT
 * Private to analyze: is a cluster's mean beyond chance?  Chance is a random assignment of the scores to the rows,
 * which knows nothing about distributions.  All clusters are looked at in every round, and a cluster's corrected p is
 * how often the best of all did as well (Westfall and Young 1993, max statistic): the chance that a shuffled table
 * shows any cluster below alpha is at most alpha.
 *
 * Rows of one group (images of one prompt) are not independent: an easy prompt lifts all of them.  So groups are
 * shuffled as a whole, and rows only within a group (exchangeability blocks, Winkler et al. 2014). */
#ifndef GP_ANALYZE_SLICE_SIGNIFICANCE_H
#define GP_ANALYZE_SLICE_SIGNIFICANCE_H

#include "analyze/slice/features.h"

typedef struct gp_scores {
    size_t n;            /* rows */
    const double *score; /* [n] higher stands out; NaN: no score */
    size_t scored;
    double mean, sd; /* over the scored; sd with n - 1 */
} gp_scores;
void gp_an_scores_init(gp_scores *scores, const double *score, size_t n);

/* (mean of m of n scores - mean of all) in its standard deviations under random assignment. */
double gp_an_mean_z(const gp_scores *scores, double mean, size_t m);

/* blocks.c: scored rows, group after group.  Groups of one size form a stratum, in which whole groups are exchanged.
 * Sizes of fewer than 20 groups share a stratum with the next smaller sizes, down to half the size.  There, a smaller
 * group gives some of its scores twice to a larger one, and a larger group gives a random part.  A group that has no
 * other of its size keeps its scores; they are shuffled within it. */
typedef struct gp_blocks {
    size_t rows, count; /* scored rows; groups with a scored row */
    uint32_t *row;      /* [rows] */
    double *value;      /* [rows] score less the mean of all */
    uint32_t *start;    /* [count + 1] first of `row`, by group: sizes fall */
    uint32_t *first;    /* [strata + 1] first group */
    uint32_t *of;       /* [n] group of a row; UINT32_MAX without a score */
    size_t strata, largest;
} gp_blocks;
/* group [n] of any numbers, negative: a row by itself; NULL: all rows.  Owns: *out, gp_an_blocks_clear. */
gp_status gp_an_blocks(const gp_scores *scores, const int32_t *group, gp_blocks *out, gp_error *err);
void gp_an_blocks_clear(gp_blocks *blocks);
/* A random exchange: drawn [rows] gets the value that row[i] has now.  order [count], hand [largest] scratch. */
void gp_an_exchange(const gp_blocks *blocks, uint64_t seed, uint32_t *order, double *hand, double *drawn);

/* permute.c.  The clusters of one space: clusters of rows, or of items that group the rows (prompts, whose images are
 * the rows).  The value of an item is the mean of its scored rows. */
typedef struct gp_permute_space {
    const gp_levels *levels;
    const uint32_t *item;    /* [n] item of a row, UINT32_MAX: no item; NULL: a row is an item */
    const double *value;     /* [clusters] mean of the scored items */
    const uint32_t *support; /* [clusters] scored items */
    size_t scored;           /* items with a score */
    const bool *eligible;    /* [clusters] whether the cluster is tested */
    double share;            /* the space's share of alpha, above 0; the shares of all spaces sum to 1 */
    double *p, *corrected;   /* [clusters] out; 1 for clusters that are not tested */
    double *spread; /* [clusters] out: standard deviation of the mean over random exchanges; 0 for clusters that are not
                     * tested, or whose mean no exchange changes */
} gp_permute_space;
/* Each random exchange of the rows gives every cluster of every space a value.  A cluster's p against the best clusters
 * of its space is divided by the space's share, and compared with the smallest such number of each exchange (min p,
 * Westfall and Young 1993).  So alpha holds for the clusters of all spaces together. */
typedef struct gp_permute_input {
    const gp_permute_space *spaces;
    size_t count;
    const gp_scores *scores;
    const gp_blocks *blocks;
    uint32_t rounds; /* seeded one by one */
    uint64_t seed;
    int threads; /* 0: all */
    gp_progress_fn progress;
    void *user;
} gp_permute_input;
gp_status gp_an_permutation_test(const gp_permute_input *input, gp_error *err);

/* What is drawn as a whole: a row, or the rows of one group. */
typedef struct gp_unit {
    double sum, rows;
} gp_unit;
/* 95 % percentile bootstrap interval of the mean over m units, less reference; the reference is held fixed.  NaN for no
 * unit.  scratch [rounds]. */
void gp_an_bootstrap(const gp_unit *units, size_t m, double reference, uint32_t rounds, uint64_t seed, double *scratch,
                     double *low, double *high);

/* Hedges' g of rows inside against those outside (Hedges 1981): difference of means over the pooled standard deviation,
 * corrected for small samples by the number of independent units (all rows, or their groups).  NaN when it is not
 * defined. */
double gp_an_hedges_g(double mean_in, double var_in, size_t m, double mean_out, double var_out, size_t k, size_t units);

/* Two-sided p of gp_an_mean_z's z for m of n scores: z squared over n - 1 is the squared correlation of score and
 * membership, under random assignment nearly Beta(1/2, n/2 - 1) whatever the scores (Pitman 1937).  Never below one in
 * the number of ways to choose m of n, which is the least a random assignment can have. */
double gp_an_permutation_p(double z, size_t m, size_t n);

/* Student's t with df degrees of freedom: what |t| is beyond with probability 0.05. */
double gp_an_t_95(double df);

/* Correct n p-values for their number: the share of false ones among those below alpha is at most alpha (Benjamini and
 * Hochberg 1995).  p [n] -> corrected [n]. */
gp_status gp_an_adjust_bh(const double *p, size_t n, double *corrected, gp_error *err);

#endif
