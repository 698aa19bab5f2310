/* SPDX-License-Identifier: MIT
 * Exact k nearest neighbours.
 *
 *   rows [n,d] -> panels of 16 (packed once, shared) ; a block of queries x panel -> likeness in float, in tiles
 *   a row whose likeness could be among the k best, allowing for rounding -> candidate
 *   candidates -> distance in double from the rows as given -> the k best by (distance, id)
 *
 * Likeness is x.y of unit rows for cosine, and x.y - |y|^2/2 for euclidean (which orders as -|x-y|^2 does for one x).
 * A float sum of d products errs by at most (d + 4) u sum|x_i y_i| <= (d + 4) u |x||y|, u = 2^-24 (Higham 2002, 3.5;
 * any order of summation, with or without FMA), so no neighbour is ever missed: a candidate goes only when k others are
 * more like by twice that bound.  Among the rows themselves each pair is multiplied once and offered to both: half the
 * products, for lists of all rows at once (16 (2k + 32) bytes a row).  Whoever comes first to a list, the k nearest are
 * in it in the end, so results do not depend on threads. */
#include "analyze/neighbours.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "kernel/kernel.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUERIES = 64,
    DEPTH = 256
}; /* rows of a block; columns at once, so that half a panel stays in the first cache */

typedef struct candidate {
    double distance; /* exact, when it has been worked out */
    float likeness;  /* as the tile gave it */
    uint32_t id;
} candidate;

/* One query on its way: all of its k nearest that were seen are in the list. */
typedef struct query {
    candidate *list; /* [capacity] */
    uint32_t count;
    float floor;  /* likeness below this cannot be among the k best */
    float margin; /* rounding bound of its likenesses */
    double norm;  /* |x| */
} query;

typedef struct search {
    const float *rows, *queries; /* [n, d], [m, d] as given; NULL when they are */
    const double *wide;          /* [n, d] in double, and the queries too */
    size_t n, m, d, k, capacity;
    bool self; /* queries are the rows */
    gp_metric metric;
    float *panels;    /* [ceil(n / 16)][d][16] */
    float *offset;    /* [n rounded up] -|y|^2/2 for euclidean, 0 for cosine; -inf beyond n */
    double *norms;    /* [n] |y| */
    double scale;     /* euclidean: as packed no row or query is longer than 1, so that no square overflows */
    double most_norm; /* largest of |y| as packed */
    uint32_t *ids;    /* [m, k] */
    float *distances; /* [m, k] */
    const gp_kernels *kernels;
    query *all;             /* [n] of the rows themselves; NULL: queries of their own */
    candidate *lists;       /* [n, capacity] */
    pthread_mutex_t *locks; /* [blocks] */
    size_t blocks_locked;   /* how many of them exist */
    atomic_size_t next, finished;
    atomic_bool stop;
    gp_ticker ticker;
    size_t blocks;
    atomic_int status;
} search;

typedef struct worker {
    float *x; /* [QUERIES, d] packed queries of the block `at` */
    size_t at;
    float *tile;      /* [QUERIES, 16] */
    query *q;         /* [QUERIES] of a block of queries of their own */
    candidate *lists; /* [QUERIES, capacity] */
} worker;

/* ------------------------------------------------------------------ packing */

static double norm_of(const gp_kernels *kernels, const float *x, size_t d)
{
    return sqrt(kernels->dot(x, x, d));
}

static gp_status check_finite(const float *x, size_t n, size_t d, const char *what, gp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t j = 0; j < d; j++) sum += x[i * d + j] * 0;
        if (sum != 0 || isnan(sum))
            return gp_fail(err, GP_ERR_FORMAT, "%s %zu holds a number that is not finite", what, i);
    }
    return GP_OK;
}

static double norm_at(const search *s, size_t i)
{
    double sum = 0;
    if (!s->wide) return norm_of(s->kernels, s->rows + i * s->d, s->d);
    for (size_t j = 0; j < s->d; j++) sum += s->wide[i * s->d + j] * s->wide[i * s->d + j];
    return sqrt(sum);
}

/* norms, scale, most_norm */
static void measure(search *s)
{
    double rows = 0, most = 0;
    for (size_t i = 0; i < s->n; i++) {
        s->norms[i] = norm_at(s, i);
        rows = fmax(rows, s->norms[i]);
    }
    most = rows;
    if (!s->self && s->metric == GP_METRIC_EUCLIDEAN)
        for (size_t i = 0; i < s->m; i++) most = fmax(most, norm_of(s->kernels, s->queries + i * s->d, s->d));
    s->scale = most > 0 ? 1 / most : 1;
    s->most_norm = s->metric == GP_METRIC_COSINE ? 1 : rows * s->scale;
}

/* What a row of this length is multiplied with before it is packed. */
static double scale_of(const search *s, double norm)
{
    return s->metric == GP_METRIC_EUCLIDEAN ? s->scale : norm > 0 ? 1 / norm : 0;
}

static gp_status pack_rows(search *s, gp_error *err)
{
    size_t panels = (s->n + GP_PANEL - 1) / GP_PANEL, d = s->d;
    GP_TRY(gp_alloc_aligned((void **)&s->panels, panels * GP_PANEL * d, sizeof(float), "neighbours", err));
    GP_TRY(gp_alloc_aligned((void **)&s->offset, panels * GP_PANEL, sizeof(float), "neighbours", err));
    GP_TRY(gp_alloc((void **)&s->norms, s->n, sizeof(double), "neighbours", err));
    measure(s);
    for (size_t i = 0; i < panels * GP_PANEL; i++) {
        float *panel = s->panels + i / GP_PANEL * GP_PANEL * d + i % GP_PANEL;
        double norm = i < s->n ? s->norms[i] : 0, scale = scale_of(s, norm);
        for (size_t j = 0; j < d; j++) {
            double value = i >= s->n ? 0 : s->wide ? s->wide[i * d + j] : (double)s->rows[i * d + j];
            panel[j * GP_PANEL] = (float)(value * scale);
        }
        double length = norm * scale;
        s->offset[i] = i >= s->n ? -INFINITY : s->metric == GP_METRIC_COSINE ? 0 : (float)(-length * length / 2);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ one query */

/* Of query i from row `id`. */
static double exact_distance(const search *s, size_t i, double norm, uint32_t id)
{
    size_t d = s->d;
    const float *x = s->wide ? NULL : s->queries + i * d, *y = s->wide ? NULL : s->rows + id * d;
    const double *wx = s->wide + i * d, *wy = s->wide + id * d;
    double sum = 0;
    if (s->metric == GP_METRIC_COSINE) {
        double both = norm * s->norms[id];
        if (!s->wide)
            sum = s->kernels->dot(x, y, d);
        else
            for (size_t j = 0; j < d; j++) sum += wx[j] * wy[j];
        return both > 0 ? 1 - sum / both : 1;
    }
    if (!s->wide) return sqrt(s->kernels->distance2(x, y, d));
    for (size_t j = 0; j < d; j++) sum += (wx[j] - wy[j]) * (wx[j] - wy[j]);
    return sqrt(sum);
}

static int by_distance(const void *a, const void *b)
{
    const candidate *p = a, *q = b;
    if (p->distance != q->distance) return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* The k-th largest of x [n], which is reordered (Hoare's selection). */
static float kth_largest(float *x, size_t n, size_t k)
{
    size_t low = 0, high = n - 1, at = k - 1;
    while (low < high) {
        float pivot = x[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i >= j) break;
            float keep = x[i];
            x[i++] = x[j], x[j--] = keep;
        }
        if (at <= j)
            high = j;
        else
            low = j + 1;
    }
    return x[at];
}

/* The k best by exact distance, in order. */
static void settle(const search *s, query *q, size_t i)
{
    for (uint32_t c = 0; c < q->count; c++) q->list[c].distance = exact_distance(s, i, q->norm, q->list[c].id);
    qsort(q->list, q->count, sizeof *q->list, by_distance);
    if (q->count > s->k) q->count = (uint32_t)s->k;
}

/* Make room: drop what k others beat by more than rounding; where too many are that close, find out exactly. */
static void prune(const search *s, query *q, size_t i)
{
    enum { MOST = 4096 };
    float likeness[MOST];
    uint32_t kept = 0;
    if (q->count <= s->k) return;
    if (q->count <= MOST) {
        for (uint32_t c = 0; c < q->count; c++) likeness[c] = q->list[c].likeness;
        float cut = kth_largest(likeness, q->count, s->k) - 2 * q->margin;
        if (cut > q->floor) q->floor = cut;
        for (uint32_t c = 0; c < q->count; c++)
            if (q->list[c].likeness >= q->floor) q->list[kept++] = q->list[c];
        q->count = kept;
    }
    if (q->count > s->capacity - s->capacity / 4) settle(s, q, i);
}

static inline void offer(const search *s, query *q, size_t i, uint32_t id, float likeness)
{
    q->list[q->count++] = (candidate){.likeness = likeness, .id = id};
    if (q->count == s->capacity) prune(s, q, i);
}

/* ------------------------------------------------------------------ a block of queries */

static void begin_query(const search *s, query *q, candidate *list, size_t i)
{
    bool cosine = s->metric == GP_METRIC_COSINE;
    double norm = s->self ? s->norms[i] : norm_of(s->kernels, s->queries + i * s->d, s->d);
    double length = norm * scale_of(s, norm), u = ldexp(1, -24), most = s->most_norm;
    /* product, packing of both (d + 4), the offset and its addition, and the doubles' own rounding */
    double margin =
        1.01 * u * (((double)s->d + 8) * length * most + (cosine ? 2 : 2 * most * most + 2 * length * most)) +
        1e-14 * (length + most) * (length + most);
    *q = (query){.list = list, .floor = -INFINITY, .margin = nextafterf((float)margin, INFINITY), .norm = norm};
}

/* Rows of a block, as they are multiplied. */
static void load_block(const search *s, worker *w, size_t first, size_t count)
{
    if (w->at == first) return;
    for (size_t i = 0; i < count; i++) {
        double norm = s->self ? s->norms[first + i] : norm_of(s->kernels, s->queries + (first + i) * s->d, s->d);
        double scale = scale_of(s, norm);
        for (size_t j = 0; j < s->d; j++) {
            size_t at = (first + i) * s->d + j;
            w->x[i * s->d + j] = (float)((s->wide ? s->wide[at] : (double)s->queries[at]) * scale);
        }
    }
    w->at = first;
}

/* tile [count, 16]: products of the loaded rows with a panel. */
static void multiply_panel(const search *s, worker *w, size_t count, size_t panel)
{
    const float *p = s->panels + panel * GP_PANEL * s->d;
    memset(w->tile, 0, count * GP_PANEL * sizeof *w->tile);
    for (size_t at = 0; at < s->d; at += DEPTH) {
        size_t depth = s->d - at < DEPTH ? s->d - at : DEPTH;
        s->kernels->multiply(w->x + at, s->d, p + at * GP_PANEL, depth, w->tile, GP_PANEL, count);
    }
}

/* The panel's rows as neighbours of the queries q [count]. */
static void offer_panel(const search *s, const worker *w, query *q, size_t first, size_t count, size_t panel)
{
    const float *offset = s->offset + panel * GP_PANEL;
    for (size_t i = 0; i < count; i++) {
        const float *row = w->tile + i * GP_PANEL;
        float floor = q[i].floor;
        int any = 0;
        for (unsigned o = 0; o < GP_PANEL; o++) any |= row[o] + offset[o] >= floor;
        if (!any) continue;
        for (unsigned o = 0; o < GP_PANEL; o++) {
            size_t id = panel * GP_PANEL + o;
            if (row[o] + offset[o] < q[i].floor || id >= s->n || (s->self && id == first + i)) continue;
            offer(s, &q[i], first + i, (uint32_t)id, row[o] + offset[o]);
        }
    }
}

/* The other way round: the block's rows as neighbours of the panel's. */
static void offer_block(const search *s, const worker *w, size_t first, size_t count, size_t panel)
{
    query *q = s->all + panel * GP_PANEL;
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
            offer(s, &q[o], panel * GP_PANEL + o, (uint32_t)(first + i), row[o] + offset);
            floors[o] = q[o].floor;
        }
    }
}

static void end_block(const search *s, query *q, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        prune(s, &q[i], first + i);
        settle(s, &q[i], first + i);
        for (size_t j = 0; j < s->k; j++) {
            s->ids[(first + i) * s->k + j] = q[i].list[j].id;
            s->distances[(first + i) * s->k + j] = (float)q[i].list[j].distance;
        }
    }
}

static size_t block_rows(const search *s, size_t block)
{
    size_t first = block * QUERIES;
    return s->m - first < QUERIES ? s->m - first : QUERIES;
}

/* Block of queries against everything. */
static void run_queries(search *s, worker *w, size_t block)
{
    size_t first = block * QUERIES, count = block_rows(s, block), panels = (s->n + GP_PANEL - 1) / GP_PANEL;
    load_block(s, w, first, count);
    for (size_t i = 0; i < count; i++) begin_query(s, &w->q[i], w->lists + i * s->capacity, first + i);
    for (size_t p = 0; p < panels; p++) {
        multiply_panel(s, w, count, p);
        offer_panel(s, w, w->q, first, count, p);
    }
    end_block(s, w->q, first, count);
}

/* Block of rows against itself and all blocks behind it, both ways. */
static void run_rows(search *s, worker *w, size_t block)
{
    size_t first = block * QUERIES, count = block_rows(s, block);
    load_block(s, w, first, count);
    for (size_t other = block; other < s->blocks && !atomic_load(&s->stop); other++) {
        size_t panel = other * QUERIES / GP_PANEL, last = panel + (block_rows(s, other) + GP_PANEL - 1) / GP_PANEL;
        for (; panel < last; panel++) {
            multiply_panel(s, w, count, panel);
            pthread_mutex_lock(&s->locks[block]);
            offer_panel(s, w, s->all + first, first, count, panel);
            pthread_mutex_unlock(&s->locks[block]);
            if (other == block) continue;
            pthread_mutex_lock(&s->locks[other]);
            offer_block(s, w, first, count, panel);
            pthread_mutex_unlock(&s->locks[other]);
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

static gp_status worker_init(worker *w, const search *s)
{
    w->at = SIZE_MAX;
    GP_TRY(gp_alloc_aligned((void **)&w->x, QUERIES * s->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->tile, QUERIES * GP_PANEL, sizeof(float), "neighbours", NULL));
    if (s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&w->q, QUERIES, sizeof(query), "neighbours", NULL));
    return gp_alloc((void **)&w->lists, QUERIES * s->capacity, sizeof(candidate), "neighbours", NULL);
}

static void search_thread(void *user, int index)
{
    search *s = user;
    worker w = {0};
    size_t block;
    if (worker_init(&w, s) != GP_OK) {
        atomic_store(&s->status, GP_ERR_MEMORY);
        atomic_store(&s->stop, true);
    }
    while (!atomic_load(&s->stop) && (block = atomic_fetch_add(&s->next, 1)) < s->blocks) {
        if (s->self)
            run_rows(s, &w, block);
        else
            run_queries(s, &w, block);
        size_t done = atomic_fetch_add(&s->finished, 1) + 1;
        /* of pairs of blocks, the first blocks have the most */
        double share = (double)done / (double)s->blocks;
        if (s->self) share = share * (2 - share);
        /* thread 0 is the caller's own */
        if (index == 0 && !gp_ticker_update(&s->ticker, (uint64_t)(share * (double)s->m), 0))
            atomic_store(&s->stop, true);
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
    search *s = user;
    size_t block;
    (void)index;
    while ((block = atomic_fetch_add(&s->next, 1)) < s->blocks)
        end_block(s, s->all + block * QUERIES, block * QUERIES, block_rows(s, block));
}

static void other_end_thread(void *user, int index)
{
    end_thread(user, index + 1);
}

static gp_status on_threads(search *s, int threads, void (*mine)(void *, int), void (*others)(void *, int),
                            gp_error *err)
{
    gp_threads *running = NULL;
    atomic_store(&s->next, 0);
    if (threads > 1) GP_TRY(gp_threads_start(threads - 1, others, s, &running, err));
    mine(s, 0);
    gp_threads_join(running);
    return GP_OK;
}

static gp_status run_threads(search *s, int threads, gp_error *err)
{
    if (threads <= 0) threads = gp_thread_processors();
    if ((size_t)threads > s->blocks) threads = (int)s->blocks;
    GP_TRY(on_threads(s, threads, search_thread, other_thread, err));
    if (atomic_load(&s->status) != GP_OK) return gp_fail(err, GP_ERR_MEMORY, "out of memory for neighbours");
    if (s->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    if (s->self) GP_TRY(on_threads(s, threads, end_thread, other_end_thread, err));
    gp_ticker_finish(&s->ticker);
    return GP_OK;
}

static gp_status make_lists(search *s, gp_error *err)
{
    if (!s->self) return GP_OK;
    GP_TRY(gp_alloc((void **)&s->all, s->n, sizeof *s->all, "neighbours", err));
    GP_TRY(gp_alloc((void **)&s->lists, s->n * s->capacity, sizeof *s->lists, "neighbours", err));
    GP_TRY(gp_alloc((void **)&s->locks, s->blocks, sizeof *s->locks, "neighbours", err));
    for (size_t i = 0; i < s->n; i++) begin_query(s, &s->all[i], s->lists + i * s->capacity, i);
    for (; s->blocks_locked < s->blocks; s->blocks_locked++)
        if (pthread_mutex_init(&s->locks[s->blocks_locked], NULL) != 0)
            return gp_fail(err, GP_ERR_MEMORY, "out of memory for neighbours");
    return GP_OK;
}

static gp_status run_search(search *s, int threads, gp_error *err)
{
    gp_status st = GP_OK;
    s->blocks = (s->m + QUERIES - 1) / QUERIES;
    GP_GO(pack_rows(s, err));
    GP_GO(make_lists(s, err));
    if (s->m) GP_GO(run_threads(s, threads, err));
out:
    for (size_t b = 0; b < s->blocks_locked; b++) pthread_mutex_destroy(&s->locks[b]);
    gp_mem_free(s->locks);
    gp_mem_free(s->lists);
    gp_mem_free(s->all);
    gp_mem_free(s->norms);
    gp_mem_free(s->offset);
    gp_mem_free(s->panels);
    return st;
}

gp_status gp_an_neighbours(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                           const gp_neighbours_options *options, uint32_t *ids, float *distances, gp_error *err)
{
    search s = {.rows = rows,
                .queries = queries ? queries : rows,
                .n = n,
                .m = queries ? m : n,
                .d = d,
                .k = k,
                .capacity = 2 * k + 32,
                .self = !queries,
                .metric = options->metric,
                .ids = ids,
                .distances = distances,
                .kernels = gp_kernel_table()};
    size_t most = queries ? n : n ? n - 1 : 0;
    if (n >= UINT32_MAX) return gp_fail(err, GP_ERR_LIMIT, "%zu rows are more than 2^32 - 2", n);
    if (d == 0) return gp_fail(err, GP_ERR_USAGE, "rows without columns have no neighbours");
    if (k == 0 || k > most)
        return gp_fail(err, GP_ERR_USAGE, "%zu neighbours of %zu rows: 1 to %zu can be had", k, n, most);
    GP_TRY(check_finite(rows, n, d, "row", err));
    if (queries) GP_TRY(check_finite(queries, m, d, "query", err));
    gp_ticker_init(&s.ticker, "neighbours", s.m, options->progress, options->user);
    return run_search(&s, options->threads, err);
}

gp_status gp_an_nearest(const double *rows, size_t n, size_t d, const gp_neighbours_options *options, uint32_t *ids,
                        float *distances, gp_error *err)
{
    search s = {.wide = rows,
                .n = n,
                .m = n,
                .d = d,
                .k = 1,
                .capacity = 34,
                .self = true,
                .metric = options->metric,
                .ids = ids,
                .distances = distances,
                .kernels = gp_kernel_table()};
    gp_ticker_init(&s.ticker, "hierarchy", n, options->progress, options->user);
    return run_search(&s, options->threads, err);
}
