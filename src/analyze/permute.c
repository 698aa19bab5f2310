/* SPDX-License-Identifier: MIT
 * The permutation test of all clusters at once. */
#include "analyze/significance.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Rounds between two reports of progress, and the rounds that one thread adds up in one piece of the trial. */
enum { AT_A_TIME = 100, PIECE = 25, TRIAL = 500 };

typedef struct permutation {
    const gp_permute_input *in;
    double *observed; /* [clusters] how many of its standard deviations the cluster stands out */
    double *middle;   /* [clusters] mean of its sum under the exchange */
    double *scale;    /* [clusters] 1 / standard deviation of its sum; 0: not looked at */
    double *trial;    /* [pieces, clusters, 2] sums of the sums and of their squares */
    atomic_uint next;
    uint32_t last; /* rounds up to here in this call of the threads */
    atomic_int status;
    atomic_uint *alone, *best; /* [clusters] rounds in which the cluster, the best of all, did as well */
} permutation;

typedef struct permutation_thread {
    uint32_t *order; /* [groups] */
    double *hand;    /* [largest group] */
    double *drawn;   /* [rows] */
    double *sums;    /* [clusters] */
} permutation_thread;

/* Sums of the clusters in one random exchange. */
static void draw_sums(const permutation *p, permutation_thread *t, uint64_t seed)
{
    const gp_levels *l = p->in->levels;
    const gp_blocks *b = p->in->blocks;
    size_t finest = l->count - 1;
    gp_an_exchange(b, seed, t->order, t->hand, t->drawn);
    memset(t->sums, 0, l->clusters * sizeof *t->sums);
    for (size_t i = 0; i < b->rows; i++)
        t->sums[l->first[finest] + l->labels[finest * l->n + b->row[i]]] += t->drawn[i];
    for (size_t c = l->clusters; c-- > 0;)
        if (l->parent[c] >= 0) t->sums[l->parent[c]] += t->sums[c];
}

static void count_round(permutation *p, permutation_thread *t, uint32_t round)
{
    size_t clusters = p->in->levels->clusters;
    double most = -INFINITY;
    draw_sums(p, t, gp_rng_mix(p->in->seed + round));
    for (size_t c = 0; c < clusters; c++) {
        if (p->scale[c] == 0) continue;
        double z = (t->sums[c] - p->middle[c]) * p->scale[c];
        if (z > most) most = z;
        /* equal sums added in another order may differ in their last bits */
        if (z >= p->observed[c] - 1e-9) atomic_fetch_add_explicit(&p->alone[c], 1, memory_order_relaxed);
    }
    for (size_t c = 0; c < clusters; c++)
        if (p->scale[c] != 0 && most >= p->observed[c] - 1e-9)
            atomic_fetch_add_explicit(&p->best[c], 1, memory_order_relaxed);
}

/* One piece of the trial.  Each piece has its own sums, so that the result does not depend on the threads. */
static void try_piece(permutation *p, permutation_thread *t, uint32_t piece)
{
    size_t clusters = p->in->levels->clusters;
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
    t.hand = gp_mem_new(b->largest, sizeof *t.hand);
    t.drawn = gp_mem_new(b->rows, sizeof *t.drawn);
    t.sums = gp_mem_new(p->in->levels->clusters, sizeof *t.sums);
    if (!t.order || !t.hand || !t.drawn || !t.sums)
        atomic_store(&p->status, GP_ERR_MEMORY);
    else
        while ((at = atomic_fetch_add(&p->next, 1)) < p->last) (p->trial ? try_piece : count_round)(p, &t, at);
    gp_mem_free(t.sums);
    gp_mem_free(t.drawn);
    gp_mem_free(t.hand);
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
    if (atomic_load(&p->status) != GP_OK) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the slices");
    return GP_OK;
}

static gp_status run_rounds(permutation *p, gp_error *err)
{
    gp_ticker ticker;
    uint32_t rounds = p->in->rounds;
    gp_ticker_init(&ticker, "slices", rounds, p->in->progress, p->in->user);
    for (uint32_t at = 0; at < rounds; at = p->last) {
        GP_TRY(run_threads(p, at, rounds - at > AT_A_TIME ? at + AT_A_TIME : rounds, err));
        if (!gp_ticker_update(&ticker, p->last, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_ticker_finish(&ticker);
    return GP_OK;
}

/* ------------------------------------------------------------------ the spread of each cluster */

static bool looked_at(const gp_permute_input *in, size_t c)
{
    return in->eligible[c] && in->support[c] > 0 && in->support[c] < in->scores->scored;
}

/* Without groups the spread is that of m of n scores drawn without replacement. */
static void spread_of_rows(permutation *p, double *spread)
{
    const gp_permute_input *in = p->in;
    for (size_t c = 0; c < in->levels->clusters; c++) {
        double m = (double)in->support[c];
        if (looked_at(in, c)) spread[c] = in->scores->sd * sqrt((1 - m / (double)in->scores->scored) / m);
    }
}

/* With groups, the spread of each cluster in a trial of 500 exchanges.  These exchanges are not those of the test, so
 * the test stays valid. */
static gp_status spread_of_groups(permutation *p, double *spread, gp_error *err)
{
    const gp_permute_input *in = p->in;
    size_t clusters = in->levels->clusters, pieces = TRIAL / PIECE;
    p->trial = gp_mem_zero(pieces * clusters, 2 * sizeof *p->trial);
    if (!p->trial) return gp_fail(err, GP_ERR_MEMORY, "out of memory for the slices");
    GP_TRY(run_threads(p, 0, (uint32_t)pieces, err));
    for (size_t c = 0; c < clusters; c++) {
        double sum = 0, squares = 0, m = in->support[c];
        for (size_t i = 0; i < pieces; i++)
            sum += p->trial[(i * clusters + c) * 2], squares += p->trial[(i * clusters + c) * 2 + 1];
        if (!looked_at(in, c)) continue;
        p->middle[c] = sum / TRIAL;
        double variance = (squares - sum * p->middle[c]) / (TRIAL - 1);
        /* a cluster whose sum no exchange changes: what is left is rounding */
        if (variance > 1e-18 * in->scores->sd * in->scores->sd * m * m) spread[c] = sqrt(variance) / m;
    }
    gp_mem_free(p->trial);
    p->trial = NULL;
    return GP_OK;
}

static gp_status make_room(permutation *p, gp_error *err)
{
    size_t clusters = p->in->levels->clusters;
    GP_TRY(gp_alloc((void **)&p->observed, clusters, sizeof *p->observed, "slices", err));
    GP_TRY(gp_alloc((void **)&p->middle, clusters, sizeof *p->middle, "slices", err));
    GP_TRY(gp_alloc((void **)&p->scale, clusters, sizeof *p->scale, "slices", err));
    p->alone = gp_mem_zero(clusters, sizeof *p->alone);
    p->best = gp_mem_zero(clusters, sizeof *p->best);
    return p->alone && p->best ? GP_OK : gp_fail(err, GP_ERR_MEMORY, "out of memory for the slices");
}

gp_status gp_an_permute(const gp_permute_input *in, double *p_alone, double *corrected, double *spread, gp_error *err)
{
    size_t clusters = in->levels->clusters;
    permutation p = {.in = in};
    gp_status st = GP_OK;
    for (size_t c = 0; c < clusters; c++) p_alone[c] = corrected[c] = 1, spread[c] = 0;
    if (in->scores->scored < 2 || !(in->scores->sd > 0) || in->levels->count == 0) return GP_OK;
    GP_GO(make_room(&p, err));
    for (size_t c = 0; c < clusters; c++) p.middle[c] = 0;
    if (in->blocks->largest > 1)
        GP_GO(spread_of_groups(&p, spread, err));
    else
        spread_of_rows(&p, spread);
    for (size_t c = 0; c < clusters; c++) {
        double m = (double)in->support[c];
        p.scale[c] = spread[c] > 0 ? 1 / (spread[c] * m) : 0;
        p.observed[c] = ((in->value[c] - in->scores->mean) * m - p.middle[c]) * p.scale[c];
    }
    GP_GO(run_rounds(&p, err));
    for (size_t c = 0; c < clusters; c++) {
        if (p.scale[c] == 0) continue;
        p_alone[c] = (1 + (double)p.alone[c]) / (1 + (double)in->rounds);
        corrected[c] = (1 + (double)p.best[c]) / (1 + (double)in->rounds);
    }
out:
    gp_mem_free(p.trial);
    gp_mem_free(p.best);
    gp_mem_free(p.alone);
    gp_mem_free(p.scale);
    gp_mem_free(p.middle);
    gp_mem_free(p.observed);
    return st;
}
