/* SPDX-License-Identifier: MIT
 * Bootstrap interval, effect size, closed-form p-values and their adjustment for multiple tests.  The permutation test
 * is in permute.c. */
#include "analyze/slice/significance.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>

void gp_an_scores_init(gp_scores *s, const double *score, size_t n)
{
    double sum = 0, squares = 0;
    *s = (gp_scores){.n = n, .score = score};
    for (size_t i = 0; i < n; i++)
        if (!isnan(score[i])) sum += score[i], s->scored++;
    s->mean = s->scored ? sum / (double)s->scored : NAN;
    for (size_t i = 0; i < n; i++)
        if (!isnan(score[i])) squares += (score[i] - s->mean) * (score[i] - s->mean);
    s->sd = s->scored > 1 ? sqrt(squares / (double)(s->scored - 1)) : NAN;
}

double gp_an_mean_z(const gp_scores *s, double mean, size_t m)
{
    double n = (double)s->scored, spread = s->sd * sqrt((1 - (double)m / n) / (double)m);
    return spread > 0 ? (mean - s->mean) / spread : 0;
}

/* ------------------------------------------------------------------ interval and effect */

void gp_an_bootstrap(const gp_unit *units, size_t m, double reference, uint32_t rounds, uint64_t seed, double *scratch,
                     double *low, double *high)
{
    if (m == 0 || rounds == 0) {
        *low = *high = NAN;
        return;
    }
    for (uint32_t b = 0; b < rounds; b++) {
        uint64_t stream = gp_rng_mix(seed + b);
        double sum = 0, rows = 0;
        for (size_t i = 0; i < m; i++) {
            const gp_unit *u = &units[(size_t)(((unsigned __int128)gp_rng_at(stream, i) * m) >> 64)];
            sum += u->sum, rows += u->rows;
        }
        scratch[b] = sum / rows - reference;
    }
    qsort(scratch, rounds, sizeof *scratch, gp_an_by_number);
    *low = scratch[(size_t)(0.025 * (rounds - 1))];
    *high = scratch[(size_t)(0.975 * (rounds - 1) + 0.5)];
}

double gp_an_hedges_g(double mean_in, double var_in, size_t m, double mean_out, double var_out, size_t k, size_t units)
{
    if (m + k < 3 || m == 0 || k == 0 || units < 3) return NAN;
    double df = (double)(units - 2);
    double pooled = sqrt(((double)(m - 1) * var_in + (double)(k - 1) * var_out) / (double)(m + k - 2));
    return pooled > 0 ? (mean_in - mean_out) / pooled * (1 - 3 / (4 * df - 1)) : NAN;
}

/* ------------------------------------------------------------------ p-values in closed form */

/* Returns the logarithm of the gamma function by Stirling's series (DLMF 5.11.1). lgamma of the C library writes to
 * the global variable signgam, so threads may not use it. */
static double log_gamma(double x)
{
    double shift = 0;
    for (; x < 15; x++) shift += log(x);
    double y = 1 / (x * x);
    double series = (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y * (1.0 / 1680 - y / 1188)))) / x;
    return (x - 0.5) * log(x) - x + 0.91893853320467274 + series - shift;
}

/* Returns the regularised incomplete beta function I_x(a, b) by its continued fraction (DLMF 8.17.22), evaluated by
 * Lentz's method. */
static double incomplete_beta(double x, double a, double b)
{
    const double tiny = 1e-300;
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(1 - x, b, a);
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x)) / a;
    double c = 1, d = 0, f = 1;
    for (int i = 0; i < 500; i++) {
        double m = (double)(i >> 1), k = a + 2 * m;
        double term = i == 0       ? 1
                      : i % 2 == 0 ? m * (b - m) * x / ((k - 1) * k)
                                   : -(a + m) * (a + b + m) * x / (k * (k + 1));
        d = 1 + term * d, d = 1 / (fabs(d) < tiny ? tiny : d);
        c = 1 + term / c, c = fabs(c) < tiny ? tiny : c;
        f *= c * d;
        if (fabs(1 - c * d) < 1e-14) break;
    }
    return front * (f - 1);
}

double gp_an_permutation_p(double z, size_t m, size_t n)
{
    if (n < 3 || m == 0 || m >= n || isnan(z)) return 1;
    double r2 = z * z / (double)(n - 1), in = (double)m, all = (double)n;
    double ways = log_gamma(all + 1) - log_gamma(in + 1) - log_gamma(all - in + 1);
    return fmin(fmax(incomplete_beta(1 - fmin(r2, 1), all / 2 - 1, 0.5), exp(-ways)), 1);
}

double gp_an_t_95(double df)
{
    double low = 1.9, high = 13; /* the value is 12.71 for df = 1 and falls to 1.96 */
    for (int i = 0; i < 60; i++) {
        double t = (low + high) / 2;
        if (incomplete_beta(df / (df + t * t), df / 2, 0.5) > 0.05)
            low = t;
        else
            high = t;
    }
    return (low + high) / 2;
}

typedef struct ordered_p {
    double p;
    size_t index;
} ordered_p;

static int by_p(const void *a, const void *b)
{
    const ordered_p *p = a, *q = b;
    return p->p != q->p ? (p->p > q->p) - (p->p < q->p) : (p->index > q->index) - (p->index < q->index);
}

gp_status gp_an_adjust_bh(const double *p, size_t n, double *corrected, gp_error *err)
{
    ordered_p *order;
    double least = 1;
    GP_TRY(gp_alloc((void **)&order, n, sizeof *order, "p-values", err));
    for (size_t i = 0; i < n; i++) order[i] = (ordered_p){p[i], i};
    qsort(order, n, sizeof *order, by_p);
    for (size_t rank = n; rank > 0; rank--) {
        least = fmin(least, order[rank - 1].p * (double)n / (double)rank);
        corrected[order[rank - 1].index] = least;
    }
    gp_mem_free(order);
    return GP_OK;
}
