/* SPDX-License-Identifier: MIT
 * Exact k nearest neighbours: every query against every row (search.h says how).  Among the rows themselves each pair
 * is multiplied once and offered to both: half the products, for lists of all rows at once (16 (2k + 32) bytes a row).
 */
#include "analyze/neighbours.h"

#include "analyze/analyze.h"
#include "analyze/search.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

enum { QUERIES = GP_QUERIES };

typedef struct exact {
    gp_search s;
    uint32_t *ids;          /* [m, k] */
    float *distances;       /* [m, k] */
    gp_seeker *all;         /* [n] of the rows themselves; NULL: queries of their own */
    gp_candidate *lists;    /* [n, capacity] */
    pthread_mutex_t *locks; /* [blocks] */
    size_t blocks_locked;   /* how many of them exist */
    size_t blocks;
    atomic_size_t next, finished;
    atomic_bool stop;
    atomic_int status;
    gp_ticker ticker;
} exact;

typedef struct worker {
    float *x;            /* [QUERIES, d] queries of the block, as they are multiplied */
    float *tile;         /* [QUERIES, 16] */
    gp_seeker *q;        /* [QUERIES] of a block of queries of their own */
    gp_candidate *lists; /* [QUERIES, capacity] */
    gp_seeker *block[QUERIES];
} worker;

/* ------------------------------------------------------------------ blocks */

static size_t block_rows(const exact *e, size_t block)
{
    size_t left = e->s.m - block * QUERIES;
    return left < QUERIES ? left : QUERIES;
}

/* The block's queries, whose lists begin at `q`. */
static void load_block(const exact *e, worker *w, gp_seeker *q, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gp_search_load(&e->s, first + i, w->x + i * e->s.d);
        w->block[i] = &q[i];
    }
}

/* The block's rows as neighbours of a panel's: the other way round. */
static void offer_block(const exact *e, const worker *w, size_t first, size_t count, size_t panel)
{
    const gp_search *s = &e->s;
    gp_seeker *q = e->all + panel * GP_PANEL;
    size_t width = s->n - panel * GP_PANEL < GP_PANEL ? s->n - panel * GP_PANEL : GP_PANEL;
    float floors[GP_PANEL];
    for (unsigned o = 0; o < GP_PANEL; o++) floors[o] = o < width ? q[o].floor : INFINITY;
    for (size_t i = 0; i < count; i++) {
        const float *row = w->tile + i * GP_PANEL;
        float offset = s->offset[first + i];
        int any = 0;
        for (unsigned o = 0; o < GP_PANEL; o++) any |= row[o] + offset >= floors[o];
        for (unsigned o = 0; any && o < width; o++) {
            if (row[o] + offset < q[o].floor) continue;
            gp_search_offer(s, &q[o], (uint32_t)(first + i), row[o] + offset);
            floors[o] = q[o].floor;
        }
    }
}

static void end_block(const exact *e, gp_seeker *q, size_t first, size_t count)
{
    size_t k = e->s.k;
    for (size_t i = 0; i < count; i++)
        gp_search_end(&e->s, &q[i], e->ids + (first + i) * k, e->distances + (first + i) * k);
}

/* Block of queries against everything. */
static void run_queries(exact *e, worker *w, size_t block)
{
    const gp_search *s = &e->s;
    size_t first = block * QUERIES, count = block_rows(e, block);
    load_block(e, w, w->q, first, count);
    for (size_t i = 0; i < count; i++) gp_search_begin(s, &w->q[i], w->lists + i * s->capacity, first + i);
    for (size_t p = 0; p < s->slots / GP_PANEL; p++) {
        gp_search_multiply(s, w->x, count, p, w->tile);
        gp_search_offer_panel(s, w->tile, w->block, count, p);
    }
    end_block(e, w->q, first, count);
}

/* Block of rows against itself and all blocks behind it, both ways. */
static void run_rows(exact *e, worker *w, size_t block)
{
    size_t first = block * QUERIES, count = block_rows(e, block);
    load_block(e, w, e->all + first, first, count);
    for (size_t other = block; other < e->blocks && !atomic_load(&e->stop); other++) {
        size_t panel = other * QUERIES / GP_PANEL, last = panel + (block_rows(e, other) + GP_PANEL - 1) / GP_PANEL;
        for (; panel < last; panel++) {
            gp_search_multiply(&e->s, w->x, count, panel, w->tile);
            pthread_mutex_lock(&e->locks[block]);
            gp_search_offer_panel(&e->s, w->tile, w->block, count, panel);
            pthread_mutex_unlock(&e->locks[block]);
            if (other == block) continue;
            pthread_mutex_lock(&e->locks[other]);
            offer_block(e, w, first, count, panel);
            pthread_mutex_unlock(&e->locks[other]);
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
    const gp_search *s = &e->s;
    GP_TRY(gp_alloc_aligned((void **)&w->x, QUERIES * s->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->tile, QUERIES * GP_PANEL, sizeof(float), "neighbours", NULL));
    if (s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&w->q, QUERIES, sizeof(gp_seeker), "neighbours", NULL));
    return gp_alloc((void **)&w->lists, QUERIES * s->capacity, sizeof(gp_candidate), "neighbours", NULL);
}

static void search_thread(void *user, int index)
{
    exact *e = user;
    worker w = {0};
    size_t block;
    if (worker_init(&w, e) != GP_OK) {
        atomic_store(&e->status, GP_ERR_MEMORY);
        atomic_store(&e->stop, true);
    }
    while (!atomic_load(&e->stop) && (block = atomic_fetch_add(&e->next, 1)) < e->blocks) {
        if (e->s.self)
            run_rows(e, &w, block);
        else
            run_queries(e, &w, block);
        size_t done = atomic_fetch_add(&e->finished, 1) + 1;
        /* of pairs of blocks, the first blocks have the most */
        double share = (double)done / (double)e->blocks;
        if (e->s.self) share = share * (2 - share);
        /* thread 0 is the caller's own */
        if (index == 0 && !gp_ticker_update(&e->ticker, (uint64_t)(share * (double)e->s.m), 0))
            atomic_store(&e->stop, true);
    }
    worker_clear(&w);
}

static void other_thread(void *user, int index)
{
    search_thread(user, index + 1);
}

/* When all pairs were offered, the rows' lists are worked out block by block. */
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
    if (threads <= 0) threads = gp_thread_processors();
    if ((size_t)threads > e->blocks) threads = (int)e->blocks;
    GP_TRY(on_threads(e, threads, search_thread, other_thread, err));
    if (atomic_load(&e->status) != GP_OK) return gp_fail(err, GP_ERR_MEMORY, "out of memory for neighbours");
    if (e->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (e->s.self) GP_TRY(on_threads(e, threads, end_thread, other_end_thread, err));
    gp_ticker_finish(&e->ticker);
    return GP_OK;
}

static gp_status make_lists(exact *e, gp_error *err)
{
    const gp_search *s = &e->s;
    if (!s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&e->all, s->n, sizeof *e->all, "neighbours", err));
    GP_TRY(gp_alloc((void **)&e->lists, s->n * s->capacity, sizeof *e->lists, "neighbours", err));
    GP_TRY(gp_alloc((void **)&e->locks, e->blocks, sizeof *e->locks, "neighbours", err));
    for (size_t i = 0; i < s->n; i++) gp_search_begin(s, &e->all[i], e->lists + i * s->capacity, i);
    for (; e->blocks_locked < e->blocks; e->blocks_locked++)
        if (pthread_mutex_init(&e->locks[e->blocks_locked], NULL) != 0)
            return gp_fail(err, GP_ERR_MEMORY, "out of memory for neighbours");
    return GP_OK;
}

static gp_status run_search(exact *e, int threads, gp_error *err)
{
    gp_status st = GP_OK;
    e->blocks = (e->s.m + QUERIES - 1) / QUERIES;
    GP_GO(gp_search_pack(&e->s, err));
    GP_GO(make_lists(e, err));
    if (e->s.m) GP_GO(run_threads(e, threads, err));
out:
    for (size_t b = 0; b < e->blocks_locked; b++) pthread_mutex_destroy(&e->locks[b]);
    gp_mem_free(e->locks);
    gp_mem_free(e->lists);
    gp_mem_free(e->all);
    gp_search_clear(&e->s);
    return st;
}

gp_status gp_an_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                           const gp_neighbours_options *options, uint32_t *ids, float *distances, gp_error *err)
{
    exact e = {.ids = ids,
               .distances = distances,
               .s = {.rows = rows,
                     .queries = queries ? queries : rows,
                     .n = n,
                     .m = queries ? m : n,
                     .d = d,
                     .k = k,
                     .capacity = gp_search_capacity(k),
                     .self = !queries,
                     .metric = options->metric,
                     .kernels = gp_kernel_table()}};
    size_t most = queries ? n : n ? n - 1 : 0;
    if (n >= UINT32_MAX) return gp_fail(err, GP_ERR_LIMIT, "%zu rows are more than 2^32 - 2", n);
    if (d == 0) return gp_fail(err, GP_ERR_USAGE, "rows without columns have no neighbours");
    if (k == 0 || k > most)
        return gp_fail(err, GP_ERR_USAGE, "%zu neighbours of %zu rows: 1 to %zu can be had", k, n, most);
    if (!(options->recall > 0 && options->recall <= 1))
        return gp_fail(err, GP_ERR_USAGE, "recall lies above 0 and up to 1");
    GP_TRY(gp_search_check(rows, n, d, "row", err));
    if (queries) GP_TRY(gp_search_check(queries, m, d, "query", err));
    if (!queries && options->recall < 1) {
        bool worth = false;
        GP_TRY(gp_an_neighbours_by_cells(rows, n, d, k, options, &worth, ids, distances, err));
        if (worth) return GP_OK;
    }
    gp_ticker_init(&e.ticker, "neighbours", e.s.m, options->progress, options->user);
    return run_search(&e, options->threads, err);
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
                     .capacity = gp_search_capacity(1),
                     .self = true,
                     .metric = options->metric,
                     .kernels = gp_kernel_table()}};
    gp_ticker_init(&e.ticker, "hierarchy", n, options->progress, options->user);
    return run_search(&e, options->threads, err);
}
