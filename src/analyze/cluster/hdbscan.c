/* SPDX-License-Identifier: MIT
 * HDBSCAN* (Campello, Moulavi, Sander 2013; McInnes and Healy 2017):
 *
 *   rows -> minimum spanning tree under the mutual reachability distance (mst.c) -> merges -> condensed tree
 *   -> clusters (hdbscan_select.c)
 *
 * Edges of equal length are merged in the order in which Prim's algorithm added them. */
#include "analyze/cluster/hdbscan.h"

#include "analyze/analyze.h"
#include "analyze/cluster/mst.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ merges */

static int by_distance(const void *a, const void *b)
{
    const gp_mst_edge *p = a, *q = b;
    if (p->distance != q->distance) return p->distance < q->distance ? -1 : 1;
    return (p->found > q->found) - (p->found < q->found);
}

static uint32_t root_of(uint32_t *above, uint32_t i)
{
    while (above[i] != i) i = above[i] = above[above[i]];
    return i;
}

static gp_status merge_links(const gp_mst_edge *tree, size_t n, gp_merge *merges, gp_error *err)
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
    gp_mst_edge *tree = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&tree, n, sizeof *tree, "the clusters", err));
    GP_TRY_GOTO(gp_an_spanning(rows, n, d, options, tree, err));
    qsort(tree, n - 1, sizeof *tree, by_distance);
    GP_TRY_GOTO(merge_links(tree, n, merges, err));
out:
    gp_mem_free(tree);
    return st;
}

/* ------------------------------------------------------------------ condensed tree */

typedef struct condenser {
    const gp_merge *merges;
    size_t n, min_size, edges;
    gp_hdbscan_edge *edge;
    uint32_t *queue; /* [2n] nodes in breadth-first order */
    uint32_t *name;  /* [2n] cluster of the condensed tree to which each merge belongs */
    bool *gone;      /* [2n] whether the node has left its cluster, because its side of a split was too small */
} condenser;

static uint32_t size_of(const condenser *c, uint32_t node)
{
    return node < c->n ? 1 : c->merges[node - c->n].size;
}

/* Writes `root` and all nodes below it to `out` in breadth-first order.  Returns their number. */
static size_t list_nodes(const condenser *c, uint32_t root, uint32_t *out)
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

/* Removes `side`, the side of a split that has too few rows.  The rows of this side leave cluster `parent` at density
 * `lambda`. */
static void remove_side(condenser *c, uint32_t side, uint32_t parent, double lambda, uint32_t *scratch)
{
    size_t count = list_nodes(c, side, scratch);
    for (size_t i = 0; i < count; i++) {
        c->gone[scratch[i]] = true;
        if (scratch[i] < c->n) c->edge[c->edges++] = (gp_hdbscan_edge){parent, scratch[i], 1, lambda};
    }
}

/* Undoes the merge `node`: splits the cluster in two if both sides are large enough, else removes each side that is too
 * small.  *next: number of the next new cluster. lambda = 1 / distance is the density of the split. */
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
            remove_side(c, side[i], parent, lambda, scratch);
        }
    }
}

gp_status gp_an_condense(const gp_merge *merges, size_t n, size_t min_size, gp_hdbscan_edge **edge, size_t *edges,
                         gp_error *err)
{
    condenser c = {.merges = merges, .n = n, .min_size = min_size};
    uint32_t next = (uint32_t)n + 1, root = 2 * (uint32_t)n - 2, *scratch = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&c.edge, 2 * n, sizeof *c.edge, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&c.queue, 2 * n, sizeof *c.queue, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&c.name, 2 * n, sizeof *c.name, "the clusters", err));
    GP_TRY_GOTO(gp_alloc((void **)&scratch, 2 * n, sizeof *scratch, "the clusters", err));
    c.gone = gp_mem_zero(2 * n, sizeof *c.gone);
    if (!c.gone) GP_TRY_GOTO(gp_fail_memory(err, "the clusters"));
    c.name[root] = (uint32_t)n;
    size_t count = list_nodes(&c, root, c.queue);
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

/* ------------------------------------------------------------------ entry point */

gp_status gp_an_hdbscan(const float *rows, size_t n, size_t d, const gp_hdbscan_options *options, gp_hdbscan_tree *out,
                        gp_error *err)
{
    gp_hdbscan_tree t = {.n = n};
    gp_merge *merges = NULL;
    gp_status st = GP_OK;
    if (options->min_cluster_size < 2)
        return gp_fail(err, GP_ERR_USAGE, "min_cluster_size must be at least 2, not %u", options->min_cluster_size);
    if (n < 2 || n >= UINT32_MAX / 2)
        return gp_fail(err, GP_ERR_USAGE, "HDBSCAN needs 2 to %u rows, not %zu", UINT32_MAX / 2 - 1, n);
    GP_TRY_GOTO(gp_alloc((void **)&merges, n, sizeof *merges, "the clusters", err));
    GP_TRY_GOTO(gp_an_linkage(rows, n, d, options, merges, err));
    GP_TRY_GOTO(gp_an_condense(merges, n, options->min_cluster_size, &t.edge, &t.edges, err));
    GP_TRY_GOTO(gp_an_select(&t, options, err));
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
