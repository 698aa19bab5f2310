/* SPDX-License-Identifier: MIT
 * Approximate k-NN with IVF lists (an inverted file: Sivic and Zisserman 2003; Jegou, Douze, Schmid 2011).  nprobe is
 * measured on a sample of the rows, so that the search reaches the requested recall.
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
    MIN_ROWS = 20000, /* minimum rows for IVF; with fewer rows, gp_an_neighbours searches exactly in a second or two */
    TRAIN = 32,       /* sample rows for each centroid in k-means */
    ROUNDS = 6,       /* rounds of k-means */
    SAMPLE = 500,     /* sample rows whose exact neighbours determine nprobe */
    CHUNK = 2048      /* rows that a thread processes at a time */
};
/* Exact search is used if the probed lists hold more than this share of the rows, because exact search is then faster:
 * it computes one product for each pair of rows (IVF computes two), and each product costs less. */
static const double max_share = 0.25;

typedef struct ivf {
    const float *rows;
    size_t n, d, k;
    const gp_neighbours_options *o;
    size_t nlist, nprobe; /* number of lists; number of lists that a search probes */
    float *centroids;     /* [nlist, d] */
    uint32_t *of;         /* [n] list of each row */
    uint32_t *order;      /* [n] rows in the order of their lists */
    size_t *first;        /* [nlist + 1] index in `order` of each list's first row */
    size_t *slot;         /* [nlist + 1] first slot of each list; a list begins at a new panel */
    uint32_t *row_at;     /* [slots] row in each slot of the panels */
    gp_knn s;
    uint32_t *ids;    /* [n, k] the result */
    float *distances; /* [n, k] */
    atomic_size_t next, finished;
    atomic_bool stop;
    atomic_int status;
    gp_progress_meter ticker;
} ivf;

/* For each row of x [m, d], finds the lists whose centroids are the k nearest. */
static gp_status find_lists(const ivf *v, const float *x, size_t m, size_t k, int threads, uint32_t *ids, gp_error *err)
{
    gp_neighbours_options o = GP_NEIGHBOURS_DEFAULTS;
    float *distances = NULL;
    o.metric = v->o->metric, o.threads = threads;
    GP_TRY(gp_alloc((void **)&distances, m * k, sizeof *distances, "neighbours", err));
    gp_status st = gp_an_neighbours(v->centroids, v->nlist, v->d, x, m, k, &o, ids, distances, err);
    gp_mem_free(distances);
    return st;
}

/* ------------------------------------------------------------------ centroids */

/* Copies row `row` to `to`.  For cosine, scales the copy to length 1, because k-means averages directions. */
static void copy_row(const ivf *v, size_t row, float *to)
{
    const float *from = v->rows + row * v->d;
    double norm = v->o->metric == GP_METRIC_COSINE ? sqrt(gp_kernel_table()->dot(from, from, v->d)) : 1;
    for (size_t j = 0; j < v->d; j++) to[j] = (float)(norm > 0 ? (double)from[j] / norm : 0);
}

/* Moves each centroid to the mean of its rows.  A centroid without rows does not move. */
static void move_centroids(ivf *v, const float *x, const uint32_t *of, size_t m, double *sums, uint32_t *counts)
{
    memset(sums, 0, v->nlist * v->d * sizeof *sums);
    memset(counts, 0, v->nlist * sizeof *counts);
    for (size_t i = 0; i < m; i++) {
        double *sum = sums + of[i] * v->d;
        for (size_t j = 0; j < v->d; j++) sum[j] += (double)x[i * v->d + j];
        counts[of[i]]++;
    }
    for (size_t e = 0; e < v->nlist; e++)
        for (size_t j = 0; counts[e] && j < v->d; j++)
            v->centroids[e * v->d + j] = (float)(sums[e * v->d + j] / counts[e]);
}

static gp_status train_centroids(ivf *v, gp_error *err)
{
    size_t m = v->nlist * TRAIN < v->n ? v->nlist * TRAIN : v->n;
    float *x = NULL;
    uint32_t *of = NULL, *counts = NULL;
    double *sums = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&v->centroids, v->nlist * v->d, sizeof(float), "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&x, m * v->d, sizeof *x, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&of, m, sizeof *of, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&counts, v->nlist, sizeof *counts, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&sums, v->nlist * v->d, sizeof *sums, "neighbours", err));
    for (size_t i = 0; i < m; i++) copy_row(v, i * v->n / m, x + i * v->d);
    for (size_t e = 0; e < v->nlist; e++) copy_row(v, e * v->n / v->nlist, v->centroids + e * v->d);
    for (size_t r = 0; r < ROUNDS; r++) {
        GP_TRY_GOTO(find_lists(v, x, m, 1, v->o->threads, of, err));
        move_centroids(v, x, of, m, sums, counts);
    }
out:
    gp_mem_free(sums);
    gp_mem_free(counts);
    gp_mem_free(of);
    gp_mem_free(x);
    return st;
}

/* Sorts the rows by list and assigns their slots in the panels. */
static gp_status fill_lists(ivf *v, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&v->of, v->n, sizeof *v->of, "neighbours", err));
    GP_TRY(gp_alloc((void **)&v->order, v->n, sizeof *v->order, "neighbours", err));
    GP_TRY(gp_alloc((void **)&v->first, v->nlist + 2, sizeof *v->first, "neighbours", err));
    GP_TRY(gp_alloc((void **)&v->slot, v->nlist + 1, sizeof *v->slot, "neighbours", err));
    GP_TRY(find_lists(v, v->rows, v->n, 1, v->o->threads, v->of, err));
    memset(v->first, 0, (v->nlist + 2) * sizeof *v->first);
    for (size_t i = 0; i < v->n; i++) v->first[v->of[i] + 2]++;
    for (size_t e = 0; e < v->nlist; e++) v->first[e + 2] += v->first[e + 1];
    for (size_t i = 0; i < v->n; i++) v->order[v->first[v->of[i] + 1]++] = (uint32_t)i;
    v->slot[0] = 0;
    for (size_t e = 0; e < v->nlist; e++)
        v->slot[e + 1] = v->slot[e] + (v->first[e + 1] - v->first[e] + GP_PANEL - 1) / GP_PANEL * GP_PANEL;
    return GP_OK;
}

/* ------------------------------------------------------------------ nprobe */

/* Ranks the lists by the distance of their centroids from the row.  For the list of each rank r, adds the number of the
 * row's neighbours in the list to found[r], and the number of all rows in the list to scanned[r]. found, scanned
 * [nlist]. */
static void rank_neighbours(const ivf *v, size_t row, const uint32_t *near, const uint32_t *near_lists, size_t *rank,
                            double *found, double *scanned)
{
    for (size_t r = 0; r < v->nlist; r++) {
        rank[near_lists[r]] = r;
        scanned[r] += (double)(v->first[near_lists[r] + 1] - v->first[near_lists[r]]);
    }
    /* `near` has k + 1 rows, and usually `row` is one of them.  If many rows equal `row`, `near` may not contain `row`;
     * then only the first k rows of `near` count. */
    for (size_t j = 0, others = 0; j < v->k + 1 && others < v->k; j++)
        if (near[j] != row) found[rank[v->of[near[j]]]]++, others++;
}

/* Sets nprobe, the number of lists that each row probes, so that the search finds the requested share (recall) of the
 * sample rows' neighbours.  *share: share of all rows in the probed lists. */
static void choose_nprobe(ivf *v, const double *found, const double *scanned, double *share)
{
    double wanted = v->o->recall * (double)(SAMPLE * v->k), got = 0, rows = 0;
    for (v->nprobe = 0; v->nprobe < v->nlist && got < wanted; v->nprobe++)
        got += found[v->nprobe], rows += scanned[v->nprobe];
    *share = rows / ((double)SAMPLE * (double)v->n);
}

static gp_status measure_sample(ivf *v, double *share, gp_error *err)
{
    gp_neighbours_options o = *v->o;
    size_t m = SAMPLE, k = v->k + 1;
    float *x = NULL, *distances = NULL;
    uint32_t *near = NULL, *near_lists = NULL;
    size_t *rank = NULL;
    double *sums = NULL;
    gp_status st = GP_OK;
    o.recall = 1, o.progress = NULL;
    GP_TRY_GOTO(gp_alloc((void **)&x, m * v->d, sizeof *x, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&distances, m * k, sizeof *distances, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&near, m * k, sizeof *near, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&near_lists, m * v->nlist, sizeof *near_lists, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&rank, v->nlist, sizeof *rank, "neighbours", err));
    GP_TRY_GOTO(gp_alloc((void **)&sums, 2 * v->nlist, sizeof *sums, "neighbours", err));
    memset(sums, 0, 2 * v->nlist * sizeof *sums);
    for (size_t i = 0; i < m; i++) memcpy(x + i * v->d, v->rows + i * v->n / m * v->d, v->d * sizeof *x);
    GP_TRY_GOTO(gp_an_neighbours(v->rows, v->n, v->d, x, m, k, &o, near, distances, err));
    GP_TRY_GOTO(find_lists(v, x, m, v->nlist, o.threads, near_lists, err));
    for (size_t i = 0; i < m; i++)
        rank_neighbours(v, i * v->n / m, near + i * k, near_lists + i * v->nlist, rank, sums, sums + v->nlist);
    choose_nprobe(v, sums, sums + v->nlist, share);
out:
    gp_mem_free(sums);
    gp_mem_free(rank);
    gp_mem_free(near_lists);
    gp_mem_free(near);
    gp_mem_free(distances);
    gp_mem_free(x);
    return st;
}

/* ------------------------------------------------------------------ a chunk of rows */

typedef struct worker {
    float *given, *scaled; /* [CHUNK, d] rows of the chunk as given, and scaled for the products */
    uint32_t *near;        /* [CHUNK, nprobe] lists that each row probes */
    uint32_t *start;       /* [nlist + 1] index in `asking` of the first row that probes each list */
    uint32_t *asking;      /* [CHUNK * nprobe] rows of the chunk, sorted by the lists that they probe */
    gp_knn_query *q;       /* [CHUNK] */
    gp_knn_hit *hits;      /* [CHUNK, capacity] */
    float *x, *tile;       /* [GP_QUERIES, d] queries; [GP_QUERIES, 16] their products with a panel */
} worker;

static void worker_clear(worker *w)
{
    gp_mem_free(w->tile);
    gp_mem_free(w->x);
    gp_mem_free(w->hits);
    gp_mem_free(w->q);
    gp_mem_free(w->asking);
    gp_mem_free(w->start);
    gp_mem_free(w->near);
    gp_mem_free(w->scaled);
    gp_mem_free(w->given);
}

static gp_status worker_init(worker *w, const ivf *v)
{
    GP_TRY(gp_alloc((void **)&w->given, CHUNK * v->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->scaled, CHUNK * v->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->near, CHUNK * v->nprobe, sizeof(uint32_t), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->start, v->nlist + 2, sizeof(uint32_t), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->asking, CHUNK * v->nprobe, sizeof(uint32_t), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->q, CHUNK, sizeof(gp_knn_query), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->hits, CHUNK * v->s.capacity, sizeof(gp_knn_hit), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->x, GP_QUERIES * v->d, sizeof(float), "neighbours", NULL));
    return gp_alloc_aligned((void **)&w->tile, GP_QUERIES * GP_PANEL, sizeof(float), "neighbours", NULL);
}

/* Sorts the rows of the chunk by the lists that they probe.  Each row probes its lists of ranks from..to - 1. */
static void sort_by_list(const ivf *v, worker *w, size_t count, size_t from, size_t to)
{
    memset(w->start, 0, (v->nlist + 2) * sizeof *w->start);
    for (size_t i = 0; i < count; i++)
        for (size_t r = from; r < to; r++) w->start[w->near[i * v->nprobe + r] + 2]++;
    for (size_t e = 0; e < v->nlist; e++) w->start[e + 2] += w->start[e + 1];
    for (size_t i = 0; i < count; i++)
        for (size_t r = from; r < to; r++) w->asking[w->start[w->near[i * v->nprobe + r] + 1]++] = (uint32_t)i;
}

/* Compares rows of the chunk with the rows in slots from..to - 1. asking [count]: the rows to compare, as indices into
 * the chunk. */
static void compare_rows(const ivf *v, worker *w, const uint32_t *asking, size_t count, size_t from, size_t to)
{
    for (size_t at = 0; at < count; at += GP_QUERIES) {
        gp_knn_query *block[GP_QUERIES];
        size_t width = count - at < GP_QUERIES ? count - at : GP_QUERIES;
        for (size_t i = 0; i < width; i++) {
            block[i] = &w->q[asking[at + i]];
            memcpy(w->x + i * v->d, w->scaled + asking[at + i] * v->d, v->d * sizeof *w->x);
        }
        for (size_t p = from / GP_PANEL; p < to / GP_PANEL; p++) {
            gp_knn_multiply(&v->s, w->x, width, p, w->tile, GP_PANEL);
            gp_knn_insert_panel(&v->s, w->tile, GP_PANEL, block, width, p);
        }
    }
}

static void end_row(const ivf *v, worker *w, uint32_t i)
{
    gp_knn_query *q = &w->q[i];
    if (q->count < v->k) { /* the probed lists have fewer than k rows: search all lists */
        gp_knn_begin(&v->s, q, q->list, q->i);
        compare_rows(v, w, &i, 1, 0, v->s.slots);
    }
    gp_knn_end(&v->s, q, v->ids + q->i * v->k, v->distances + q->i * v->k);
}

static gp_status run_chunk(ivf *v, worker *w, size_t chunk)
{
    const uint32_t *rows = v->order + chunk * CHUNK;
    size_t count = v->n - chunk * CHUNK < CHUNK ? v->n - chunk * CHUNK : CHUNK;
    for (size_t i = 0; i < count; i++) {
        memcpy(w->given + i * v->d, v->rows + rows[i] * v->d, v->d * sizeof(float));
        gp_knn_load(&v->s, rows[i], w->scaled + i * v->d);
        gp_knn_begin(&v->s, &w->q[i], w->hits + i * v->s.capacity, rows[i]);
    }
    GP_TRY(find_lists(v, w->given, count, v->nprobe, 1, w->near, NULL));
    /* All rows probe their nearest list first.  This raises the thresholds of the rows, so fewer rows of the other
     * lists pass. */
    for (int all = 0; all < 2; all++) {
        sort_by_list(v, w, count, all ? 1 : 0, all ? v->nprobe : 1);
        for (size_t e = 0; e < v->nlist; e++)
            compare_rows(v, w, w->asking + w->start[e], w->start[e + 1] - w->start[e], v->slot[e], v->slot[e + 1]);
    }
    for (uint32_t i = 0; i < count; i++) end_row(v, w, i);
    return GP_OK;
}

static void run_chunks(void *user, int index)
{
    ivf *v = user;
    worker w = {0};
    size_t chunk, chunks = (v->n + CHUNK - 1) / CHUNK;
    gp_status st = worker_init(&w, v);
    while (st == GP_OK && !atomic_load(&v->stop) && (chunk = atomic_fetch_add(&v->next, 1)) < chunks) {
        st = run_chunk(v, &w, chunk);
        size_t done = atomic_fetch_add(&v->finished, 1) + 1;
        if (index == 0 && !gp_progress_meter_update(&v->ticker, done * v->n / chunks, 0)) atomic_store(&v->stop, true);
    }
    if (st != GP_OK) atomic_store(&v->status, st), atomic_store(&v->stop, true);
    worker_clear(&w);
}

static void run_others(void *user, int index)
{
    run_chunks(user, index + 1);
}

/* ------------------------------------------------------------------ entry point */

static gp_status pack_lists(ivf *v, gp_error *err)
{
    v->s.slots = v->slot[v->nlist];
    GP_TRY(gp_alloc((void **)&v->row_at, v->s.slots, sizeof *v->row_at, "neighbours", err));
    memset(v->row_at, 0xff, v->s.slots * sizeof *v->row_at);
    for (size_t e = 0; e < v->nlist; e++)
        memcpy(v->row_at + v->slot[e], v->order + v->first[e], (v->first[e + 1] - v->first[e]) * sizeof *v->row_at);
    v->s.row_at = v->row_at;
    return gp_knn_pack(&v->s, err);
}

static gp_status run_threads(ivf *v, gp_error *err)
{
    gp_threads *others = NULL;
    int threads = v->o->threads > 0 ? v->o->threads : gp_thread_processors();
    if ((size_t)threads > (v->n + CHUNK - 1) / CHUNK) threads = (int)((v->n + CHUNK - 1) / CHUNK);
    if (threads > 1) GP_TRY(gp_threads_start(threads - 1, run_others, v, &others, err));
    run_chunks(v, 0);
    gp_threads_join(others);
    if (atomic_load(&v->status) != GP_OK) return gp_fail_memory(err, "neighbours");
    if (atomic_load(&v->stop)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    gp_progress_meter_finish(&v->ticker);
    return GP_OK;
}

gp_status gp_an_neighbours_by_ivf(const float *rows, size_t n, size_t d, size_t k, const gp_neighbours_options *options,
                                  bool *selective, uint32_t *ids, float *distances, gp_error *err)
{
    ivf v = {.rows = rows,
             .n = n,
             .d = d,
             .k = k,
             .o = options,
             .nlist = (size_t)(2 * sqrt((double)n)),
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
    if (n < MIN_ROWS || k + 1 > n / 64) return GP_OK;
    gp_progress_meter_init(&v.ticker, "neighbours", n, options->progress, options->user);
    GP_TRY_GOTO(train_centroids(&v, err));
    GP_TRY_GOTO(fill_lists(&v, err));
    GP_TRY_GOTO(measure_sample(&v, &share, err));
    if (share > max_share) goto out;
    *selective = true;
    GP_TRY_GOTO(pack_lists(&v, err));
    GP_TRY_GOTO(run_threads(&v, err));
out:
    gp_knn_clear(&v.s);
    gp_mem_free(v.row_at);
    gp_mem_free(v.slot);
    gp_mem_free(v.first);
    gp_mem_free(v.order);
    gp_mem_free(v.of);
    gp_mem_free(v.centroids);
    return st;
}
