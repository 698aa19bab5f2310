/* SPDX-License-Identifier: MIT
 * Permutation, bootstrap, effect size; p-values without rounds, and of many at once. */
#include "analyze/significance.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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

double gp_an_stands_out(const gp_scores *s, double mean, size_t m)
{
    double n = (double)s->scored, spread = s->sd * sqrt((1 - (double)m / n) / (double)m);
    return spread > 0 ? (mean - s->mean) / spread : 0;
}

/* ------------------------------------------------------------------ permutation */

typedef struct permutation {
    const gp_levels *levels;
    const gp_scores *scores;
    const uint32_t *rows;    /* [scored] rows with a score */
    const double *values;    /* [scored] their scores */
    const double *observed;  /* [clusters] how far each stands out */
    const double *scale;     /* [clusters] 1 / (its standard deviation * m); 0: not looked at */
    const uint32_t *support; /* [clusters] */
    uint64_t seed;
    atomic_uint next, done;
    uint32_t last; /* rounds up to here in this call of the threads */
    atomic_int status;
    atomic_uint *alone, *best; /* [clusters] rounds in which the cluster, the best of all, did as well */
} permutation;

/* best[c] is counted through the sorted order of the observed values, not cluster by cluster. */
typedef struct permutation_thread {
    uint32_t *order; /* [scored] */
    double *sums;    /* [clusters] */
} permutation_thread;

static void shuffle(uint32_t *order, size_t n, uint64_t seed)
{
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (size_t i = n - 1; i > 0; i--) {
        uint64_t r = gp_rng_at(seed, i);
        size_t j = (size_t)(((unsigned __int128)r * (i + 1)) >> 64);
        uint32_t keep = order[i];
        order[i] = order[j], order[j] = keep;
    }
}

static void one_round(permutation *p, permutation_thread *t, uint32_t round)
{
    const gp_levels *l = p->levels;
    size_t finest = l->count - 1, n = p->scores->scored;
    double most = -INFINITY;
    shuffle(t->order, n, gp_rng_mix(p->seed + round));
    memset(t->sums, 0, l->clusters * sizeof *t->sums);
    for (size_t i = 0; i < n; i++)
        t->sums[l->first[finest] + l->labels[finest * l->n + p->rows[i]]] += p->values[t->order[i]] - p->scores->mean;
    for (size_t c = l->clusters; c-- > 0;)
        if (l->parent[c] >= 0) t->sums[l->parent[c]] += t->sums[c];
    for (size_t c = 0; c < l->clusters; c++) {
        if (p->scale[c] == 0) continue;
        double z = t->sums[c] * p->scale[c];
        if (z > most) most = z;
        /* equal sums added in another order may differ in their last bits */
        if (z >= p->observed[c] - 1e-9) atomic_fetch_add_explicit(&p->alone[c], 1, memory_order_relaxed);
    }
    for (size_t c = 0; c < l->clusters; c++)
        if (p->scale[c] != 0 && most >= p->observed[c] - 1e-9)
            atomic_fetch_add_explicit(&p->best[c], 1, memory_order_relaxed);
}

static void permute_thread(void *user, int index)
{
    permutation *p = user;
    permutation_thread t = {0};
    uint32_t round;
    (void)index;
    t.order = gp_mem_new(p->scores->scored, sizeof *t.order);
    t.sums = gp_mem_new(p->levels->clusters, sizeof *t.sums);
    if (!t.order || !t.sums)
        atomic_store(&p->status, GP_ERR_MEMORY);
    else
        while ((round = atomic_fetch_add(&p->next, 1)) < p->last) one_round(p, &t, round);
    gp_mem_free(t.sums);
    gp_mem_free(t.order);
}

static gp_status run_rounds(permutation *p, uint32_t rounds, int threads, gp_progress_fn progress, void *user,
                            gp_error *err)
{
    enum { A_TIME = 100 }; /* rounds between two words about progress */
    gp_ticker ticker;
    if (threads <= 0) threads = gp_thread_processors();
    gp_ticker_init(&ticker, "slices", rounds, progress, user);
    for (uint32_t at = 0; at < rounds; at = p->last) {
        gp_threads *running;
        p->last = rounds - at > A_TIME ? at + A_TIME : rounds;
        atomic_store(&p->next, at);
        GP_TRY(gp_threads_start(threads, permute_thread, p, &running, err));
        gp_threads_join(running);
        if (atomic_load(&p->status) != GP_OK) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the slices");
        if (!gp_ticker_update(&ticker, p->last, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_ticker_finish(&ticker);
    return GP_OK;
}

gp_status gp_an_permute(const gp_levels *levels, const gp_scores *scores, const double *value, const uint32_t *support,
                        const bool *eligible, uint32_t rounds, uint64_t seed, int threads, gp_progress_fn progress,
                        void *user, double *p_alone, double *corrected, gp_error *err)
{
    size_t clusters = levels->clusters, k = 0;
    uint32_t *rows = NULL;
    double *values = NULL, *observed = NULL, *scale = NULL;
    permutation p = {.levels = levels, .scores = scores, .support = support, .seed = seed};
    gp_status st = GP_OK;
    for (size_t c = 0; c < clusters; c++) p_alone[c] = corrected[c] = 1;
    if (scores->scored < 2 || !(scores->sd > 0) || levels->count == 0) return GP_OK;
    GP_GO(gp_alloc((void **)&rows, scores->scored, sizeof *rows, "slices", err));
    GP_GO(gp_alloc((void **)&values, scores->scored, sizeof *values, "slices", err));
    GP_GO(gp_alloc((void **)&observed, clusters, sizeof *observed, "slices", err));
    GP_GO(gp_alloc((void **)&scale, clusters, sizeof *scale, "slices", err));
    p.alone = gp_mem_zero(clusters, sizeof *p.alone);
    p.best = gp_mem_zero(clusters, sizeof *p.best);
    if (!p.alone || !p.best) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for the slices"));
    for (uint32_t i = 0; i < scores->n; i++)
        if (!isnan(scores->score[i])) rows[k] = i, values[k++] = scores->score[i];
    for (size_t c = 0; c < clusters; c++) {
        bool looked = eligible[c] && support[c] > 0 && support[c] < scores->scored;
        double m = (double)support[c], spread = scores->sd * sqrt((1 - m / (double)scores->scored) / m);
        scale[c] = looked && spread > 0 ? 1 / (spread * m) : 0;
        observed[c] = looked ? gp_an_stands_out(scores, value[c], support[c]) : 0;
    }
    p.rows = rows, p.values = values, p.observed = observed, p.scale = scale;
    GP_GO(run_rounds(&p, rounds, threads, progress, user, err));
    for (size_t c = 0; c < clusters; c++) {
        if (scale[c] == 0) continue;
        p_alone[c] = (1 + (double)p.alone[c]) / (1 + (double)rounds);
        corrected[c] = (1 + (double)p.best[c]) / (1 + (double)rounds);
    }
out:
    gp_mem_free(p.best);
    gp_mem_free(p.alone);
    gp_mem_free(scale);
    gp_mem_free(observed);
    gp_mem_free(values);
    gp_mem_free(rows);
    return st;
}

/* ------------------------------------------------------------------ interval and effect */

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

void gp_an_bootstrap(const double *sample, size_t m, double reference, uint32_t rounds, uint64_t seed, double *scratch,
                     double *low, double *high)
{
    if (m == 0 || rounds == 0) {
        *low = *high = NAN;
        return;
    }
    for (uint32_t b = 0; b < rounds; b++) {
        uint64_t stream = gp_rng_mix(seed + b);
        double sum = 0;
        for (size_t i = 0; i < m; i++) sum += sample[(size_t)(((unsigned __int128)gp_rng_at(stream, i) * m) >> 64)];
        scratch[b] = sum / (double)m - reference;
    }
    qsort(scratch, rounds, sizeof *scratch, by_value);
    *low = scratch[(size_t)(0.025 * (rounds - 1))];
    *high = scratch[(size_t)(0.975 * (rounds - 1) + 0.5)];
}

double gp_an_effect(double mean_in, double var_in, size_t m, double mean_out, double var_out, size_t k)
{
    if (m + k < 3 || m == 0 || k == 0) return NAN;
    double df = (double)(m + k - 2);
    double pooled = sqrt(((double)(m - 1) * var_in + (double)(k - 1) * var_out) / df);
    return pooled > 0 ? (mean_in - mean_out) / pooled * (1 - 3 / (4 * df - 1)) : NAN;
}

/* ------------------------------------------------------------------ without rounds, and for many at once */

/* log of the gamma function by Stirling's series (DLMF 5.11.1); the C library's writes to a global. */
static double log_gamma(double x)
{
    double shift = 0;
    for (; x < 15; x++) shift += log(x);
    double y = 1 / (x * x);
    double series = (1.0 / 12 - y * (1.0 / 360 - y * (1.0 / 1260 - y * (1.0 / 1680 - y / 1188)))) / x;
    return (x - 0.5) * log(x) - x + 0.91893853320467274 + series - shift;
}

/* The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22, evaluated as Lentz has it). */
static double beta_below(double x, double a, double b)
{
    const double tiny = 1e-300;
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - beta_below(1 - x, b, a);
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

double gp_an_chance(double z, size_t m, size_t n)
{
    if (n < 3 || m == 0 || m >= n || isnan(z)) return 1;
    double r2 = z * z / (double)(n - 1), in = (double)m, all = (double)n;
    double ways = log_gamma(all + 1) - log_gamma(in + 1) - log_gamma(all - in + 1);
    return fmin(fmax(beta_below(1 - fmin(r2, 1), all / 2 - 1, 0.5), exp(-ways)), 1);
}

double gp_an_t_95(double df)
{
    double low = 1.9, high = 13; /* 12.71 for df 1, 1.96 for many */
    for (int i = 0; i < 60; i++) {
        double t = (low + high) / 2;
        if (beta_below(df / (df + t * t), df / 2, 0.5) > 0.05)
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

gp_status gp_an_correct(const double *p, size_t n, double *corrected, gp_error *err)
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
