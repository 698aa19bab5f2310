/* SPDX-License-Identifier: MIT
 * HDBSCAN* (Campello, Moulavi, Sander 2013; McInnes and Healy 2017):
 *   rows -> core distances -> spanning tree of mutual reachability -> merges -> condensed tree -> clusters (flat.c)
 * Distances are direct sums in double, so that equal distances are equal numbers. */
#include "analyze/hdbscan.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8 };

/* ------------------------------------------------------------------ distances */

typedef struct space {
    const float *rows; /* [n, d] */
    size_t n, d, panels;
    gp_metric metric;
    float *panel;  /* [panels][d][LANES] */
    double *norms; /* [n] cosine only */
    double *core;  /* [n] */
} space;

static gp_status space_init(space *s, gp_error *err)
{
    s->panels = (s->n + LANES - 1) / LANES;
    GP_TRY(gp_alloc_aligned((void **)&s->panel, s->panels * s->d * LANES, sizeof *s->panel, "the clusters", err));
    GP_TRY(gp_alloc((void **)&s->norms, s->n, sizeof *s->norms, "the clusters", err));
    GP_TRY(gp_alloc((void **)&s->core, s->n, sizeof *s->core, "the clusters", err));
    for (size_t i = 0; i < s->panels * LANES; i++)
        for (size_t j = 0; j < s->d; j++)
            s->panel[(i / LANES * s->d + j) * LANES + i % LANES] = i < s->n ? s->rows[i * s->d + j] : 0;
    for (size_t i = 0; i < s->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < s->d; j++) sum += (double)s->rows[i * s->d + j] * (double)s->rows[i * s->d + j];
        s->norms[i] = sqrt(sum);
    }
    return GP_OK;
}

static void space_clear(space *s)
{
    gp_mem_free(s->core);
    gp_mem_free(s->norms);
    gp_mem_free(s->panel);
}

/* From row i to the rows of a panel.  Each lane sums in order of columns, whatever the compiler does side by side. */
static void to_panel(const space *s, size_t i, size_t panel, double *out)
{
    const float *x = s->rows + i * s->d, *p = s->panel + panel * s->d * LANES;
    double sum[LANES] = {0};
    if (s->metric == GP_METRIC_EUCLIDEAN) {
        for (size_t j = 0; j < s->d; j++)
            for (size_t o = 0; o < LANES; o++) {
                double gap = (double)x[j] - (double)p[j * LANES + o];
                sum[o] += gap * gap;
            }
        for (size_t o = 0; o < LANES; o++) out[o] = sqrt(sum[o]);
        return;
    }
    for (size_t j = 0; j < s->d; j++)
        for (size_t o = 0; o < LANES; o++) sum[o] += (double)x[j] * (double)p[j * LANES + o];
    for (size_t o = 0; o < LANES && panel * LANES + o < s->n; o++) {
        double both = s->norms[i] * s->norms[panel * LANES + o];
        out[o] = both > 0 ? fmax(1 - sum[o] / both, 0) : 1;
    }
}

static double between(const space *s, size_t i, size_t j)
{
    double out[LANES];
    to_panel(s, i, j / LANES, out);
    return out[j % LANES];
}

/* Distance to the min_samples-th other row: which one it is, the neighbours say; how far, the same sum as elsewhere. */
static gp_status find_cores(space *s, const gp_hdbscan_options *o, gp_error *err)
{
    size_t k = o->min_samples ? o->min_samples : o->min_cluster_size;
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    uint32_t *ids = NULL;
    float *distances = NULL;
    gp_status st = GP_OK;
    if (k > s->n - 1) k = s->n - 1;
    near.metric = o->metric, near.threads = o->threads, near.progress = o->progress, near.user = o->user;
    GP_GO(gp_alloc((void **)&ids, s->n * k, sizeof *ids, "the clusters", err));
    GP_GO(gp_alloc((void **)&distances, s->n * k, sizeof *distances, "the clusters", err));
    GP_GO(gp_an_neighbours(s->rows, s->n, s->d, NULL, 0, k, &near, ids, distances, err));
    for (size_t i = 0; i < s->n; i++) s->core[i] = between(s, i, ids[i * k + k - 1]);
out:
    gp_mem_free(distances);
    gp_mem_free(ids);
    return st;
}

/* ------------------------------------------------------------------ spanning tree */

typedef struct link {
    uint32_t from, to, found; /* found: place in the order of finding, so that sorting is stable */
    double distance;
} link;

static int by_distance(const void *a, const void *b)
{
    const link *p = a, *q = b;
    if (p->distance != q->distance) return p->distance < q->distance ? -1 : 1;
    return (p->found > q->found) - (p->found < q->found);
}

static gp_status prim(const space *s, link *tree, const gp_hdbscan_options *o, gp_error *err)
{
    double *best = NULL, gap[LANES]; /* [n] distance to the tree */
    uint32_t *from = NULL;           /* [n] from which row of it */
    bool *in = NULL;
    gp_ticker ticker;
    gp_status st = GP_OK;
    GP_GO(gp_alloc((void **)&best, s->n, sizeof *best, "the clusters", err));
    GP_GO(gp_alloc((void **)&from, s->n, sizeof *from, "the clusters", err));
    in = gp_mem_zero(s->n, sizeof *in);
    if (!in) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for the clusters"));
    gp_ticker_init(&ticker, "clusters", s->n, o->progress, o->user);
    for (size_t i = 0; i < s->n; i++) best[i] = INFINITY, from[i] = 0;
    uint32_t last = 0;
    for (uint32_t t = 0; t + 1 < s->n; t++) {
        uint32_t next = 0;
        double least = INFINITY;
        bool any = false;
        in[last] = true;
        for (size_t p = 0; p < s->panels; p++) {
            to_panel(s, last, p, gap);
            for (size_t lane = 0, i = p * LANES; lane < LANES && i < s->n; lane++, i++) {
                if (in[i]) continue;
                double reach = fmax(fmax(s->core[last], s->core[i]), gap[lane]);
                if (reach < best[i]) best[i] = reach, from[i] = last;
                if (!any || best[i] < least) least = best[i], next = (uint32_t)i, any = true;
            }
        }
        tree[t] = (link){from[next], next, t, least};
        last = next;
        if ((t & 63) == 0 && !gp_ticker_update(&ticker, t, 0)) GP_GO(gp_fail(err, GP_ERR_STOPPED, "stopped"));
    }
    gp_ticker_finish(&ticker);
out:
    gp_mem_free(in);
    gp_mem_free(from);
    gp_mem_free(best);
    return st;
}

static uint32_t root_of(uint32_t *above, uint32_t i)
{
    while (above[i] != i) i = above[i] = above[above[i]];
    return i;
}

static gp_status merge_links(const link *tree, size_t n, gp_merge *merges, gp_error *err)
{
    uint32_t *above;
    GP_TRY(gp_alloc((void **)&above, 2 * n, sizeof *above, "the clusters", err));
    for (uint32_t i = 0; i < 2 * n; i++) above[i] = i;
    for (uint32_t t = 0; t + 1 < n; t++) {
        uint32_t a = root_of(above, tree[t].from), b = root_of(above, tree[t].to);
        uint32_t size_a = a < n ? 1 : merges[a - n].size, size_b = b < n ? 1 : merges[b - n].size;
        merges[t] = (gp_merge){a, b, size_a + size_b, tree[t].distance};
        above[a] = above[b] = (uint32_t)n + t;
    }
    gp_mem_free(above);
    return GP_OK;
}

gp_status gp_an_linkage(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_merge *merges,
                        gp_error *err)
{
    space s = {.rows = rows, .n = n, .d = d, .metric = options->metric};
    link *tree = NULL;
    gp_status st = GP_OK;
    GP_GO(space_init(&s, err));
    GP_GO(gp_alloc((void **)&tree, n, sizeof *tree, "the clusters", err));
    GP_GO(find_cores(&s, options, err));
    GP_GO(prim(&s, tree, options, err));
    qsort(tree, n - 1, sizeof *tree, by_distance);
    GP_GO(merge_links(tree, n, merges, err));
out:
    gp_mem_free(tree);
    space_clear(&s);
    return st;
}

/* ------------------------------------------------------------------ condensed tree */

typedef struct condenser {
    const gp_merge *merges;
    size_t n, min_size, edges;
    gp_hdbscan_edge *edge;
    uint32_t *queue; /* [2n] breadth first */
    uint32_t *name;  /* [2n] node of the condensed tree that a merge belongs to */
    bool *gone;      /* [2n] fell out with a small branch */
} condenser;

static uint32_t size_of(const condenser *c, uint32_t node)
{
    return node < c->n ? 1 : c->merges[node - c->n].size;
}

/* Nodes under `root`, breadth first, into out; their number. */
static size_t below(const condenser *c, uint32_t root, uint32_t *out)
{
    size_t head = 0, tail = 0;
    out[tail++] = root;
    while (head < tail) {
        uint32_t node = out[head++];
        if (node < c->n) continue;
        out[tail++] = c->merges[node - c->n].left;
        out[tail++] = c->merges[node - c->n].right;
    }
    return tail;
}

static void fall_out(condenser *c, uint32_t branch, uint32_t parent, double lambda, uint32_t *scratch)
{
    size_t count = below(c, branch, scratch);
    for (size_t i = 0; i < count; i++) {
        c->gone[scratch[i]] = true;
        if (scratch[i] < c->n) c->edge[c->edges++] = (gp_hdbscan_edge){parent, scratch[i], 1, lambda};
    }
}

static void split(condenser *c, uint32_t node, uint32_t *next, uint32_t *scratch)
{
    const gp_merge *m = &c->merges[node - c->n];
    double lambda = m->distance > 0 ? 1 / m->distance : INFINITY;
    uint32_t parent = c->name[node], side[2] = {m->left, m->right};
    bool big[2] = {size_of(c, m->left) >= c->min_size, size_of(c, m->right) >= c->min_size};
    for (int i = 0; i < 2; i++) {
        if (big[0] && big[1]) {
            c->name[side[i]] = (*next)++;
            c->edge[c->edges++] = (gp_hdbscan_edge){parent, c->name[side[i]], size_of(c, side[i]), lambda};
        } else if (big[i]) {
            c->name[side[i]] = parent;
        } else {
            fall_out(c, side[i], parent, lambda, scratch);
        }
    }
}

gp_status gp_an_condense(const gp_merge *merges, size_t n, size_t min_size, gp_hdbscan_edge **edge, size_t *edges,
                         gp_error *err)
{
    condenser c = {.merges = merges, .n = n, .min_size = min_size};
    uint32_t next = (uint32_t)n + 1, root = 2 * (uint32_t)n - 2, *scratch = NULL;
    gp_status st = GP_OK;
    GP_GO(gp_alloc((void **)&c.edge, 2 * n, sizeof *c.edge, "the clusters", err));
    GP_GO(gp_alloc((void **)&c.queue, 2 * n, sizeof *c.queue, "the clusters", err));
    GP_GO(gp_alloc((void **)&c.name, 2 * n, sizeof *c.name, "the clusters", err));
    GP_GO(gp_alloc((void **)&scratch, 2 * n, sizeof *scratch, "the clusters", err));
    c.gone = gp_mem_zero(2 * n, sizeof *c.gone);
    if (!c.gone) GP_GO(gp_fail(err, GP_ERR_MEMORY, "out of memory for the clusters"));
    c.name[root] = (uint32_t)n;
    size_t count = below(&c, root, c.queue);
    for (size_t i = 0; i < count; i++)
        if (c.queue[i] >= n && !c.gone[c.queue[i]]) split(&c, c.queue[i], &next, scratch);
    *edge = c.edge, *edges = c.edges;
    c.edge = NULL;
out:
    gp_mem_free(c.gone);
    gp_mem_free(scratch);
    gp_mem_free(c.name);
    gp_mem_free(c.queue);
    gp_mem_free(c.edge);
    return st;
}

/* ------------------------------------------------------------------ the whole */

gp_status gp_an_hdbscan(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_hdbscan_tree *out,
                        gp_error *err)
{
    gp_hdbscan_tree t = {.n = n};
    gp_merge *merges = NULL;
    gp_status st = GP_OK;
    if (options->min_cluster_size < 2) return gp_fail(err, GP_ERR_USAGE, "a cluster has at least 2 rows");
    if (n < 2 || n >= UINT32_MAX / 2) return gp_fail(err, GP_ERR_USAGE, "%zu rows cannot be clustered", n);
    GP_GO(gp_alloc((void **)&merges, n, sizeof *merges, "the clusters", err));
    GP_GO(gp_an_linkage(rows, n, d, options, merges, err));
    GP_GO(gp_an_condense(merges, n, options->min_cluster_size, &t.edge, &t.edges, err));
    GP_GO(gp_an_select(&t, options, err));
    *out = t;
    memset(&t, 0, sizeof t);
out:
    gp_mem_free(merges);
    gp_an_hdbscan_clear(&t);
    return st;
}

void gp_an_hdbscan_clear(gp_hdbscan_tree *t)
{
    gp_mem_free(t->edge);
    gp_mem_free(t->selected);
    gp_mem_free(t->stability);
    gp_mem_free(t->labels);
    gp_mem_free(t->strength);
    gp_mem_free(t->outlier);
    memset(t, 0, sizeof *t);
}
