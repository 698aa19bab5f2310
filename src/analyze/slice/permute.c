/* SPDX-License-Identifier: MIT
 * The permutation test of the clusters of all searches at once (significance.h describes the method). */
#include "analyze/slice/significance.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* AT_A_TIME: rounds between two progress reports.  TRIAL: random exchanges from which the standard deviation of each
 * cluster's mean is measured.  PIECE: exchanges of the trial that one thread sums at a time. */
enum { AT_A_TIME = 100, PIECE = 25, TRIAL = 500 };

/* Arrays of [clusters] hold the clusters of all spaces: space after space, and within a space level after level. */
typedef struct permutation {
    const gp_permute_input *in;
    size_t clusters;
    size_t *first; /* [spaces] index of the space's first cluster */
    /* [spaces] weight[k]: the weights [blocks->rows] of the rows in space k (weigh_rows); NULL: the items of space k
     * are rows */
    double **weight;
    double *observed; /* [clusters] z: (the cluster's sum - expected) * scale - penalty */
    double *expected; /* [clusters] mean of the cluster's sum over random exchanges */
    double *penalty;  /* [clusters] see penalty_of */
    double *scale;    /* [clusters] 1 / standard deviation of the cluster's sum; 0: not tested */
    double *trial;    /* [pieces, clusters, 2] trial: the total of the cluster's sum, and the total of its square */
    atomic_uint next;
    uint32_t last; /* end of the rounds or pieces that the threads run */
    atomic_int status;
    atomic_uint *reached; /* [clusters] rounds in which the cluster's z reached `observed` */
    double *best;         /* [spaces, rounds] largest z of the space's clusters */
} permutation;

typedef struct permutation_thread {
    uint32_t *order; /* [groups] */
    double *pool;    /* [largest group] */
    double *drawn;   /* [rows] */
    double *sums;    /* [clusters] */
} permutation_thread;

static void add_rows(const gp_permute_space *s, const double *weight, const gp_blocks *b, const double *drawn,
                     double *sums)
{
    size_t finest = s->levels->count - 1;
    const uint32_t *labels = s->levels->labels + finest * s->levels->n;
    sums += s->levels->first[finest];
    if (!weight)
        for (size_t i = 0; i < b->rows; i++) sums[labels[b->row[i]]] += drawn[i];
    else
        for (size_t i = 0; i < b->rows; i++)
            if (weight[i] > 0) sums[labels[s->item[b->row[i]]]] += weight[i] * drawn[i];
}

/* Computes the clusters' sums in one random exchange. */
static void draw_sums(const permutation *p, permutation_thread *t, uint64_t seed)
{
    gp_an_exchange(p->in->blocks, seed, t->order, t->pool, t->drawn);
    memset(t->sums, 0, p->clusters * sizeof *t->sums);
    for (size_t k = 0; k < p->in->count; k++) {
        const gp_levels *l = p->in->spaces[k].levels;
        double *sums = t->sums + p->first[k];
        if (l->count == 0) continue;
        add_rows(&p->in->spaces[k], p->weight[k], p->in->blocks, t->drawn, sums);
        for (size_t c = l->clusters; c-- > 0;)
            if (l->parent[c] >= 0) sums[l->parent[c]] += sums[c];
    }
}

/* Sums of the same numbers, added in different orders, may differ in their last bits; this tolerance counts them as
 * equal. */
static const double equal_sums = 1e-9;

static void count_round(permutation *p, permutation_thread *t, uint32_t round)
{
    draw_sums(p, t, gp_rng_mix(p->in->seed + round));
    for (size_t k = 0; k < p->in->count; k++) {
        size_t end = p->first[k] + p->in->spaces[k].levels->clusters;
        double most = -INFINITY;
        for (size_t c = p->first[k]; c < end; c++) {
            if (p->scale[c] == 0) continue;
            double z = (t->sums[c] - p->expected[c]) * p->scale[c] - p->penalty[c];
            if (z > most) most = z;
            if (z >= p->observed[c] - equal_sums) atomic_fetch_add_explicit(&p->reached[c], 1, memory_order_relaxed);
        }
        p->best[k * p->in->rounds + round] = most;
    }
}

/* Runs one piece of the trial.  Each piece has its own totals, so the result does not depend on the number of
 * threads. */
static void try_piece(permutation *p, permutation_thread *t, uint32_t piece)
{
    size_t clusters = p->clusters;
    double *sums = p->trial + (size_t)piece * clusters * 2;
    for (uint32_t round = 0; round < PIECE; round++) {
        draw_sums(p, t, gp_rng_mix(~p->in->seed - piece * PIECE - round));
        for (size_t c = 0; c < clusters; c++) sums[2 * c] += t->sums[c], sums[2 * c + 1] += t->sums[c] * t->sums[c];
    }
}

static void run_thread(void *user, int index)
{
    permutation *p = user;
    permutation_thread t = {0};
    const gp_blocks *b = p->in->blocks;
    uint32_t at;
    (void)index;
    t.order = gp_mem_new(b->count, sizeof *t.order);
    t.pool = gp_mem_new(b->largest, sizeof *t.pool);
    t.drawn = gp_mem_new(b->rows, sizeof *t.drawn);
    t.sums = gp_mem_new(p->clusters, sizeof *t.sums);
    if (!t.order || !t.pool || !t.drawn || !t.sums)
        atomic_store(&p->status, GP_ERR_MEMORY);
    else
        while ((at = atomic_fetch_add(&p->next, 1)) < p->last) (p->trial ? try_piece : count_round)(p, &t, at);
    gp_mem_free(t.sums);
    gp_mem_free(t.drawn);
    gp_mem_free(t.pool);
    gp_mem_free(t.order);
}

static gp_status run_threads(permutation *p, uint32_t first, uint32_t last, gp_error *err)
{
    gp_threads *running;
    p->last = last;
    atomic_store(&p->next, first);
    GP_TRY(
        gp_threads_start(p->in->threads > 0 ? p->in->threads : gp_thread_processors(), run_thread, p, &running, err));
    gp_threads_join(running);
    if (atomic_load(&p->status) != GP_OK) return gp_fail_memory(err, "the slices");
    return GP_OK;
}

static gp_status run_rounds(permutation *p, gp_error *err)
{
    gp_progress_meter ticker;
    uint32_t rounds = p->in->rounds;
    gp_progress_meter_init(&ticker, "slices", rounds, p->in->progress, p->in->user);
    for (uint32_t at = 0; at < rounds; at = p->last) {
        GP_TRY(run_threads(p, at, rounds - at > AT_A_TIME ? at + AT_A_TIME : rounds, err));
        if (!gp_progress_meter_update(&ticker, p->last, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_progress_meter_finish(&ticker);
    return GP_OK;
}

/* ------------------------------------------------------------------ standard deviation of each cluster's mean */

static bool is_tested(const permutation *p, const gp_permute_space *s, size_t c)
{
    return s->eligible[c] && s->support[c] > 0 && s->support[c] < p->in->scores->scored;
}

/* Sets `spread` if rows have no groups: the standard deviation of the mean of m of n scores, drawn without
 * replacement. */
static void spread_of_rows(permutation *p)
{
    double n = (double)p->in->scores->scored;
    for (size_t k = 0; k < p->in->count; k++) {
        const gp_permute_space *s = &p->in->spaces[k];
        for (size_t c = 0; c < s->levels->clusters; c++) {
            double m = s->support[c];
            if (is_tested(p, s, c)) s->spread[c] = p->in->scores->sd * sqrt((1 - m / n) / m);
        }
    }
}

/* Sets `expected` and the space's `spread` of cluster c from the trial.  at: index of c among the clusters of all
 * spaces. */
static void spread_in_trial(permutation *p, const gp_permute_space *s, size_t c, size_t at)
{
    double sum = 0, squares = 0, m = s->support[c], sd = p->in->scores->sd;
    if (!is_tested(p, s, c)) return;
    for (size_t i = 0; i < TRIAL / PIECE; i++) {
        const double *piece = p->trial + (i * p->clusters + at) * 2;
        sum += piece[0], squares += piece[1];
    }
    p->expected[at] = sum / TRIAL;
    double variance = (squares - sum * p->expected[at]) / (TRIAL - 1);
    /* if no exchange changes the cluster's sum, the variance is only rounding */
    if (variance > 1e-18 * sd * sd * m * m) s->spread[c] = sqrt(variance) / m;
}

/* Sets `expected` and `spread` of each cluster if rows have groups.  Draws 500 (TRIAL) random exchanges for this, and
 * measures the mean of the cluster's sum and the standard deviation of the cluster's mean over these exchanges.  The
 * permutation test itself draws other exchanges, so the test stays valid. */
static gp_status spread_of_groups(permutation *p, gp_error *err)
{
    size_t pieces = TRIAL / PIECE;
    p->trial = gp_mem_zero(pieces * p->clusters, 2 * sizeof *p->trial);
    if (!p->trial) return gp_fail_memory(err, "the slices");
    GP_TRY(run_threads(p, 0, (uint32_t)pieces, err));
    for (size_t k = 0; k < p->in->count; k++)
        for (size_t c = 0; c < p->in->spaces[k].levels->clusters; c++)
            spread_in_trial(p, &p->in->spaces[k], c, p->first[k] + c);
    gp_mem_free(p->trial);
    p->trial = NULL;
    return GP_OK;
}

/* ------------------------------------------------------------------ entry point */

/* Computes weight [blocks->rows]: 1 / number of scored rows in the row's item; 0 for a row without an item. */
static gp_status weigh_rows(const gp_permute_space *s, const gp_blocks *b, double **weight, gp_error *err)
{
    uint32_t *rows; /* [items] scored rows */
    GP_TRY(gp_alloc((void **)weight, b->rows, sizeof **weight, "slices", err));
    rows = gp_mem_zero(s->levels->n, sizeof *rows);
    if (!rows) return gp_fail_memory(err, "the slices");
    for (size_t i = 0; i < b->rows; i++)
        if (s->item[b->row[i]] != UINT32_MAX) rows[s->item[b->row[i]]]++;
    for (size_t i = 0; i < b->rows; i++) {
        uint32_t item = s->item[b->row[i]];
        (*weight)[i] = item == UINT32_MAX ? 0 : 1.0 / rows[item];
    }
    gp_mem_free(rows);
    return GP_OK;
}

static gp_status allocate(permutation *p, gp_error *err)
{
    const gp_permute_input *in = p->in;
    p->weight = gp_mem_zero(in->count, sizeof *p->weight);
    if (!p->weight) return gp_fail_memory(err, "the slices");
    GP_TRY(gp_alloc((void **)&p->first, in->count, sizeof *p->first, "slices", err));
    for (size_t k = 0; k < in->count; k++) {
        p->first[k] = p->clusters;
        p->clusters += in->spaces[k].levels->clusters;
        if (in->spaces[k].item) GP_TRY(weigh_rows(&in->spaces[k], in->blocks, &p->weight[k], err));
    }
    GP_TRY(gp_alloc((void **)&p->observed, p->clusters, sizeof *p->observed, "slices", err));
    GP_TRY(gp_alloc((void **)&p->penalty, p->clusters, sizeof *p->penalty, "slices", err));
    GP_TRY(gp_alloc((void **)&p->scale, p->clusters, sizeof *p->scale, "slices", err));
    p->expected = gp_mem_zero(p->clusters, sizeof *p->expected);
    p->reached = gp_mem_zero(p->clusters, sizeof *p->reached);
    GP_TRY(gp_alloc((void **)&p->best, in->count * in->rounds, sizeof *p->best, "slices", err));
    return p->expected && p->reached ? GP_OK : gp_fail_memory(err, "the slices");
}

static void release(permutation *p)
{
    for (size_t k = 0; p->weight && k < p->in->count; k++) gp_mem_free(p->weight[k]);
    gp_mem_free(p->weight);
    gp_mem_free(p->first);
    gp_mem_free(p->observed);
    gp_mem_free(p->penalty);
    gp_mem_free(p->scale);
    gp_mem_free(p->expected);
    gp_mem_free(p->reached);
    gp_mem_free(p->best);
    gp_mem_free(p->trial);
}

/* The penalty of multiscale tests (Duembgen and Spokoiny 2001).  There are many more small clusters than large ones.
 * Without a penalty the best cluster would nearly always be a small one, and a large cluster would need as large a z as
 * the best of hundreds of small clusters.  So z is lowered by the largest z that one of n / m clusters of m items
 * reaches by chance.  The test stays exact, because the penalty is the same in all exchanges. */
static double penalty_of(double m, double n)
{
    return m > 0 && m < n ? sqrt(2 * log(n / m)) : 0;
}

static void observe(permutation *p, const gp_permute_space *s, size_t first)
{
    for (size_t c = 0; c < s->levels->clusters; c++) {
        double m = s->support[c], spread = s->spread[c];
        double sum = (s->value[c] - p->in->scores->mean) * m;
        p->scale[first + c] = spread > 0 ? 1 / (spread * m) : 0;
        p->penalty[first + c] = penalty_of(m, (double)s->scored);
        p->observed[first + c] = (sum - p->expected[first + c]) * p->scale[first + c] - p->penalty[first + c];
    }
}

/* Returns how many of m ascending numbers are at least `least`. */
static size_t count_from(const double *sorted, size_t m, double least)
{
    size_t low = 0, high = m;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < least)
            low = middle + 1;
        else
            high = middle;
    }
    return m - low;
}

static double best_observed(const permutation *p, size_t k)
{
    double most = -INFINITY;
    for (size_t c = 0; c < p->in->spaces[k].levels->clusters; c++)
        if (p->scale[p->first[k] + c] != 0) most = fmax(most, p->observed[p->first[k] + c]);
    return most;
}

/* Computes the statistic of each round (significance.h). Each space has a p-value in each round: that of its best
 * cluster. least [rounds]: the minimum over all spaces of this p-value divided by the space's share. sorted [spaces,
 * rounds]: the values of the array `best`, in ascending order within each space. */
static void least_of_rounds(const permutation *p, const double *sorted, double *least)
{
    size_t rounds = p->in->rounds;
    for (size_t r = 0; r < rounds; r++) least[r] = INFINITY;
    for (size_t k = 0; k < p->in->count; k++) {
        double most = best_observed(p, k);
        for (size_t r = 0; r < rounds; r++) {
            double best = p->best[k * rounds + r] - equal_sums;
            size_t as_good = count_from(sorted + k * rounds, rounds, best) + (most >= best);
            least[r] = fmin(least[r], (double)as_good / (1 + (double)rounds) / p->in->spaces[k].share);
        }
    }
}

/* Writes p and corrected p of the clusters of space k, as significance.h defines them. least [rounds]: the statistic
 * of each round. */
static void report_space(const permutation *p, size_t k, const double *sorted, const double *least)
{
    const gp_permute_space *s = &p->in->spaces[k];
    size_t m = p->in->rounds;
    double all = 1 + (double)m;
    for (size_t c = 0; c < s->levels->clusters; c++) {
        size_t at = p->first[k] + c;
        if (p->scale[at] == 0) continue;
        double among_own = (1 + (double)count_from(sorted, m, p->observed[at] - equal_sums)) / all / s->share;
        s->p[c] = (1 + (double)p->reached[at]) / all;
        /* (1 + 1e-12): equal statistics may differ in the last bit after the division by `share` */
        s->corrected[c] = (1 + (double)(m - count_from(least, m, among_own * (1 + 1e-12)))) / all;
    }
}

static gp_status report(const permutation *p, gp_error *err)
{
    size_t rounds = p->in->rounds, spaces = p->in->count;
    double *sorted = NULL, *least = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&sorted, spaces * rounds, sizeof *sorted, "slices", err));
    GP_TRY_GOTO(gp_alloc((void **)&least, rounds, sizeof *least, "slices", err));
    memcpy(sorted, p->best, spaces * rounds * sizeof *sorted);
    for (size_t k = 0; rounds && k < spaces; k++) qsort(sorted + k * rounds, rounds, sizeof *sorted, gp_an_by_number);
    least_of_rounds(p, sorted, least);
    if (rounds) qsort(least, rounds, sizeof *least, gp_an_by_number);
    for (size_t k = 0; k < spaces; k++) report_space(p, k, sorted + k * rounds, least);
out:
    gp_mem_free(least);
    gp_mem_free(sorted);
    return st;
}

gp_status gp_an_permutation_test(const gp_permute_input *in, gp_error *err)
{
    permutation p = {.in = in};
    gp_status st = GP_OK;
    for (size_t k = 0; k < in->count; k++)
        for (size_t c = 0; c < in->spaces[k].levels->clusters; c++)
            in->spaces[k].p[c] = in->spaces[k].corrected[c] = 1, in->spaces[k].spread[c] = 0;
    if (in->scores->scored < 2 || !(in->scores->sd > 0)) return GP_OK;
    GP_TRY_GOTO(allocate(&p, err));
    if (p.clusters == 0) goto out;
    if (in->blocks->largest > 1)
        GP_TRY_GOTO(spread_of_groups(&p, err));
    else
        spread_of_rows(&p);
    for (size_t k = 0; k < in->count; k++) observe(&p, &in->spaces[k], p.first[k]);
    GP_TRY_GOTO(run_rounds(&p, err));
    GP_TRY_GOTO(report(&p, err));
out:
    release(&p);
    return st;
}
