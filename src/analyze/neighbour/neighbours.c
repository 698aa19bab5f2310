/* SPDX-License-Identifier: MIT
 * Exact k-NN: compares every query with every row (knn.h describes the method).
 *
 * If the queries are the rows, each pair is multiplied once and inserted into the lists of both rows.  This halves the
 * number of products, but the lists of all rows must be in memory: 16 (2k + 32) bytes for each row.  The products are
 * in int8 (sq8.h) if the CPU has instructions for int8 and few candidates remain. */
#include "analyze/neighbour/neighbours.h"

#include "analyze/analyze.h"
#include "analyze/neighbour/knn.h"
#include "analyze/neighbour/sq8.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    QUERIES = GP_QUERIES,
    PANELS = QUERIES / GP_PANEL,
    GROUP = 16 /* number of int8 blocks that stay in the L2 cache while all other blocks are read */
};

typedef struct exact {
    gp_knn s;
    gp_sq8 coarse;
    bool sq8;               /* products are in int8 */
    uint32_t *ids;          /* [m, k] */
    float *distances;       /* [m, k] */
    gp_knn_query *all;      /* [n] states of all rows as queries, if each row is also a query; else NULL */
    gp_knn_hit *lists;      /* [n, capacity] */
    pthread_mutex_t *locks; /* [blocks] */
    size_t blocks_locked;   /* initialised locks */
    size_t blocks;
    size_t group; /* blocks that a thread processes together */
    atomic_size_t next, finished;
    atomic_bool stop;
    atomic_int status;
    gp_progress_meter ticker;
} exact;

typedef struct worker {
    float *x;          /* [QUERIES, d] scaled queries of the block */
    float *tile;       /* [QUERIES, QUERIES] */
    gp_knn_query *q;   /* [QUERIES] states of the block's queries; not used if the queries are the rows (see `all`) */
    gp_knn_hit *lists; /* [QUERIES, capacity] */
    gp_knn_query *block[QUERIES];
} worker;

/* ------------------------------------------------------------------ blocks */

static size_t block_rows(const exact *e, size_t block)
{
    size_t left = e->s.m - block * QUERIES;
    return left < QUERIES ? left : QUERIES;
}

/* Copies the queries of a block to w->x.  `q`: their states. */
static void load_block(const exact *e, worker *w, gp_knn_query *q, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gp_knn_load(&e->s, first + i, w->x + i * e->s.d);
        w->block[i] = &q[i];
    }
}

/* Inserts the rows of the block into the lists of the queries of the panel. */
static void insert_block(const exact *e, const float *tile, size_t first, size_t count, size_t panel)
{
    const gp_knn *s = &e->s;
    gp_knn_query *q = e->all + panel * GP_PANEL;
    size_t width = s->n - panel * GP_PANEL < GP_PANEL ? s->n - panel * GP_PANEL : GP_PANEL;
    float thresholds[GP_PANEL];
    for (unsigned o = 0; o < GP_PANEL; o++) thresholds[o] = o < width ? q[o].threshold : INFINITY;
    uint64_t reached = s->kernels->mask_columns(tile, QUERIES, count, s->offset + first, thresholds);
    for (; reached; reached &= reached - 1) {
        size_t i = (size_t)__builtin_ctzll(reached);
        const float *row = tile + i * QUERIES;
        float offset = s->offset[first + i];
        for (unsigned o = 0; o < width; o++)
            if (row[o] + offset >= q[o].threshold) gp_knn_insert(s, &q[o], (uint32_t)(first + i), row[o] + offset);
    }
}

static void end_block(const exact *e, gp_knn_query *q, size_t first, size_t count)
{
    size_t k = e->s.k;
    for (size_t i = 0; i < count; i++)
        gp_knn_end(&e->s, &q[i], e->ids + (first + i) * k, e->distances + (first + i) * k);
}

/* Compares a block of queries with all rows. */
static void run_queries(exact *e, worker *w, size_t block)
{
    const gp_knn *s = &e->s;
    size_t first = block * QUERIES, count = block_rows(e, block);
    load_block(e, w, w->q, first, count);
    for (size_t i = 0; i < count; i++) gp_knn_begin(s, &w->q[i], w->lists + i * s->capacity, first + i);
    for (size_t p = 0; p < s->slots / GP_PANEL; p++) {
        gp_knn_multiply(s, w->x, count, p, w->tile, GP_PANEL);
        gp_knn_insert_panel(s, w->tile, GP_PANEL, w->block, count, p);
    }
    end_block(e, w->q, first, count);
}

/* Multiplies the block in w by panels of another block.  Used only if the queries are the rows. */
static void multiply_pair(const exact *e, worker *w, size_t first, size_t count, size_t panel, size_t panels)
{
    if (e->sq8)
        gp_sq8_multiply(&e->coarse, e->s.kernels, first, count, panel, panels, w->tile, QUERIES);
    else
        for (size_t p = 0; p < panels; p++)
            gp_knn_multiply(&e->s, w->x, count, panel + p, w->tile + p * GP_PANEL, QUERIES);
}

/* Compares the block in w with another block, or with itself, and updates the lists of both.  Used only if the queries
 * are the rows. */
static void run_pair(exact *e, worker *w, size_t block, size_t other)
{
    size_t first = block * QUERIES, count = block_rows(e, block), panel = other * PANELS;
    size_t panels = (block_rows(e, other) + GP_PANEL - 1) / GP_PANEL;
    multiply_pair(e, w, first, count, panel, panels);
    pthread_mutex_lock(&e->locks[block]);
    for (size_t p = 0; p < panels; p++)
        if (e->sq8)
            gp_sq8_insert_panel(&e->coarse, &e->s, w->tile + p * GP_PANEL, QUERIES, e->all + first, first, count,
                                panel + p);
        else
            gp_knn_insert_panel(&e->s, w->tile + p * GP_PANEL, QUERIES, w->block, count, panel + p);
    pthread_mutex_unlock(&e->locks[block]);
    if (other == block) return;
    pthread_mutex_lock(&e->locks[other]);
    for (size_t p = 0; p < panels; p++)
        if (e->sq8)
            gp_sq8_insert_rows(&e->coarse, &e->s, w->tile + p * GP_PANEL, QUERIES, e->all + (panel + p) * GP_PANEL,
                               first, count, panel + p);
        else
            insert_block(e, w->tile + p * GP_PANEL, first, count, panel + p);
    pthread_mutex_unlock(&e->locks[other]);
}

/* Compares a group of blocks with itself and all later blocks.  Every second group takes the blocks in reverse order,
 * beginning with the last block, so that two threads wait for the same lock at most once. */
static void run_rows(exact *e, worker *w, size_t group)
{
    size_t begin = group * e->group, end = begin + e->group < e->blocks ? begin + e->group : e->blocks;
    for (size_t step = begin; step < e->blocks && !atomic_load(&e->stop); step++) {
        size_t other = group % 2 ? e->blocks - 1 - (step - begin) : step;
        for (size_t block = begin; block < end && block <= other; block++) {
            if (!e->sq8 && step == begin)
                load_block(e, w, e->all + block * QUERIES, block * QUERIES, block_rows(e, block));
            run_pair(e, w, block, other);
        }
    }
}

/* ------------------------------------------------------------------ threads */

static void worker_clear(worker *w)
{
    gp_mem_free(w->lists);
    gp_mem_free(w->q);
    gp_mem_free(w->tile);
    gp_mem_free(w->x);
}

static gp_status worker_init(worker *w, const exact *e)
{
    const gp_knn *s = &e->s;
    GP_TRY(gp_alloc_aligned((void **)&w->x, QUERIES * s->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->tile, QUERIES * QUERIES, sizeof(float), "neighbours", NULL));
    if (s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&w->q, QUERIES, sizeof(gp_knn_query), "neighbours", NULL));
    return gp_alloc((void **)&w->lists, QUERIES * s->capacity, sizeof(gp_knn_hit), "neighbours", NULL);
}

static void search_thread(void *user, int index)
{
    exact *e = user;
    worker w = {0};
    size_t group, groups = (e->blocks + e->group - 1) / e->group;
    gp_status st = worker_init(&w, e);
    while (st == GP_OK && !atomic_load(&e->stop) && (group = atomic_fetch_add(&e->next, 1)) < groups) {
        if (e->s.self)
            run_rows(e, &w, group);
        else
            run_queries(e, &w, group);
        size_t done = atomic_fetch_add(&e->finished, 1) + 1;
        /* s: share of the groups that are done.  Early groups have more pairs of blocks than late groups, so the share
         * of the work that is done is s (2 - s) */
        double share = (double)done / (double)groups;
        if (e->s.self) share = share * (2 - share);
        /* thread 0 is the caller's thread, which may report progress */
        if (index == 0 && !gp_progress_meter_update(&e->ticker, (uint64_t)(share * (double)e->s.m), 0))
            atomic_store(&e->stop, true);
    }
    if (st != GP_OK) atomic_store(&e->status, st), atomic_store(&e->stop, true);
    worker_clear(&w);
}

static void other_thread(void *user, int index)
{
    search_thread(user, index + 1);
}

/* Writes the results of the rows, block by block, after all pairs have been compared. */
static void end_thread(void *user, int index)
{
    exact *e = user;
    size_t block;
    (void)index;
    while ((block = atomic_fetch_add(&e->next, 1)) < e->blocks)
        end_block(e, e->all + block * QUERIES, block * QUERIES, block_rows(e, block));
}

static void other_end_thread(void *user, int index)
{
    end_thread(user, index + 1);
}

static gp_status on_threads(exact *e, int threads, void (*mine)(void *, int), void (*others)(void *, int),
                            gp_error *err)
{
    gp_threads *running = NULL;
    atomic_store(&e->next, 0);
    if (threads > 1) GP_TRY(gp_threads_start(threads - 1, others, e, &running, err));
    mine(e, 0);
    gp_threads_join(running);
    return GP_OK;
}

static gp_status run_threads(exact *e, int threads, gp_error *err)
{
    if ((size_t)threads > e->blocks) threads = (int)e->blocks;
    GP_TRY(on_threads(e, threads, search_thread, other_thread, err));
    if (atomic_load(&e->status) != GP_OK) return gp_fail_memory(err, "neighbours");
    if (e->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (e->s.self) GP_TRY(on_threads(e, threads, end_thread, other_end_thread, err));
    gp_progress_meter_finish(&e->ticker);
    return GP_OK;
}

static gp_status make_lists(exact *e, gp_error *err)
{
    const gp_knn *s = &e->s;
    if (!s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&e->all, s->n, sizeof *e->all, "neighbours", err));
    GP_TRY(gp_alloc((void **)&e->lists, s->n * s->capacity, sizeof *e->lists, "neighbours", err));
    GP_TRY(gp_alloc((void **)&e->locks, e->blocks, sizeof *e->locks, "neighbours", err));
    for (size_t i = 0; i < s->n; i++) gp_knn_begin(s, &e->all[i], e->lists + i * s->capacity, i);
    for (; e->blocks_locked < e->blocks; e->blocks_locked++)
        if (pthread_mutex_init(&e->locks[e->blocks_locked], NULL) != 0) return gp_fail_memory(err, "neighbours");
    return GP_OK;
}

/* Packs the rows in int8 if `way` permits int8, the queries are the rows, and the int8 bounds exclude enough pairs;
 * else in float.  GP_KNN_AUTO permits int8 only if the CPU has int8 instructions.  Without these instructions, the int8
 * kernels are no faster than float. */
static gp_status pack(exact *e, int threads, gp_knn_way way, gp_error *err)
{
    const gp_knn *s = &e->s;
    bool can = s->self && !s->wide && s->d <= GP_INT8_K_MAX;
    if (can && (way == GP_KNN_INT8 || (way == GP_KNN_AUTO && s->kernels->prefer_int8)))
        GP_TRY(gp_sq8_pack(&e->coarse, &e->s, threads, &e->sq8, err));
    e->group = e->sq8 ? GROUP : 1;
    if (e->sq8) e->s.full = s->k + s->k / 2 + 8;
    return e->sq8 ? GP_OK : gp_knn_pack(&e->s, err);
}

static gp_status run_search(exact *e, int threads, gp_knn_way way, gp_error *err)
{
    gp_status st = GP_OK;
    e->blocks = (e->s.m + QUERIES - 1) / QUERIES;
    if (threads <= 0) threads = gp_thread_processors();
    GP_TRY_GOTO(pack(e, threads, way, err));
    GP_TRY_GOTO(make_lists(e, err));
    if (e->s.m) GP_TRY_GOTO(run_threads(e, threads, err));
out:
    for (size_t b = 0; b < e->blocks_locked; b++) pthread_mutex_destroy(&e->locks[b]);
    gp_mem_free(e->locks);
    gp_mem_free(e->lists);
    gp_mem_free(e->all);
    gp_sq8_clear(&e->coarse);
    gp_knn_clear(&e->s);
    return st;
}

gp_status gp_an_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                           const gp_neighbours_options *options, uint32_t *ids, float *distances, gp_error *err)
{
    return gp_an_neighbours_by(rows, n, d, queries, m, k, options, GP_KNN_AUTO, ids, distances, err);
}

gp_status gp_an_neighbours_by(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                              const gp_neighbours_options *options, gp_knn_way way, uint32_t *ids, float *distances,
                              gp_error *err)
{
    exact e = {.ids = ids,
               .distances = distances,
               .s = {.rows = rows,
                     .queries = queries ? queries : rows,
                     .n = n,
                     .m = queries ? m : n,
                     .d = d,
                     .k = k,
                     .capacity = gp_knn_capacity(k),
                     .full = gp_knn_capacity(k),
                     .self = !queries,
                     .metric = options->metric,
                     .kernels = gp_kernel_table()}};
    size_t most = queries ? n : n ? n - 1 : 0;
    if (n >= UINT32_MAX) return gp_fail(err, GP_ERR_LIMIT, "%zu rows are more than the limit of 2^32 - 2", n);
    if (d == 0) return gp_fail(err, GP_ERR_USAGE, "rows must have at least 1 column");
    if (k == 0 || k > most)
        return gp_fail(err, GP_ERR_USAGE, "k must be between 1 and %zu for %zu rows, not %zu", most, n, k);
    if (!(options->recall > 0 && options->recall <= 1))
        return gp_fail(err, GP_ERR_USAGE, "recall must be greater than 0 and at most 1, not %g", options->recall);
    GP_TRY(gp_knn_check(rows, n, d, "row", err));
    if (queries) GP_TRY(gp_knn_check(queries, m, d, "query", err));
    if (!queries && options->recall < 1) {
        bool selective = false;
        GP_TRY(gp_an_neighbours_by_ivf(rows, n, d, k, options, &selective, ids, distances, err));
        if (selective) return GP_OK;
    }
    gp_progress_meter_init(&e.ticker, "neighbours", e.s.m, options->progress, options->user);
    return run_search(&e, options->threads, way, err);
}

gp_status gp_an_nearest(const double *rows, size_t n, size_t d, const gp_neighbours_options *options, uint32_t *ids,
                        float *distances, gp_error *err)
{
    exact e = {.ids = ids,
               .distances = distances,
               .s = {.wide = rows,
                     .n = n,
                     .m = n,
                     .d = d,
                     .k = 1,
                     .capacity = gp_knn_capacity(1),
                     .full = gp_knn_capacity(1),
                     .self = true,
                     .metric = options->metric,
                     .kernels = gp_kernel_table()}};
    gp_progress_meter_init(&e.ticker, "hierarchy", n, options->progress, options->user);
    return run_search(&e, options->threads, GP_KNN_FLOATS, err);
}
