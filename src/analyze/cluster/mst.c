/* SPDX-License-Identifier: MIT
 * The minimum spanning tree of mutual reachability, by Prim's algorithm with proven lower bounds.
 *
 *   A row enters the tree: it offers an edge to each of its k nearest rows.  Its distance to the k-th nearest is a
 *   lower bound of its distance to all others.
 *   The shortest offered edge is below the bounds of all rows compared with their neighbours only: the edge is certain,
 *   and the next row enters.
 *   Otherwise: the rows with too low a bound are compared with all rows outside the tree, a block at a time.  Products
 *   in float find the pairs that might shorten an edge; distances in double decide.
 *
 * The tree equals the one that comparing all pairs gives, also if edges have equal lengths.  Rows inside a dense
 * cluster need only their neighbours; all other comparisons are matrix products.  Each row outside keeps its shortest
 * offered edge, and of equal edges the one from the row that entered first.  So neither the order of comparing nor the
 * number of threads changes the result.
 *
 * A pair might shorten an edge if |x-y|^2 <= best^2, which is x.y + (best^2 - |y|^2) / 2 >= |x|^2 / 2.  The rows are
 * centred on their mean and scaled to length 1 at most.  For cosine: x.y + best >= 1 of unit rows.  Rounding of the
 * left side is below u ((d + 4) |x| + 6), u = 2^-24 (see knn.h), and the margin is larger. */
#include "analyze/cluster/mst.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    BLOCK = 192, /* rows compared at a time, a multiple of the six rows of a tile */
    /* minimum rows of a block.  A smaller block is filled up with the next unseen rows, which will probably be compared
     * soon anyway */
    LEAST_BLOCK = 48,
    DEPTH = 256, /* columns multiplied at a time */
    NEAR = 32,   /* minimum neighbours of the k-NN search; more neighbours lead to larger blocks */
    OUTSIDE = -1
};
/* minimum multiplications per thread; with fewer, one thread computes all products */
static const double min_thread_products = 1 << 22;

/* A heap of items; the smallest (key, item) is on top. */
typedef struct heap {
    const double *key; /* [n] */
    uint32_t *item;    /* [count] */
    uint32_t *place;   /* [n] index of each item in `item` */
    size_t count;
} heap;

typedef struct spanner {
    const float *rows; /* [n, d] */
    size_t n, d, k;
    gp_metric metric;
    int threads;
    const gp_kernels *kernels;
    uint32_t *near; /* [n, k] */
    double *norms;  /* [n] cosine only */
    double *core;   /* [n] */
    double *bound;  /* [n] lower bound of the distances to the rows that are not in `near` */
    double *best;   /* [n] rows outside the tree: length of the shortest edge found so far to the tree */
    uint32_t *from; /* [n] row in the tree at the other end of that edge */
    int64_t *order; /* [n] position at which the row entered the tree, or OUTSIDE */
    heap outside;   /* rows outside the tree; the key is `best` */
    heap unseen;    /* rows in the tree that were compared only with their neighbours; the key is `bound` */
    double *mean;   /* [d] */
    double scale;   /* factor that makes all rows at most 1 long */
    float *panels;  /* [packed / 16][d][16] rows that were outside the tree at the last packing */
    uint32_t *lane; /* [packed] row in each slot of the panels */
    double *half;   /* [packed] |y|^2 / 2 of each packed row y */
    size_t packed;
    float *block;            /* [BLOCK, d] */
    uint32_t blocked[BLOCK]; /* rows of the block */
    float thresholds[BLOCK]; /* threshold of product + offset, for each row of the block */
    size_t block_rows;
    atomic_size_t next_panel;
} spanner;

/* ------------------------------------------------------------------ heap */

static bool less(const heap *h, uint32_t a, uint32_t b)
{
    return h->key[a] != h->key[b] ? h->key[a] < h->key[b] : a < b;
}

static void put(heap *h, size_t at, uint32_t item)
{
    h->item[at] = item;
    h->place[item] = (uint32_t)at;
}

static void rise(heap *h, uint32_t item)
{
    size_t at = h->place[item];
    for (; at && less(h, item, h->item[(at - 1) / 2]); at = (at - 1) / 2) put(h, at, h->item[(at - 1) / 2]);
    put(h, at, item);
}

static void sink(heap *h, size_t at)
{
    uint32_t item = h->item[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= h->count) break;
        if (child + 1 < h->count && less(h, h->item[child + 1], h->item[child])) child++;
        if (!less(h, h->item[child], item)) break;
        put(h, at, h->item[child]);
        at = child;
    }
    put(h, at, item);
}

static void push(heap *h, uint32_t item)
{
    put(h, h->count++, item);
    rise(h, item);
}

static uint32_t pop(heap *h)
{
    uint32_t item = h->item[0];
    if (--h->count) {
        put(h, 0, h->item[h->count]);
        sink(h, 0);
    }
    return item;
}

static void reorder(heap *h)
{
    for (size_t i = h->count / 2; i-- > 0;) sink(h, i);
}

/* ------------------------------------------------------------------ distances */

static double distance(const spanner *s, uint32_t i, uint32_t j)
{
    const float *x = s->rows + i * s->d, *y = s->rows + j * s->d;
    if (s->metric == GP_METRIC_EUCLIDEAN) return sqrt(s->kernels->distance2(x, y, s->d));
    double both = s->norms[i] * s->norms[j];
    return both > 0 ? fmax(1 - s->kernels->dot(x, y, s->d) / both, 0) : 1;
}

/* Updates the best edge of row i, which is outside the tree, with the edge to row u of the tree.  Returns whether this
 * edge is the new best. */
static bool offer(spanner *s, uint32_t u, uint32_t i)
{
    if (s->core[u] > s->best[i]) return false;
    double mutual = fmax(fmax(s->core[u], s->core[i]), distance(s, u, i));
    if (mutual > s->best[i] || (mutual == s->best[i] && s->order[u] >= s->order[s->from[i]])) return false;
    s->best[i] = mutual, s->from[i] = u;
    return true;
}

/* Computes the arrays near, norms, core and bound of all rows. */
static gp_status find_neighbours(spanner *s, const gp_hdbscan_options *o, gp_error *err)
{
    size_t samples = o->min_samples ? o->min_samples : o->min_cluster_size;
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    float *distances = NULL;
    gp_status st = GP_OK;
    if (samples > s->n - 1) samples = s->n - 1;
    near.metric = o->metric, near.threads = o->threads, near.progress = o->progress, near.user = o->user;
    GP_TRY_GOTO(gp_alloc((void **)&distances, s->n * s->k, sizeof *distances, "the clusters", err));
    GP_TRY_GOTO(gp_an_neighbours(s->rows, s->n, s->d, NULL, 0, s->k, &near, s->near, distances, err));
    for (size_t i = 0; i < s->n; i++) s->norms[i] = sqrt(s->kernels->dot(s->rows + i * s->d, s->rows + i * s->d, s->d));
    for (uint32_t i = 0; i < s->n; i++) {
        const uint32_t *ids = s->near + i * s->k;
        s->core[i] = distance(s, i, ids[samples - 1]);
        /* slightly less than the distance to the last neighbour, because the k-NN search rounds distances
         * differently */
        s->bound[i] = s->k == s->n - 1 ? INFINITY : distance(s, i, ids[s->k - 1]) * (1 - 1e-10) - 1e-13;
    }
out:
    gp_mem_free(distances);
    return st;
}

/* ------------------------------------------------------------------ packing */

/* Computes the mean and the scale by which `load` centres and scales the rows.  For the cosine metric the mean stays 0
 * and the scale 1. */
static void find_frame(spanner *s)
{
    double most = 0;
    memset(s->mean, 0, s->d * sizeof *s->mean);
    s->scale = 1;
    if (s->metric == GP_METRIC_COSINE) return;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->d; j++) s->mean[j] += (double)s->rows[i * s->d + j] / (double)s->n;
    for (size_t i = 0; i < s->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < s->d; j++) {
            double x = (double)s->rows[i * s->d + j] - s->mean[j];
            sum += x * x;
        }
        if (sum > most) most = sum;
    }
    if (most > 0) s->scale = 1 / sqrt(most);
}

/* Writes row i, centred and scaled for products, to out[0], out[step], out[2 * step] ... Returns its squared length. */
static double load(const spanner *s, uint32_t i, float *out, size_t step)
{
    double scale = s->metric == GP_METRIC_EUCLIDEAN ? s->scale : s->norms[i] > 0 ? 1 / s->norms[i] : 0, sum = 0;
    for (size_t j = 0; j < s->d; j++) {
        double x = ((double)s->rows[i * s->d + j] - s->mean[j]) * scale;
        out[j * step] = (float)x;
        sum += x * x;
    }
    return sum;
}

/* Packs the rows outside the tree into panels, the layout that the matrix product reads.  Packs them again only after a
 * quarter of the packed rows has entered the tree. */
static void pack(spanner *s)
{
    size_t width = (s->outside.count + GP_PANEL - 1) / GP_PANEL * GP_PANEL, at = 0;
    if (s->packed && width > s->packed - s->packed / 4) return;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->order[i] != OUTSIDE) continue;
        s->half[at] = load(s, i, s->panels + at / GP_PANEL * GP_PANEL * s->d + at % GP_PANEL, GP_PANEL) / 2;
        s->lane[at++] = i;
    }
    for (; at % GP_PANEL; at++) {
        float *panel = s->panels + at / GP_PANEL * GP_PANEL * s->d + at % GP_PANEL;
        for (size_t j = 0; j < s->d; j++) panel[j * GP_PANEL] = 0;
        s->lane[at] = UINT32_MAX;
    }
    s->packed = width;
}

/* Returns the offset of a lane of a panel.  The offset is added to each product of the lane's row before the comparison
 * with a threshold.  A lane without a row outside the tree has -INFINITY, so it never reaches a threshold. */
static float offset_of(const spanner *s, size_t lane)
{
    uint32_t i = s->lane[lane];
    if (i == UINT32_MAX || s->order[i] != OUTSIDE) return -INFINITY;
    double best = s->best[i] * s->scale;
    return (float)(s->metric == GP_METRIC_COSINE ? best : best * best / 2 - s->half[lane]);
}

/* ------------------------------------------------------------------ comparing a block with all rows outside */

/* Moves the unseen rows with a bound of at most `certain` to the block, in ascending order of their bounds.  Moves at
 * most BLOCK rows, and at least LEAST_BLOCK rows if so many rows are unseen. */
static void take_block(spanner *s, double certain)
{
    double u = ldexp(1, -24), d = (double)s->d;
    s->block_rows = 0;
    while (s->unseen.count && s->block_rows < BLOCK &&
           (s->block_rows < LEAST_BLOCK || s->bound[s->unseen.item[0]] <= certain)) {
        size_t at = s->block_rows++;
        uint32_t row = s->blocked[at] = pop(&s->unseen);
        double squared = load(s, row, s->block + at * s->d, 1);
        double margin = 1.01 * u * ((d + 8) * sqrt(squared) + 8) + 4e-15 * (d + 8);
        s->thresholds[at] = (float)((s->metric == GP_METRIC_COSINE ? 1 : squared / 2) - margin);
    }
}

static void compare_panel(spanner *s, size_t panel, float *tile)
{
    float offset[GP_PANEL];
    bool any = false;
    for (size_t o = 0; o < GP_PANEL; o++) {
        offset[o] = offset_of(s, panel * GP_PANEL + o);
        any = any || offset[o] > -INFINITY;
    }
    if (!any) return;
    memset(tile, 0, s->block_rows * GP_PANEL * sizeof *tile);
    for (size_t at = 0; at < s->d; at += DEPTH) {
        size_t depth = s->d - at < DEPTH ? s->d - at : DEPTH;
        s->kernels->gemm(s->block + at, s->d, s->panels + (panel * s->d + at) * GP_PANEL, depth, tile, GP_PANEL,
                         s->block_rows);
    }
    for (size_t b = 0; b < s->block_rows; b++) {
        const float *row = tile + b * GP_PANEL;
        float threshold = s->thresholds[b];
        int some = 0;
        for (size_t o = 0; o < GP_PANEL; o++) some |= row[o] + offset[o] >= threshold;
        for (size_t o = 0; some && o < GP_PANEL; o++)
            if (row[o] + offset[o] >= threshold && offer(s, s->blocked[b], s->lane[panel * GP_PANEL + o]))
                offset[o] = offset_of(s, panel * GP_PANEL + o);
    }
}

/* Compares the block with panels of rows outside the tree.  One thread handles a panel, so its rows need no lock. */
static void compare_thread(void *user, int index)
{
    enum { AT_ONCE = 8 };
    spanner *s = user;
    _Alignas(64) float tile[BLOCK * GP_PANEL];
    size_t panels = s->packed / GP_PANEL, first;
    (void)index;
    while ((first = atomic_fetch_add(&s->next_panel, AT_ONCE)) < panels)
        for (size_t p = first; p < panels && p < first + AT_ONCE; p++) compare_panel(s, p, tile);
}

static gp_status compare_block(spanner *s, gp_error *err)
{
    gp_threads *running = NULL;
    double work = (double)s->block_rows * (double)s->packed * (double)s->d;
    int threads = work < min_thread_products * s->threads ? 1 : s->threads;
    atomic_store(&s->next_panel, 0);
    if (threads > 1) GP_TRY(gp_threads_start(threads - 1, compare_thread, s, &running, err));
    compare_thread(s, 0);
    gp_threads_join(running);
    reorder(&s->outside);
    return GP_OK;
}

/* ------------------------------------------------------------------ the tree */

static void enter(spanner *s, uint32_t row, int64_t when)
{
    s->order[row] = when;
    for (size_t j = 0; j < s->k; j++) {
        uint32_t other = s->near[row * s->k + j];
        if (s->order[other] == OUTSIDE && offer(s, row, other)) rise(&s->outside, other);
    }
    if (s->k < s->n - 1) push(&s->unseen, row);
}

static gp_status grow(spanner *s, gp_mst_edge *tree, const gp_hdbscan_options *o, gp_error *err)
{
    gp_progress_meter ticker;
    gp_progress_meter_init(&ticker, "clusters", s->n, o->progress, o->user);
    for (uint32_t t = 0; t < s->n; t++) {
        while (t && s->unseen.count && s->bound[s->unseen.item[0]] <= s->best[s->outside.item[0]]) {
            pack(s);
            take_block(s, s->best[s->outside.item[0]]);
            GP_TRY(compare_block(s, err));
            if (!gp_progress_meter_update(&ticker, t, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
        }
        uint32_t row = pop(&s->outside);
        if (t) tree[t - 1] = (gp_mst_edge){s->from[row], row, t - 1, s->best[row]};
        enter(s, row, t);
        if ((t & 63) == 0 && !gp_progress_meter_update(&ticker, t, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_progress_meter_finish(&ticker);
    return GP_OK;
}

static gp_status heap_init(heap *h, const double *key, size_t n, gp_error *err)
{
    h->key = key;
    GP_TRY(gp_alloc((void **)&h->item, n, sizeof *h->item, "the clusters", err));
    return gp_alloc((void **)&h->place, n, sizeof *h->place, "the clusters", err);
}

static gp_status spanner_init(spanner *s, gp_error *err)
{
    size_t n = s->n, width = (n + GP_PANEL - 1) / GP_PANEL * GP_PANEL;
    const char *what = "the clusters";
    GP_TRY(gp_alloc((void **)&s->near, n * s->k, sizeof *s->near, what, err));
    GP_TRY(gp_alloc((void **)&s->norms, n, sizeof *s->norms, what, err));
    GP_TRY(gp_alloc((void **)&s->core, n, sizeof *s->core, what, err));
    GP_TRY(gp_alloc((void **)&s->bound, n, sizeof *s->bound, what, err));
    GP_TRY(gp_alloc((void **)&s->best, n, sizeof *s->best, what, err));
    GP_TRY(gp_alloc((void **)&s->from, n, sizeof *s->from, what, err));
    GP_TRY(gp_alloc((void **)&s->order, n, sizeof *s->order, what, err));
    GP_TRY(gp_alloc((void **)&s->mean, s->d, sizeof *s->mean, what, err));
    GP_TRY(gp_alloc_aligned((void **)&s->panels, width * s->d, sizeof *s->panels, what, err));
    GP_TRY(gp_alloc((void **)&s->lane, width, sizeof *s->lane, what, err));
    GP_TRY(gp_alloc((void **)&s->half, width, sizeof *s->half, what, err));
    GP_TRY(gp_alloc_aligned((void **)&s->block, BLOCK * s->d, sizeof *s->block, what, err));
    GP_TRY(heap_init(&s->outside, s->best, n, err));
    GP_TRY(heap_init(&s->unseen, s->bound, n, err));
    for (uint32_t i = 0; i < n; i++) {
        s->best[i] = INFINITY, s->from[i] = 0, s->order[i] = OUTSIDE;
        push(&s->outside, i);
    }
    return GP_OK;
}

static void spanner_clear(spanner *s)
{
    void *owned[] = {s->near,         s->norms,         s->core,        s->bound,       s->best, s->from,
                     s->order,        s->mean,          s->panels,      s->lane,        s->half, s->block,
                     s->outside.item, s->outside.place, s->unseen.item, s->unseen.place};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) gp_mem_free(owned[i]);
}

gp_status gp_an_spanning(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_mst_edge *tree,
                         gp_error *err)
{
    spanner s = {.rows = rows,
                 .n = n,
                 .d = d,
                 .k = options->min_samples ? options->min_samples : options->min_cluster_size,
                 .metric = options->metric,
                 .threads = options->threads > 0 ? options->threads : gp_thread_processors(),
                 .kernels = gp_kernel_table()};
    gp_status st = GP_OK;
    if (s.k < NEAR) s.k = NEAR;
    if (s.k > n - 1) s.k = n - 1;
    GP_TRY_GOTO(spanner_init(&s, err));
    GP_TRY_GOTO(find_neighbours(&s, options, err));
    find_frame(&s);
    GP_TRY_GOTO(grow(&s, tree, options, err));
out:
    spanner_clear(&s);
    return st;
}
