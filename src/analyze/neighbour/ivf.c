/* SPDX-License-Identifier: MIT
 * Approximate k-NN with IVF lists (an inverted file: Sivic and Zisserman 2003; Jegou, Douze, Schmid 2011).  nprobe is
 * measured on a sample of the rows, so that the search reaches the requested recall.  In this file a cell is an IVF
 * list, and a centre is its centroid.
 *
 *   a sample of rows -> centroids (k-means)
 *   every row        -> the list of its nearest centroid
 *   500 sample rows  -> exact k-NN -> number of neighbours in the nearest list, the second, ... -> nprobe
 *   rows in the order of their lists, in chunks for the threads -> products with the rows of the probed lists
 *
 * The distances are exact.  The result does not depend on the number of threads. */
#include "analyze/neighbour/neighbours.h"

#include "analyze/analyze.h"
#include "analyze/neighbour/knn.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    LEAST = 20000, /* rows; exact search of fewer takes a second or two */
    LEARN = 32,    /* sample rows for each centroid in k-means */
    ROUNDS = 6,    /* rounds of k-means */
    ASKED = 500,   /* sample rows whose exact neighbours determine nprobe */
    CHUNK = 2048   /* rows that a thread processes at a time */
};
static const double max_share = 0.25; /* largest share of rows to compare; exact search: 0.5, at less cost each */

typedef struct cells {
    const float *rows;
    size_t n, d, k;
    const gp_neighbours_options *o;
    size_t count, probes; /* IVF lists; nprobe, the number of probed lists */
    float *centres;       /* [count, d] */
    uint32_t *of;         /* [n] list of each row */
    uint32_t *order;      /* [n] rows in the order of their lists */
    size_t *first;        /* [count + 1] index in `order` of each list's first row */
    size_t *slot;         /* [count + 1] first slot of each list; a list begins at a new panel */
    uint32_t *row_at;     /* [slots] row in each slot of the panels */
    gp_knn s;
    uint32_t *ids;    /* [n, k] the result */
    float *distances; /* [n, k] */
    atomic_size_t next, finished;
    atomic_bool stop;
    atomic_int status;
    gp_progress_meter ticker;
} cells;

/* Finds the k nearest centroids of each row of x [m, d]. */
static gp_status find_cells(const cells *c, const float *x, size_t m, size_t k, int threads, uint32_t *ids,
                            gp_error *err)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    float *distances = NULL;
    o.metric = c->o->metric, o.threads = threads;
    GP_TRY(gp_alloc((void **)&distances, m * k, sizeof *distances, "neighbours", err));
    gp_status st = gp_an_neighbours(c->centres, c->count, c->d, x, m, k, &o, ids, distances, err);
    gp_mem_free(distances);
    return st;
}

/* ------------------------------------------------------------------ centres */

/* Writes row `row` to `to` in the form in which k-means averages rows. */
static void copy_row(const cells *c, size_t row, float *to)
{
    const float *from = c->rows + row * c->d;
    double norm = c->o->metric == GP_METRIC_COSINE ? sqrt(gp_kernel_table()->dot(from, from, c->d)) : 1;
    for (size_t j = 0; j < c->d; j++) to[j] = (float)(norm > 0 ? (double)from[j] / norm : 0);
}

/* Moves each centroid to the mean of its rows.  A centroid without rows stays. */
static void move_centres(cells *c, const float *x, const uint32_t *of, size_t m, double *sums, uint32_t *counts)
{
    memset(sums, 0, c->count * c->d * sizeof *sums);
    memset(counts, 0, c->count * sizeof *counts);
    for (size_t i = 0; i < m; i++) {
        double *sum = sums + of[i] * c->d;
        for (size_t j = 0; j < c->d; j++) sum[j] += (double)x[i * c->d + j];
        counts[of[i]]++;
    }
    for (size_t e = 0; e < c->count; e++)
        for (size_t j = 0; counts[e] && j < c->d; j++)
            c->centres[e * c->d + j] = (float)(sums[e * c->d + j] / counts[e]);
}

static gp_status learn_centres(cells *c, gp_error *err)
{
    size_t m = c->count * LEARN < c->n ? c->count * LEARN : c->n;
    float *x = NULL;
    uint32_t *of = NULL, *counts = NULL;
    double *sums = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&c->centres, c->count * c->d, sizeof(float), "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&x, m * c->d, sizeof *x, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&of, m, sizeof *of, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&counts, c->count, sizeof *counts, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&sums, c->count * c->d, sizeof *sums, "neighbours", err));
    for (size_t i = 0; i < m; i++) copy_row(c, i * c->n / m, x + i * c->d);
    for (size_t e = 0; e < c->count; e++) copy_row(c, e * c->n / c->count, c->centres + e * c->d);
    for (size_t r = 0; r < ROUNDS; r++) {
        GP_TRY_GOTO(find_cells(c, x, m, 1, c->o->threads, of, err));
        move_centres(c, x, of, m, sums, counts);
    }
out:
    gp_mem_free(sums);
    gp_mem_free(counts);
    gp_mem_free(of);
    gp_mem_free(x);
    return st;
}

/* Sorts the rows by list and assigns their slots in the panels. */
static gp_status fill_cells(cells *c, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&c->of, c->n, sizeof *c->of, "neighbours", err));
    GP_TRY(gp_alloc((void **)&c->order, c->n, sizeof *c->order, "neighbours", err));
    GP_TRY(gp_alloc((void **)&c->first, c->count + 2, sizeof *c->first, "neighbours", err));
    GP_TRY(gp_alloc((void **)&c->slot, c->count + 1, sizeof *c->slot, "neighbours", err));
    GP_TRY(find_cells(c, c->rows, c->n, 1, c->o->threads, c->of, err));
    memset(c->first, 0, (c->count + 2) * sizeof *c->first);
    for (size_t i = 0; i < c->n; i++) c->first[c->of[i] + 2]++;
    for (size_t e = 0; e < c->count; e++) c->first[e + 2] += c->first[e + 1];
    for (size_t i = 0; i < c->n; i++) c->order[c->first[c->of[i] + 1]++] = (uint32_t)i;
    c->slot[0] = 0;
    for (size_t e = 0; e < c->count; e++)
        c->slot[e + 1] = c->slot[e] + (c->first[e + 1] - c->first[e] + GP_PANEL - 1) / GP_PANEL * GP_PANEL;
    return GP_OK;
}

/* ------------------------------------------------------------------ nprobe */

/* Ranks the lists by the distance of their centroids.  Adds to found [count] the neighbours in the list of each rank,
 * and to looked [count] the rows in that list. */
static void rank_neighbours(const cells *c, size_t row, const uint32_t *near, const uint32_t *cells_near, size_t *rank,
                            double *found, double *looked)
{
    for (size_t r = 0; r < c->count; r++) {
        rank[cells_near[r]] = r;
        looked[r] += (double)(c->first[cells_near[r] + 1] - c->first[cells_near[r]]);
    }
    for (size_t j = 0, others = 0; j < c->k + 1 && others < c->k; j++) /* `near` also holds the row or equal rows */
        if (near[j] != row) found[rank[c->of[near[j]]]]++, others++;
}

/* Sets nprobe so that the sample reaches the requested recall.  *share: share of all rows in the probed lists. */
static void choose_probes(cells *c, const double *found, const double *looked, double *share)
{
    double wanted = c->o->recall * (double)(ASKED * c->k), got = 0, rows = 0;
    for (c->probes = 0; c->probes < c->count && got < wanted; c->probes++)
        got += found[c->probes], rows += looked[c->probes];
    *share = rows / ((double)ASKED * (double)c->n);
}

static gp_status ask_sample(cells *c, double *share, gp_error *err)
{
    gp_neighbours_options o = *c->o;
    size_t m = ASKED, k = c->k + 1;
    float *x = NULL, *distances = NULL;
    uint32_t *near = NULL, *cells_near = NULL;
    size_t *rank = NULL;
    double *sums = NULL;
    gp_status st = GP_OK;
    o.recall = 1, o.progress = NULL;
    GP_TRY_GOTO(gp_alloc((void **)&x, m * c->d, sizeof *x, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&distances, m * k, sizeof *distances, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&near, m * k, sizeof *near, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&cells_near, m * c->count, sizeof *cells_near, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&rank, c->count, sizeof *rank, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&sums, 2 * c->count, sizeof *sums, "neighbours", err));
    memset(sums, 0, 2 * c->count * sizeof *sums);
    for (size_t i = 0; i < m; i++) memcpy(x + i * c->d, c->rows + i * c->n / m * c->d, c->d * sizeof *x);
    GP_TRY_GOTO(gp_an_neighbours(c->rows, c->n, c->d, x, m, k, &o, near, distances, err));
    GP_TRY_GOTO(find_cells(c, x, m, c->count, o.threads, cells_near, err));
    for (size_t i = 0; i < m; i++)
        rank_neighbours(c, i * c->n / m, near + i * k, cells_near + i * c->count, rank, sums, sums + c->count);
    choose_probes(c, sums, sums + c->count, share);
out:
    gp_mem_free(sums);
    gp_mem_free(rank);
    gp_mem_free(cells_near);
    gp_mem_free(near);
    gp_mem_free(distances);
    gp_mem_free(x);
    return st;
}

/* ------------------------------------------------------------------ a chunk of rows */

typedef struct worker {
    float *given, *scaled; /* [CHUNK, d] rows as given; rows as they are multiplied */
    uint32_t *near;        /* [CHUNK, probes] lists that each row probes */
    uint32_t *start;       /* [count + 1] index in `asking` of the first row that probes each list */
    uint32_t *asking;      /* [CHUNK * probes] rows of the chunk, by probed list */
    gp_knn_query *q;       /* [CHUNK] */
    gp_knn_hit *lists;     /* [CHUNK, capacity] */
    float *x, *tile;       /* [GP_QUERIES, d], [GP_QUERIES, 16] */
} worker;

static void worker_clear(worker *w)
{
    gp_mem_free(w->tile);
    gp_mem_free(w->x);
    gp_mem_free(w->lists);
    gp_mem_free(w->q);
    gp_mem_free(w->asking);
    gp_mem_free(w->start);
    gp_mem_free(w->near);
    gp_mem_free(w->scaled);
    gp_mem_free(w->given);
}

static gp_status worker_init(worker *w, const cells *c)
{
    GP_TRY(gp_alloc((void **)&w->given, CHUNK * c->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->scaled, CHUNK * c->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->near, CHUNK * c->probes, sizeof(uint32_t), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->start, c->count + 2, sizeof(uint32_t), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->asking, CHUNK * c->probes, sizeof(uint32_t), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->q, CHUNK, sizeof(gp_knn_query), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->lists, CHUNK * c->s.capacity, sizeof(gp_knn_hit), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->x, GP_QUERIES * c->d, sizeof(float), "neighbours", NULL));
    return gp_alloc_aligned((void **)&w->tile, GP_QUERIES * GP_PANEL, sizeof(float), "neighbours", NULL);
}

/* Sorts the rows of the chunk by the lists that they probe, for probe ranks from..to - 1. */
static void sort_by_cell(const cells *c, worker *w, size_t count, size_t from, size_t to)
{
    memset(w->start, 0, (c->count + 2) * sizeof *w->start);
    for (size_t i = 0; i < count; i++)
        for (size_t r = from; r < to; r++) w->start[w->near[i * c->probes + r] + 2]++;
    for (size_t e = 0; e < c->count; e++) w->start[e + 2] += w->start[e + 1];
    for (size_t i = 0; i < count; i++)
        for (size_t r = from; r < to; r++) w->asking[w->start[w->near[i * c->probes + r] + 1]++] = (uint32_t)i;
}

/* Compares the rows `asking` of the chunk with the rows in slots from..to - 1. */
static void compare_rows(const cells *c, worker *w, const uint32_t *asking, size_t count, size_t from, size_t to)
{
    for (size_t at = 0; at < count; at += GP_QUERIES) {
        gp_knn_query *block[GP_QUERIES];
        size_t width = count - at < GP_QUERIES ? count - at : GP_QUERIES;
        for (size_t i = 0; i < width; i++) {
            block[i] = &w->q[asking[at + i]];
            memcpy(w->x + i * c->d, w->scaled + asking[at + i] * c->d, c->d * sizeof *w->x);
        }
        for (size_t p = from / GP_PANEL; p < to / GP_PANEL; p++) {
            gp_knn_multiply(&c->s, w->x, width, p, w->tile, GP_PANEL);
            gp_knn_insert_panel(&c->s, w->tile, GP_PANEL, block, width, p);
        }
    }
}

static void end_row(const cells *c, worker *w, uint32_t i)
{
    gp_knn_query *q = &w->q[i];
    if (q->count < c->k) { /* the probed lists have fewer than k rows: search all lists */
        gp_knn_begin(&c->s, q, q->list, q->i);
        compare_rows(c, w, &i, 1, 0, c->s.slots);
    }
    gp_knn_end(&c->s, q, c->ids + q->i * c->k, c->distances + q->i * c->k);
}

static gp_status run_chunk(cells *c, worker *w, size_t chunk)
{
    const uint32_t *rows = c->order + chunk * CHUNK;
    size_t count = c->n - chunk * CHUNK < CHUNK ? c->n - chunk * CHUNK : CHUNK;
    for (size_t i = 0; i < count; i++) {
        memcpy(w->given + i * c->d, c->rows + rows[i] * c->d, c->d * sizeof(float));
        gp_knn_load(&c->s, rows[i], w->scaled + i * c->d);
        gp_knn_begin(&c->s, &w->q[i], w->lists + i * c->s.capacity, rows[i]);
    }
    GP_TRY(find_cells(c, w->given, count, c->probes, 1, w->near, NULL));
    for (int all = 0; all < 2; all++) { /* the nearest list first: its rows raise the threshold for the others */
        sort_by_cell(c, w, count, all ? 1 : 0, all ? c->probes : 1);
        for (size_t e = 0; e < c->count; e++)
            compare_rows(c, w, w->asking + w->start[e], w->start[e + 1] - w->start[e], c->slot[e], c->slot[e + 1]);
    }
    for (uint32_t i = 0; i < count; i++) end_row(c, w, i);
    return GP_OK;
}

static void run_chunks(void *user, int index)
{
    cells *c = user;
    worker w = {0};
    size_t chunk, chunks = (c->n + CHUNK - 1) / CHUNK;
    gp_status st = worker_init(&w, c);
    while (st == GP_OK && !atomic_load(&c->stop) && (chunk = atomic_fetch_add(&c->next, 1)) < chunks) {
        st = run_chunk(c, &w, chunk);
        size_t done = atomic_fetch_add(&c->finished, 1) + 1;
        if (index == 0 && !gp_progress_meter_update(&c->ticker, done * c->n / chunks, 0)) atomic_store(&c->stop, true);
    }
    if (st != GP_OK) atomic_store(&c->status, st), atomic_store(&c->stop, true);
    worker_clear(&w);
}

static void run_others(void *user, int index)
{
    run_chunks(user, index + 1);
}

/* ------------------------------------------------------------------ entry point */

static gp_status pack_cells(cells *c, gp_error *err)
{
    c->s.slots = c->slot[c->count];
    GP_TRY(gp_alloc((void **)&c->row_at, c->s.slots, sizeof *c->row_at, "neighbours", err));
    memset(c->row_at, 0xff, c->s.slots * sizeof *c->row_at);
    for (size_t e = 0; e < c->count; e++)
        memcpy(c->row_at + c->slot[e], c->order + c->first[e], (c->first[e + 1] - c->first[e]) * sizeof *c->row_at);
    c->s.row_at = c->row_at;
    return gp_knn_pack(&c->s, err);
}

static gp_status run_threads(cells *c, gp_error *err)
{
    gp_threads *others = NULL;
    int threads = c->o->threads > 0 ? c->o->threads : gp_thread_processors();
    if ((size_t)threads > (c->n + CHUNK - 1) / CHUNK) threads = (int)((c->n + CHUNK - 1) / CHUNK);
    if (threads > 1) GP_TRY(gp_threads_start(threads - 1, run_others, c, &others, err));
    run_chunks(c, 0);
    gp_threads_join(others);
    if (atomic_load(&c->status) != GP_OK) return gp_fail_memory(err, "neighbours");
    if (atomic_load(&c->stop)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    gp_progress_meter_finish(&c->ticker);
    return GP_OK;
}

gp_status gp_an_neighbours_by_ivf(const float *rows, size_t n, size_t d, size_t k, const gp_neighbours_options *options,
                                  bool *selective, uint32_t *ids, float *distances, gp_error *err)
{
    cells c = {.rows = rows,
               .n = n,
               .d = d,
               .k = k,
               .o = options,
               .count = (size_t)(2 * sqrt((double)n)),
               .ids = ids,
               .distances = distances,
               .s = {.rows = rows,
                     .queries = rows,
                     .n = n,
                     .m = n,
                     .d = d,
                     .k = k,
                     .capacity = gp_knn_capacity(k),
                     .full = gp_knn_capacity(k),
                     .self = true,
                     .metric = options->metric,
                     .kernels = gp_kernel_table()}};
    double share = 1;
    gp_status st = GP_OK;
    *selective = false;
    if (n < LEAST || k + 1 > n / 64) return GP_OK;
    gp_progress_meter_init(&c.ticker, "neighbours", n, options->progress, options->user);
    GP_TRY_GOTO(learn_centres(&c, err));
    GP_TRY_GOTO(fill_cells(&c, err));
    GP_TRY_GOTO(ask_sample(&c, &share, err));
    if (share > max_share) goto out;
    *selective = true;
    GP_TRY_GOTO(pack_cells(&c, err));
    GP_TRY_GOTO(run_threads(&c, err));
out:
    gp_knn_clear(&c.s);
    gp_mem_free(c.row_at);
    gp_mem_free(c.slot);
    gp_mem_free(c.first);
    gp_mem_free(c.order);
    gp_mem_free(c.of);
    gp_mem_free(c.centres);
    return st;
}
