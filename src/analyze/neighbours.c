/* SPDX-License-Identifier: MIT
 * Exact k nearest neighbours.
 *
 *   rows [n,d] -> panels of 16 (packed once, shared) ; a block of queries x panel -> likeness in float, in tiles
 *   a row whose likeness could be among the k best, allowing for rounding -> candidate
 *   candidates -> distance in double from the rows as given -> the k best by (distance, id)
 *
 * Likeness is x.y of unit rows for cosine, and x.y - |y|^2/2 for euclidean (which orders as -|x-y|^2 does for one x).
 * A float sum of d products errs by at most (d + 4) u sum|x_i y_i| <= (d + 4) u |x||y|, u = 2^-24 (Higham 2002, 3.5;
 * any order of summation, with or without FMA), so no neighbour is ever missed: it is kept while its likeness is above
 * that of the k-th best found so far, which is known in double, less that bound.  Each query is worked out by one
 * thread alone, over rows in order, so that results do not depend on threads. */
#include "analyze/neighbours.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { QUERIES = 64 }; /* of a block: their tile against a panel stays in cache */

typedef struct candidate {
    double distance; /* exact once `known` entries are compared */
    uint32_t id;
} candidate;

/* One query on its way: the first `held` candidates have exact distances and are the best so far, in order. */
typedef struct query {
    candidate *list; /* [capacity] */
    uint32_t held, count;
    float floor;         /* likeness below this cannot be among the k best */
    double margin, norm; /* rounding bound of its likenesses; |x| */
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
    double most_norm; /* largest of |y| as packed */
    uint32_t *ids;    /* [m, k] */
    float *distances; /* [m, k] */
    const gp_kernels *kernels;
    atomic_size_t next;
    atomic_bool stop;
    gp_ticker ticker;
    size_t blocks;
    atomic_int status;
} search;

typedef struct worker {
    float *x;         /* [QUERIES, d] packed queries */
    float *tile;      /* [QUERIES, 16] */
    query *q;         /* [QUERIES] */
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

static gp_status pack_rows(search *s, gp_error *err)
{
    size_t panels = (s->n + GP_PANEL - 1) / GP_PANEL, d = s->d;
    GP_TRY(gp_alloc_aligned((void **)&s->panels, panels * GP_PANEL * d, sizeof(float), "neighbours", err));
    GP_TRY(gp_alloc_aligned((void **)&s->offset, panels * GP_PANEL, sizeof(float), "neighbours", err));
    GP_TRY(gp_alloc((void **)&s->norms, s->n, sizeof(double), "neighbours", err));
    for (size_t i = 0; i < panels * GP_PANEL; i++) {
        float *panel = s->panels + i / GP_PANEL * GP_PANEL * d + i % GP_PANEL;
        double norm = i < s->n ? norm_at(s, i) : 0;
        double scale = s->metric == GP_METRIC_COSINE ? (norm > 0 ? 1 / norm : 0) : 1;
        for (size_t j = 0; j < d; j++) {
            double value = i >= s->n ? 0 : s->wide ? s->wide[i * d + j] : (double)s->rows[i * d + j];
            panel[j * GP_PANEL] = (float)(value * scale);
        }
        s->offset[i] = i >= s->n ? -INFINITY : s->metric == GP_METRIC_COSINE ? 0 : (float)(-norm * norm / 2);
        if (i < s->n) s->norms[i] = norm;
        if (i < s->n && norm * scale > s->most_norm) s->most_norm = norm * scale;
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
    for (size_t j = 0; j < d; j++) {
        double gap = s->wide ? wx[j] - wy[j] : (double)x[j] - (double)y[j];
        sum += gap * gap;
    }
    return sqrt(sum);
}

static int by_distance(const void *a, const void *b)
{
    const candidate *p = a, *q = b;
    if (p->distance != q->distance) return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* Work out the new candidates, keep the k best, and raise the floor. */
static void settle(const search *s, query *q, size_t i)
{
    for (uint32_t c = q->held; c < q->count; c++) q->list[c].distance = exact_distance(s, i, q->norm, q->list[c].id);
    qsort(q->list, q->count, sizeof *q->list, by_distance);
    if (q->count > s->k) q->count = (uint32_t)s->k;
    q->held = q->count;
    if (q->count < s->k) return;
    double worst = q->list[s->k - 1].distance;
    double likeness = s->metric == GP_METRIC_COSINE ? 1 - worst : (q->norm * q->norm - worst * worst) / 2;
    q->floor = nextafterf((float)(likeness - q->margin), -INFINITY);
}

static void offer(const search *s, query *q, size_t i, uint32_t id)
{
    q->list[q->count++].id = id;
    if (q->count == s->capacity) settle(s, q, i);
}

/* ------------------------------------------------------------------ a block of queries */

static void begin_block(const search *s, worker *w, size_t first, size_t count)
{
    size_t d = s->d;
    for (size_t i = 0; i < count; i++) {
        query *q = &w->q[i];
        double norm = s->self ? s->norms[first + i] : norm_of(s->kernels, s->queries + (first + i) * d, d);
        bool cosine = s->metric == GP_METRIC_COSINE;
        double scale = cosine ? (norm > 0 ? 1 / norm : 0) : 1;
        for (size_t j = 0; j < d; j++) {
            size_t at = (first + i) * d + j;
            w->x[i * d + j] = (float)((s->wide ? s->wide[at] : (double)s->queries[at]) * scale);
        }
        double length = norm * scale, u = ldexp(1, -24), most = s->most_norm;
        q->list = w->lists + i * s->capacity;
        q->held = q->count = 0;
        q->floor = -INFINITY;
        q->norm = norm;
        /* product, packing of both (d + 4), the offset and its addition, and the doubles' own rounding */
        q->margin = 1.01 * u * (((double)d + 8) * length * most + (cosine ? 2 : 2 * most * most + 2 * length * most)) +
                    1e-14 * (length + most) * (length + most);
    }
}

static void run_panel(const search *s, worker *w, size_t first, size_t count, size_t panel)
{
    const float *p = s->panels + panel * GP_PANEL * s->d, *offset = s->offset + panel * GP_PANEL;
    memset(w->tile, 0, count * GP_PANEL * sizeof *w->tile);
    s->kernels->multiply(w->x, s->d, p, s->d, w->tile, GP_PANEL, count);
    for (size_t i = 0; i < count; i++) {
        const float *row = w->tile + i * GP_PANEL;
        query *q = &w->q[i];
        unsigned hits = 0;
        for (unsigned o = 0; o < GP_PANEL; o++) hits |= (unsigned)(row[o] + offset[o] >= q->floor) << o;
        for (unsigned o = 0; hits; o++, hits >>= 1) {
            size_t id = panel * GP_PANEL + o;
            if (!(hits & 1) || id >= s->n || (s->self && id == first + i)) continue;
            if (row[o] + offset[o] >= q->floor) offer(s, q, first + i, (uint32_t)id);
        }
    }
}

static void end_block(const search *s, worker *w, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        query *q = &w->q[i];
        settle(s, q, first + i);
        for (size_t j = 0; j < s->k; j++) {
            s->ids[(first + i) * s->k + j] = q->list[j].id;
            s->distances[(first + i) * s->k + j] = (float)q->list[j].distance;
        }
    }
}

static void worker_clear(worker *w)
{
    gp_mem_free(w->lists);
    gp_mem_free(w->q);
    gp_mem_free(w->tile);
    gp_mem_free(w->x);
}

static gp_status worker_init(worker *w, const search *s)
{
    GP_TRY(gp_alloc_aligned((void **)&w->x, QUERIES * s->d, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc_aligned((void **)&w->tile, QUERIES * GP_PANEL, sizeof(float), "neighbours", NULL));
    GP_TRY(gp_alloc((void **)&w->q, QUERIES, sizeof(query), "neighbours", NULL));
    return gp_alloc((void **)&w->lists, QUERIES * s->capacity, sizeof(candidate), "neighbours", NULL);
}

static void search_thread(void *user, int index)
{
    search *s = user;
    worker w = {0};
    size_t block, panels = (s->n + GP_PANEL - 1) / GP_PANEL;
    if (worker_init(&w, s) != GP_OK) {
        atomic_store(&s->status, GP_ERR_MEMORY);
        atomic_store(&s->stop, true);
    }
    while (!atomic_load(&s->stop) && (block = atomic_fetch_add(&s->next, 1)) < s->blocks) {
        size_t first = block * QUERIES, count = s->m - first < QUERIES ? s->m - first : QUERIES;
        begin_block(s, &w, first, count);
        for (size_t p = 0; p < panels; p++) run_panel(s, &w, first, count, p);
        end_block(s, &w, first, count);
        /* thread 0 is the caller's own */
        if (index == 0 && !gp_ticker_update(&s->ticker, first + count, 0)) atomic_store(&s->stop, true);
    }
    worker_clear(&w);
}

static void other_thread(void *user, int index)
{
    search_thread(user, index + 1);
}

static gp_status run_threads(search *s, int threads, gp_error *err)
{
    gp_threads *others = NULL;
    if (threads <= 0) threads = gp_thread_processors();
    if ((size_t)threads > s->blocks) threads = (int)s->blocks;
    if (threads > 1) GP_TRY(gp_threads_start(threads - 1, other_thread, s, &others, err));
    search_thread(s, 0);
    gp_threads_join(others);
    if (atomic_load(&s->status) != GP_OK) return gp_fail(err, GP_ERR_MEMORY, "out of memory for neighbours");
    if (s->ticker.stopped) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    gp_ticker_finish(&s->ticker);
    return GP_OK;
}

static gp_status run_search(search *s, int threads, gp_error *err)
{
    gp_status st = GP_OK;
    s->blocks = (s->m + QUERIES - 1) / QUERIES;
    GP_GO(pack_rows(s, err));
    if (s->m) GP_GO(run_threads(s, threads, err));
out:
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
                .capacity = 2 * k + 64,
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

gp_status gp_an_nearest(const double *rows, size_t n, size_t d, gp_metric metric, int threads, uint32_t *ids,
                        float *distances, gp_error *err)
{
    search s = {.wide = rows,
                .n = n,
                .m = n,
                .d = d,
                .k = 1,
                .capacity = 64,
                .self = true,
                .metric = metric,
                .ids = ids,
                .distances = distances,
                .kernels = gp_kernel_table()};
    gp_ticker_init(&s.ticker, "neighbours", n, NULL, NULL);
    return run_search(&s, threads, err);
}
