/* SPDX-License-Identifier: MIT
 * Corrections of the score by group (calibrate.h gives the formulas and their reasons).  Means and squared deviations
 * are computed in two passes, in double and in the order of the rows. */
#include "pick/calibrate.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

bool gp_moments_count(const double *score, const int32_t *group, size_t i)
{
    return group[i] >= 0 && isfinite(score[i]);
}

gp_status gp_moments_of(const double *score, const int32_t *group, size_t n, size_t groups, gp_moments **out,
                        gp_error *err)
{
    gp_moments *m = NULL;
    GP_TRY(gp_alloc((void **)&m, groups, sizeof *m, "the groups", err));
    for (size_t g = 0; g < groups; g++) m[g] = (gp_moments){0};
    for (size_t i = 0; i < n; i++) {
        if (!gp_moments_count(score, group, i)) continue;
        assert((size_t)group[i] < groups);
        m[group[i]].n++, m[group[i]].mean += score[i];
    }
    for (size_t g = 0; g < groups; g++)
        if (m[g].n) m[g].mean /= (double)m[g].n;
    for (size_t i = 0; i < n; i++) {
        if (!gp_moments_count(score, group, i)) continue;
        double from = score[i] - m[group[i]].mean;
        m[group[i]].squares += from * from;
    }
    *out = m;
    return GP_OK;
}

gp_status gp_calibrate_z(const double *score, const int32_t *group, size_t n, size_t groups, double *z, gp_error *err)
{
    gp_moments *m = NULL;
    GP_TRY(gp_moments_of(score, group, n, groups, &m, err));
    for (size_t i = 0; i < n; i++) {
        z[i] = NAN;
        if (!gp_moments_count(score, group, i)) continue;
        const gp_moments *own = &m[group[i]];
        /* Rounding may give equal scores a deviation above 0; such a deviation counts as 0. */
        double sd = own->n > 1 ? sqrt(own->squares / (double)(own->n - 1)) : 0;
        if (sd > 1e-12 * fabs(own->mean)) z[i] = (score[i] - own->mean) / sd;
    }
    gp_mem_free(m);
    return GP_OK;
}

/* ------------------------------------------------------------------ percentile */

typedef struct scored {
    double score;
    int32_t group;
    size_t row;
} scored;

static int by_group_and_score(const void *x, const void *y)
{
    const scored *a = x, *b = y;
    if (a->group != b->group) return a->group < b->group ? -1 : 1;
    if (a->score != b->score) return a->score < b->score ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Computes the percentiles of one group; s [m] is sorted by score, lowest first. */
static void percentiles(const scored *s, size_t m, double *percentile)
{
    for (size_t i = 0, end; i < m; i = end) {
        for (end = i + 1; end < m && s[end].score == s[i].score;) end++;
        double middle = ((double)i + (double)end) / 2; /* the mean of r - 1/2 over the ranks r of the equal scores */
        for (size_t k = i; k < end; k++) percentile[s[k].row] = 100 * middle / (double)m;
    }
}

gp_status gp_calibrate_percentile(const double *score, const int32_t *group, size_t n, size_t groups,
                                  double *percentile, gp_error *err)
{
    scored *s = NULL;
    size_t m = 0;
    (void)groups;
    GP_TRY(gp_alloc((void **)&s, n, sizeof *s, "the percentiles", err));
    for (size_t i = 0; i < n; i++) {
        percentile[i] = NAN;
        if (gp_moments_count(score, group, i)) s[m++] = (scored){score[i], group[i], i};
    }
    if (m) qsort(s, m, sizeof *s, by_group_and_score);
    for (size_t i = 0, end; i < m; i = end) {
        for (end = i + 1; end < m && s[end].group == s[i].group;) end++;
        percentiles(s + i, end - i, percentile);
    }
    gp_mem_free(s);
    return GP_OK;
}

/* ------------------------------------------------------------------ shrunken residual */

/* Computes the variance t2 between groups (DerSimonian and Laird 1986): (Q - (K - 1)) / (sum w - sum w^2 / sum w),
 * where w = n_g / s2, Q = sum w (mean_g - mean)^2, and K is the number of groups with rows. within: s2. */
static double between(const gp_moments *m, size_t groups, double within)
{
    double sum = 0, square = 0, mean = 0, q = 0;
    size_t present = 0;
    for (size_t g = 0; g < groups; g++) {
        double w = (double)m[g].n / within;
        sum += w, square += w * w, mean += w * m[g].mean, present += m[g].n > 0;
    }
    if (present < 2) return 0;
    mean /= sum;
    for (size_t g = 0; g < groups; g++) q += (double)m[g].n / within * (m[g].mean - mean) * (m[g].mean - mean);
    double t2 = (q - (double)(present - 1)) / (sum - square / sum);
    return t2 > 0 ? t2 : 0;
}

/* Computes weight [groups].  Returns the centre c; NaN if no group has rows. */
static double centre_of(const gp_moments *m, size_t groups, double *weight)
{
    size_t rows = 0, present = 0;
    double squares = 0, sum = 0, at = 0, most = 0;
    for (size_t g = 0; g < groups; g++) {
        rows += m[g].n, present += m[g].n > 0, squares += m[g].squares;
        if (m[g].n && fabs(m[g].mean) > most) most = fabs(m[g].mean);
    }
    double within = rows > present ? squares / (double)(rows - present) : NAN;
    /* `known` is false if all scores within each group are equal, or if each group has only one row */
    bool known = within > 1e-24 * most * most;
    double t2 = known ? between(m, groups, within) : 0;
    for (size_t g = 0; g < groups; g++) {
        if (!m[g].n) continue;
        double v = known ? within / (double)m[g].n : 1, u = 1 / (v + t2);
        sum += u, at += u * m[g].mean;
    }
    for (size_t g = 0; g < groups; g++) {
        double v = m[g].n ? within / (double)m[g].n : 0;
        /* if s2 is 0 although groups have several rows, the means are exact: weight 1; if s2 is unknown: weight 0 */
        weight[g] = !m[g].n ? 0 : known ? t2 / (t2 + v) : rows > present ? 1 : 0;
    }
    return at / sum;
}

gp_status gp_calibrate_shrunken(const gp_moments *m, const double *score, const int32_t *group, size_t n, size_t groups,
                                double *residual, double *weight, gp_error *err)
{
    double *w;
    GP_TRY(gp_alloc((void **)&w, groups, sizeof *w, "the groups", err));
    double c = centre_of(m, groups, w);
    if (isnan(c)) { /* if no row is in a group, c is the mean of all rows */
        double sum = 0, rows = 0;
        for (size_t i = 0; i < n; i++)
            if (isfinite(score[i])) sum += score[i], rows++;
        c = sum / rows;
    }
    for (size_t i = 0; i < n; i++) {
        residual[i] = isfinite(score[i]) ? score[i] - c : (double)NAN;
        if (gp_moments_count(score, group, i)) residual[i] = score[i] - (c + w[group[i]] * (m[group[i]].mean - c));
    }
    for (size_t g = 0; weight && g < groups; g++) weight[g] = w[g];
    gp_mem_free(w);
    return GP_OK;
}

/* ------------------------------------------------------------------ quantile matching */

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Returns the quantile of sorted [m] at `place`, 0..1. sorted[k] is the quantile at (k + 1/2) / m; between these
 * places the quantile is interpolated linearly. */
static double quantile(const double *sorted, size_t m, double place)
{
    double at = fmin(fmax(place * (double)m - 0.5, 0), (double)(m - 1));
    size_t below = (size_t)at;
    if (below + 1 >= m) return sorted[m - 1];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

typedef struct matching {
    gp_moments *of;   /* [groups] */
    double *residual; /* [n] shrunken residual */
    double *all;      /* [n] percentile of the residual among all rows */
    double *sorted;   /* scores of the rows with a group, ascending */
    /* [n] groups for the percentile among all rows: 0 for a row that has a group and a finite score, else -1 */
    int32_t *one;
    double *factor; /* [groups] f_g */
} matching;

static void matching_clear(matching *m)
{
    gp_mem_free(m->of);
    gp_mem_free(m->residual);
    gp_mem_free(m->all);
    gp_mem_free(m->sorted);
    gp_mem_free(m->one);
    gp_mem_free(m->factor);
}

static gp_status matching_allocate(matching *m, size_t n, size_t groups, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&m->residual, n, sizeof(double), "the corrected scores", err));
    GP_TRY(gp_alloc((void **)&m->all, n, sizeof(double), "the corrected scores", err));
    GP_TRY(gp_alloc((void **)&m->sorted, n, sizeof(double), "the corrected scores", err));
    GP_TRY(gp_alloc((void **)&m->one, n, sizeof *m->one, "the corrected scores", err));
    return gp_alloc((void **)&m->factor, groups, sizeof *m->factor, "the corrected scores", err);
}

/* Computes factor [groups]: pooled standard deviation / standard deviation of the group.  A group with few rows would
 * give a bad estimate of its standard deviation, so each estimate includes 8 additional rows with the pooled variance.
 * Returns the mean of all rows with a group. */
static double scale_factors(const gp_moments *m, size_t groups, double *factor)
{
    enum { POOLED = 8 };
    size_t rows = 0, present = 0;
    double squares = 0, sum = 0;
    for (size_t g = 0; g < groups; g++)
        rows += m[g].n, present += m[g].n > 0, squares += m[g].squares, sum += (double)m[g].n * m[g].mean;
    double pooled = rows > present ? squares / (double)(rows - present) : 0;
    for (size_t g = 0; g < groups; g++) {
        double own = (m[g].squares + POOLED * pooled) / ((double)m[g].n - 1 + POOLED);
        factor[g] = own > 0 && pooled > 0 ? sqrt(pooled / own) : 1;
    }
    return rows ? sum / (double)rows : (double)NAN;
}

gp_status gp_calibrate_corrected(const double *score, const int32_t *group, size_t n, size_t groups,
                                 const double *percentile, double *corrected, double *weight, gp_error *err)
{
    enum { OTHERS = 4 };         /* weight of `all` in F_g, as a number of rows */
    const double matched = 0.75; /* weight of quantile matching; the scaled residual has the rest of 1 */
    matching m = {0};
    size_t rows = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(matching_allocate(&m, n, groups, err));
    for (size_t i = 0; i < n; i++) {
        m.one[i] = gp_moments_count(score, group, i) ? 0 : -1;
        if (m.one[i] == 0) m.sorted[rows++] = score[i];
    }
    if (rows) qsort(m.sorted, rows, sizeof *m.sorted, by_value);
    GP_TRY_GOTO(gp_moments_of(score, group, n, groups, &m.of, err));
    GP_TRY_GOTO(gp_calibrate_shrunken(m.of, score, group, n, groups, m.residual, weight, err));
    GP_TRY_GOTO(gp_calibrate_percentile(m.residual, m.one, n, 1, m.all, err));
    double centre = scale_factors(m.of, groups, m.factor);
    for (size_t i = 0; i < n; i++) {
        corrected[i] = isfinite(score[i]) ? score[i] : (double)NAN;
        if (m.one[i] < 0) continue;
        double size = (double)m.of[group[i]].n;
        double place = (size * percentile[i] + OTHERS * m.all[i]) / (size + OTHERS) / 100;
        corrected[i] =
            matched * quantile(m.sorted, rows, place) + (1 - matched) * (centre + m.factor[group[i]] * m.residual[i]);
    }
out:
    matching_clear(&m);
    return st;
}
