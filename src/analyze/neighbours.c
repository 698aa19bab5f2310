/* SPDX-License-Identifier: MIT
 * Exact k nearest neighbours: every query against every row (candidates.h says how).  Among the rows themselves each
 * pair is multiplied once and offered to both: half the products, for lists of all rows at once (16 (2k + 32) bytes a
 * row).
 */
#include "analyze/neighbours.h"

#include "analyze/analyze.h"
#include "analyze/candidates.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "base/thread.h"
#include "tensor/linear.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    QUERIES = GP_QUERIES,
    STRIP = 1040 /* rows packed together for an engine; products a power of two apart would share lines of the first
                    cache */
};

typedef struct exact {
    gp_search s;
    uint32_t *ids;          /* [m, k] */
    float *distances;       /* [m, k] */
    gp_seeker *all;         /* [n] of the rows themselves; NULL: queries of their own */
    gp_candidate *lists;    /* [n, capacity] */
    pthread_mutex_t *locks; /* [blocks] */
    size_t blocks_locked;   /* how many of them exist */
    size_t blocks;
    gp_linear **strips; /* [ceil(n / STRIP)] where an engine multiplies; NULL: the kernel, by panels */
    size_t strip_count;
    atomic_size_t next, finished;
    atomic_bool stop;
    atomic_int status;
    gp_ticker ticker;
} exact;

typedef struct worker {
    float *x;            /* [QUERIES, d] queries of the block, as they are multiplied */
    float *tile;         /* [QUERIES, stride] */
    size_t stride;       /* 16, or STRIP */
    size_t strip;        /* which one the tile holds products with */
    void *scratch;       /* the engine's */
    gp_seeker *q;        /* [QUERIES] of a block of queries of their own */
    gp_candidate *lists; /* [QUERIES, capacity] */
    gp_seeker *block[QUERIES];
} worker;

/* ------------------------------------------------------------------ strips */

/* Row o of a strip, back from its panel: w [d]. */
static void unpack(const gp_search *s, size_t slot, float *w)
{
    const float *panel = s->panels + slot / GP_PANEL * GP_PANEL * s->d + slot % GP_PANEL;
    for (size_t j = 0; j < s->d; j++) w[j] = panel[j * GP_PANEL];
}

/* The share of its length that a row loses when it is rounded to bf16. */
static double lost_of(const gp_search *s, const float *w)
{
    double lost = 0, all = 0;
    for (size_t at = 0; at < s->d; at += GP_DEPTH) {
        uint16_t rounded[GP_DEPTH];
        float back[GP_DEPTH];
        size_t count = s->d - at < GP_DEPTH ? s->d - at : GP_DEPTH;
        s->kernels->f32_to_bf16(w + at, rounded, count);
        s->kernels->bf16_to_f32(rounded, back, count);
        lost += s->kernels->distance2(w + at, back, count);
        all += s->kernels->dot(w + at, w + at, count);
    }
    return all > 0 ? sqrt(lost / all) : 0;
}

/* All rows packed for an engine, bf16 where that is what it does best; candidates are then all that could be among the
 * nearest in spite of what rounding took. */
static gp_status make_strips(exact *e, gp_precision precision, gp_engine engine, gp_error *err)
{
    gp_search *s = &e->s;
    size_t count = (s->slots + STRIP - 1) / STRIP;
    float *rows = NULL;
    gp_status st = GP_OK;
    GP_GO(gp_alloc((void **)&rows, STRIP * s->d, sizeof *rows, "neighbours", err));
    GP_GO(gp_alloc((void **)&e->strips, count, sizeof *e->strips, "neighbours", err));
    s->rounded = precision == GP_PRECISION_BF16;
    for (; e->strip_count < count; e->strip_count++) {
        size_t first = e->strip_count * STRIP, width = s->slots - first < STRIP ? s->slots - first : STRIP;
        memset(rows, 0, STRIP * s->d * sizeof *rows);
        for (size_t i = 0; i < width; i++) {
            unpack(s, first + i, rows + i * s->d);
            if (s->rounded) s->lost = fmax(s->lost, lost_of(s, rows + i * s->d));
        }
        GP_GO(gp_linear_new(rows, GP_F32, NULL, STRIP, s->d, precision, engine, &e->strips[e->strip_count], err));
    }
    gp_mem_free(s->panels);
    s->panels = NULL;
out:
    gp_mem_free(rows);
    return st;
}

static void free_strips(exact *e)
{
    while (e->strip_count) gp_linear_free(e->strips[--e->strip_count]);
    gp_mem_free(e->strips);
}

/* ------------------------------------------------------------------ blocks */

/* Products of the block with a panel: [count] rows, stride apart. */
static const float *multiply(const exact *e, worker *w, size_t count, size_t panel)
{
    size_t strip = panel * GP_PANEL / STRIP;
    if (!e->strips) {
        gp_search_multiply(&e->s, w->x, count, panel, w->tile);
        return w->tile;
    }
    if (w->strip != strip && gp_linear_run(e->strips[strip], w->x, w->tile, count, w->scratch, NULL) != GP_OK)
        return NULL;
    w->strip = strip;
    return w->tile + panel * GP_PANEL % STRIP;
}

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
    w->strip = SIZE_MAX;
}

/* The block's rows as neighbours of a panel's: the other way round. */
static void offer_block(const exact *e, const float *tile, size_t stride, size_t first, size_t count, size_t panel)
{
    const gp_search *s = &e->s;
    gp_seeker *q = e->all + panel * GP_PANEL;
    size_t width = s->n - panel * GP_PANEL < GP_PANEL ? s->n - panel * GP_PANEL : GP_PANEL;
    float floors[GP_PANEL];
    for (unsigned o = 0; o < GP_PANEL; o++) floors[o] = o < width ? q[o].floor : INFINITY;
    uint64_t reached = s->kernels->reach_columns(tile, stride, count, s->offset + first, floors);
    for (; reached; reached &= reached - 1) {
        size_t i = (size_t)__builtin_ctzll(reached);
        const float *row = tile + i * stride;
        float offset = s->offset[first + i];
        for (unsigned o = 0; o < width; o++)
            if (row[o] + offset >= q[o].floor) gp_search_offer(s, &q[o], (uint32_t)(first + i), row[o] + offset);
    }
}

static void end_block(const exact *e, gp_seeker *q, size_t first, size_t count)
{
    size_t k = e->s.k;
    for (size_t i = 0; i < count; i++)
        gp_search_end(&e->s, &q[i], e->ids + (first + i) * k, e->distances + (first + i) * k);
}

/* Block of queries against everything. */
static gp_status run_queries(exact *e, worker *w, size_t block)
{
    const gp_search *s = &e->s;
    size_t first = block * QUERIES, count = block_rows(e, block);
    load_block(e, w, w->q, first, count);
    for (size_t i = 0; i < count; i++) gp_search_begin(s, &w->q[i], w->lists + i * s->capacity, first + i);
    for (size_t p = 0; p < s->slots / GP_PANEL; p++) {
        const float *tile = multiply(e, w, count, p);
        if (!tile) return GP_ERR_MEMORY;
        gp_search_offer_panel(s, tile, w->stride, w->block, count, p);
    }
    end_block(e, w->q, first, count);
    return GP_OK;
}

/* Block of rows against itself and all blocks behind it, both ways. */
static gp_status run_rows(exact *e, worker *w, size_t block)
{
    size_t first = block * QUERIES, count = block_rows(e, block);
    load_block(e, w, e->all + first, first, count);
    for (size_t other = block; other < e->blocks && !atomic_load(&e->stop); other++) {
        size_t panel = other * QUERIES / GP_PANEL, last = panel + (block_rows(e, other) + GP_PANEL - 1) / GP_PANEL;
        for (; panel < last; panel++) {
            const float *tile = multiply(e, w, count, panel);
            if (!tile) return GP_ERR_MEMORY;
            pthread_mutex_lock(&e->locks[block]);
            gp_search_offer_panel(&e->s, tile, w->stride, w->block, count, panel);
            pthread_mutex_unlock(&e->locks[block]);
            if (other == block) continue;
            pthread_mutex_lock(&e->locks[other]);
            offer_block(e, tile, w->stride, first, count, panel);
            pthread_mutex_unlock(&e->locks[other]);
        }
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ threads */

static void worker_clear(worker *w)
{
    gp_mem_free(w->lists);
    gp_mem_free(w->q);
    gp_mem_free(w->scratch);
    gp_mem_free(w->tile);
    gp_mem_free(w->x);
}

static gp_status worker_init(worker *w, const exact *e)
{
    const gp_search *s = &e->s;
    size_t rows = e->strips ? gp_linear_rows(QUERIES) : QUERIES;
    w->stride = e->strips ? STRIP : GP_PANEL;
    GP_TRY(gp_alloc_aligned((void **)&w->x, rows * s->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->tile, rows * w->stride, sizeof(float), "neighbours", NULL));
    if (e->strips) /* all strips are alike */
        GP_TRY(gp_alloc_aligned(&w->scratch, gp_linear_scratch(e->strips[0], QUERIES), 1, "neighbours", NULL));
    if (s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&w->q, QUERIES, sizeof(gp_seeker), "neighbours", NULL));
    return gp_alloc((void **)&w->lists, QUERIES * s->capacity, sizeof(gp_candidate), "neighbours", NULL);
}

static void search_thread(void *user, int index)
{
    exact *e = user;
    worker w = {0};
    size_t block;
    gp_status st = worker_init(&w, e);
    while (st == GP_OK && !atomic_load(&e->stop) && (block = atomic_fetch_add(&e->next, 1)) < e->blocks) {
        if (e->s.self)
            st = run_rows(e, &w, block);
        else
            st = run_queries(e, &w, block);
        size_t done = atomic_fetch_add(&e->finished, 1) + 1;
        /* of pairs of blocks, the first blocks have the most */
        double share = (double)done / (double)e->blocks;
        if (e->s.self) share = share * (2 - share);
        /* thread 0 is the caller's own */
        if (index == 0 && !gp_ticker_update(&e->ticker, (uint64_t)(share * (double)e->s.m), 0))
            atomic_store(&e->stop, true);
    }
    if (st != GP_OK) atomic_store(&e->status, st), atomic_store(&e->stop, true);
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

static gp_status run_search(exact *e, int threads, gp_precision precision, gp_engine engine, gp_error *err)
{
    gp_status st = GP_OK;
    e->blocks = (e->s.m + QUERIES - 1) / QUERIES;
    GP_GO(gp_search_pack(&e->s, err));
    if (engine == GP_ENGINE_ONEDNN) GP_GO(make_strips(e, precision, engine, err));
    GP_GO(make_lists(e, err));
    if (e->s.m) GP_GO(run_threads(e, threads, err));
out:
    for (size_t b = 0; b < e->blocks_locked; b++) pthread_mutex_destroy(&e->locks[b]);
    gp_mem_free(e->locks);
    gp_mem_free(e->lists);
    gp_mem_free(e->all);
    free_strips(e);
    gp_search_clear(&e->s);
    return st;
}

/* Where the engine has wider registers than the kernel, or bf16: it multiplies, if there is enough of it. */
static void choose_engine(const exact *e, gp_precision *precision, gp_engine *engine)
{
    if (!e->s.self || e->s.wide || e->s.n < STRIP)
        *engine = GP_ENGINE_PLAIN;
    else
        gp_linear_resolve(precision, engine);
    if (*engine == GP_ENGINE_ONEDNN && *precision == GP_PRECISION_FP32 && !(gp_cpu_features() & GP_CPU_AVX512))
        *engine = GP_ENGINE_PLAIN;
}

gp_status gp_an_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                           const gp_neighbours_options *options, uint32_t *ids, float *distances, gp_error *err)
{
    return gp_an_neighbours_by(rows, n, d, queries, m, k, options, GP_PRECISION_AUTO, GP_ENGINE_AUTO, ids, distances,
                               err);
}

gp_status gp_an_neighbours_by(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                              const gp_neighbours_options *options, gp_precision precision, gp_engine engine,
                              uint32_t *ids, float *distances, gp_error *err)
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
    if (engine == GP_ENGINE_AUTO) choose_engine(&e, &precision, &engine);
    return run_search(&e, options->threads, precision, engine, err);
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
    return run_search(&e, options->threads, GP_PRECISION_FP32, GP_ENGINE_PLAIN, err);
}
