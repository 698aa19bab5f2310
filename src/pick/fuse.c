/* SPDX-License-Identifier: MIT
 * See fuse.h. */
#include "pick/fuse.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRIOR 3.0 /* the pooled variance counts as much as this number of scores */

/* ------------------------------------------------------------------ the pooled variance */

typedef struct spread {
    double mean, squares;
    size_t n;
} spread;

static spread spread_of(const double *x, size_t stride, size_t n)
{
    spread s = {0};
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double value = x[i * stride];
        if (isfinite(value)) s.mean += value, s.n++, least = fmin(least, value), most = fmax(most, value);
    }
    if (!s.n) return s;
    s.mean /= (double)s.n;
    if (least >= most) { /* the mean of equal scores may differ from them by rounding */
        s.mean = least;
        return s;
    }
    for (size_t i = 0; i < n; i++) {
        const double d = x[i * stride] - s.mean;
        if (isfinite(x[i * stride])) s.squares += d * d;
    }
    return s;
}

void gp_fuse_pool_add(gp_fuse_pool *pool, const double *x, size_t stride, size_t n)
{
    const spread s = spread_of(x, stride, n);
    if (s.n < 2) return;
    pool->squares += s.squares;
    pool->freedom += s.n - 1;
}

double gp_fuse_pool_variance(const gp_fuse_pool *pool)
{
    return pool->freedom ? pool->squares / (double)pool->freedom : 0;
}

/* ------------------------------------------------------------------ one scorer */

/* Changes x [n] to z.  Equal scores all get 0. */
static void to_z(double *x, size_t n, double variance)
{
    const spread s = spread_of(x, 1, n);
    const double scale = s.n ? sqrt((s.squares + PRIOR * variance) / ((double)s.n - 1 + PRIOR)) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) continue;
        x[i] = s.n > 1 && scale > 0 ? (x[i] - s.mean) / scale : 0;
    }
}

/* Returns the x with Phi(x) = p, for 0 < p < 1, by Newton's method from 0.  Phi is convex below 0 and concave above it,
 * so the first step does not pass the solution, and the steps converge from one side. */
static double normal_quantile(double p)
{
    double x = 0;
    if (p > 0.5) return -normal_quantile(1 - p);
    for (int i = 0; i < 100; i++) {
        const double density = exp(-x * x / 2) * 0.3989422804014327; /* 1 / sqrt(2 pi) */
        const double step = (0.5 * erfc(-x * M_SQRT1_2) - p) / density;
        x -= step;
        if (fabs(step) < 1e-15 * (1 + fabs(x))) break;
    }
    return x;
}

typedef struct place {
    double x;
    size_t index;
} place;

static int compare_places(const void *a, const void *b)
{
    const double x = ((const place *)a)->x, y = ((const place *)b)->x;
    return (x > y) - (x < y);
}

/* Changes x [n] to normal quantiles of the ranks. places: [n] scratch. */
static void to_quantiles(double *x, size_t n, place *places)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i])) places[m++] = (place){x[i], i};
    qsort(places, m, sizeof *places, compare_places);
    for (size_t i = 0, j; i < m; i = j) {
        for (j = i; j < m && places[j].x == places[i].x;) j++;
        const double rank = (double)(i + j + 1) / 2;
        const double value = normal_quantile((rank - 0.375) / ((double)m + 0.25));
        for (size_t k = i; k < j; k++) x[places[k].index] = value;
    }
}

/* Adds 1 to `agree` of the candidate that one scorer puts first; candidates that share the first place share the 1. */
static void add_first(const double *x, size_t n, gp_fused *out)
{
    size_t firsts = 0;
    double best = -(double)INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) continue;
        if (x[i] > best) best = x[i], firsts = 0;
        firsts += x[i] == best;
    }
    for (size_t i = 0; i < n; i++)
        if (isfinite(x[i]) && x[i] == best) out[i].agree += 1 / (double)firsts;
}

/* ------------------------------------------------------------------ the Pareto set */

static bool used(const gp_fuse_prompt *p, size_t scorer)
{
    return !p->weights || p->weights[scorer] > 0;
}

/* Returns the score with the sign that makes higher better. */
static double score_at(const gp_fuse_prompt *p, size_t candidate, size_t scorer)
{
    const double x = p->scores[candidate * p->scorers + scorer];
    return p->lower_better && p->lower_better[scorer] ? -x : x;
}

static bool dominates(const gp_fuse_prompt *p, size_t j, size_t i)
{
    bool better = false;
    for (size_t s = 0; s < p->scorers; s++) {
        const double x = score_at(p, i, s), y = score_at(p, j, s);
        if (!used(p, s) || !isfinite(x)) continue;
        if (!isfinite(y) || y < x) return false;
        better |= y > x;
    }
    return better;
}

static bool dominated(const gp_fuse_prompt *p, size_t i)
{
    for (size_t j = 0; j < p->candidates; j++)
        if (dominates(p, j, i)) return true;
    return false;
}

/* ------------------------------------------------------------------ all scorers */

typedef struct sums {
    double value, weight;
} sums;

static void add_scorer(const gp_fuse_prompt *p, size_t s, gp_fuse_form form, double *x, place *places, sums *sum,
                       gp_fused *out)
{
    const size_t n = p->candidates;
    const double weight = p->weights ? p->weights[s] : 1;
    for (size_t i = 0; i < n; i++) x[i] = score_at(p, i, s);
    add_first(x, n, out);
    if (form == GP_FUSE_Z)
        to_z(x, n, p->variances[s]);
    else
        to_quantiles(x, n, places);
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) continue;
        sum[i].value += weight * x[i];
        sum[i].weight += weight;
        out[i].scores++;
    }
}

static bool has_scores(const gp_fuse_prompt *p, size_t s)
{
    for (size_t i = 0; i < p->candidates && used(p, s); i++)
        if (isfinite(score_at(p, i, s))) return true;
    return false;
}

gp_status gp_fuse(const gp_fuse_prompt *prompt, gp_fuse_form form, gp_fused *out, gp_error *err)
{
    const size_t n = prompt->candidates;
    double *x = NULL;
    place *places = NULL;
    sums *sum = NULL;
    size_t scorers = 0;
    gp_status st;
    if (!n) return GP_OK;
    memset(out, 0, n * sizeof *out);
    GP_TRY_GOTO(gp_alloc((void **)&x, n, sizeof *x, "fused scores", err));
    GP_TRY_GOTO(gp_alloc((void **)&places, n, sizeof *places, "fused scores", err));
    GP_TRY_GOTO(gp_alloc((void **)&sum, n, sizeof *sum, "fused scores", err));
    memset(sum, 0, n * sizeof *sum);
    for (size_t s = 0; s < prompt->scorers; s++) {
        if (!has_scores(prompt, s)) continue;
        add_scorer(prompt, s, form, x, places, sum, out);
        scorers++;
    }
    for (size_t i = 0; i < n; i++) {
        out[i].score = sum[i].weight > 0 ? sum[i].value / sum[i].weight : (double)NAN;
        out[i].partial = out[i].scores < scorers;
        if (scorers) out[i].agree /= (double)scorers;
        out[i].pareto = !prompt->no_pareto && out[i].scores > 0 && !dominated(prompt, i);
    }
out:
    gp_mem_free(sum);
    gp_mem_free(places);
    gp_mem_free(x);
    return st;
}
