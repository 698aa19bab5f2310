/* SPDX-License-Identifier: MIT
 * Categories by agglomerative clustering: merges the fine clusters of a hierarchy.
 *
 *   fine clusters -> means of centred rows -> Ward's merges (Ward 1963) -> results with least..most clusters
 *   -> the result with the best silhouette
 *
 * The rows are centred first.  The embeddings of CLIP lie in a narrow cone, so their common part dominates all
 * distances; without it, distances depend on the differences between kinds of images.  bench/judgement compares the
 * criteria that were tried. */
#include "base/mem.h"
#include "base/str.h"
#include "pick/category.h"

#include <math.h>
#include <string.h>

typedef struct kinds {
    size_t n, c, d;
    double *mean;    /* [c, d] mean of the cluster's centred rows */
    double *size;    /* [c] number of rows of the fine cluster */
    float *distance; /* [c, c] distance between means */
    /* [c, c] increase of the sum of squares by merging a pair (Ward 1963); INFINITY: the pair cannot be merged */
    double *cost;
    /* [c] number of rows of the cluster and of all clusters that were merged into it; 0: the cluster was merged into
     * another cluster */
    double *weight;
    uint32_t *near; /* [c] the other cluster with the smallest cost of merging */
    uint32_t *from; /* [c - 1] for each merge: the cluster that disappears */
    /* [c - 1] for each merge: the cluster that contains the rows of both clusters afterwards; its number is smaller
     * than `from` */
    uint32_t *to;
} kinds;

static void kinds_clear(kinds *k)
{
    gp_mem_free(k->mean);
    gp_mem_free(k->size);
    gp_mem_free(k->distance);
    gp_mem_free(k->cost);
    gp_mem_free(k->weight);
    gp_mem_free(k->near);
    gp_mem_free(k->from);
    gp_mem_free(k->to);
}

static gp_status kinds_allocate(kinds *k, gp_error *err)
{
    size_t cells = 0, pairs = 0;
    if (!gp_size_mul(k->c, k->d, &cells) || !gp_size_mul(k->c, k->c, &pairs))
        return gp_fail_memory(err, "the categories");
    k->mean = gp_mem_zero(cells, sizeof *k->mean);
    k->size = gp_mem_zero(k->c, sizeof *k->size);
    if (!k->mean || !k->size) return gp_fail_memory(err, "the categories");
    GP_TRY(gp_alloc((void **)&k->distance, pairs, sizeof *k->distance, "the categories", err));
    GP_TRY(gp_alloc((void **)&k->cost, pairs, sizeof *k->cost, "the categories", err));
    GP_TRY(gp_alloc((void **)&k->weight, k->c, sizeof *k->weight, "the categories", err));
    GP_TRY(gp_alloc((void **)&k->near, k->c, sizeof *k->near, "the categories", err));
    GP_TRY(gp_alloc((void **)&k->from, k->c, sizeof *k->from, "the categories", err));
    return gp_alloc((void **)&k->to, k->c, sizeof *k->to, "the categories", err);
}

/* ------------------------------------------------------------------ means and distances */

/* Computes the mean of each cluster.  Each row is centred on the mean of all rows and scaled to length 1; a row equal
 * to that mean becomes 0. */
static gp_status take_means(kinds *k, const uint32_t *labels, const float *vectors, gp_error *err)
{
    double *centre = gp_mem_zero(k->d, sizeof *centre);
    if (!centre) return gp_fail_memory(err, "the categories");
    for (size_t i = 0; i < k->n; i++)
        for (size_t j = 0; j < k->d; j++) centre[j] += (double)vectors[i * k->d + j];
    for (size_t j = 0; j < k->d; j++) centre[j] /= (double)k->n;
    for (size_t i = 0; i < k->n; i++) {
        const float *row = vectors + i * k->d;
        double *mean = k->mean + labels[i] * k->d, length = 0;
        k->size[labels[i]]++;
        for (size_t j = 0; j < k->d; j++) length += ((double)row[j] - centre[j]) * ((double)row[j] - centre[j]);
        if (length <= 1e-20) continue;
        for (size_t j = 0; j < k->d; j++) mean[j] += ((double)row[j] - centre[j]) / sqrt(length);
    }
    for (size_t a = 0; a < k->c; a++)
        for (size_t j = 0; j < k->d && k->size[a] > 0; j++) k->mean[a * k->d + j] /= k->size[a];
    gp_mem_free(centre);
    return GP_OK;
}

static void take_distances(kinds *k)
{
    for (size_t a = 0; a < k->c; a++) {
        k->distance[a * k->c + a] = 0, k->cost[a * k->c + a] = INFINITY;
        for (size_t b = 0; b < a; b++) {
            const double *x = k->mean + a * k->d, *y = k->mean + b * k->d;
            double square = 0, whole = k->size[a] + k->size[b];
            for (size_t j = 0; j < k->d; j++) square += (x[j] - y[j]) * (x[j] - y[j]);
            k->distance[a * k->c + b] = k->distance[b * k->c + a] = (float)sqrt(square);
            k->cost[a * k->c + b] = k->cost[b * k->c + a] =
                k->size[a] > 0 && k->size[b] > 0 ? square * k->size[a] * k->size[b] / whole : INFINITY;
        }
    }
}

/* ------------------------------------------------------------------ Ward's merges */

static void find_nearest(kinds *k, size_t a)
{
    const double *cost = k->cost + a * k->c;
    k->near[a] = (uint32_t)a;
    for (size_t b = 0; b < k->c; b++)
        if (k->weight[b] > 0 && cost[b] < cost[k->near[a]]) k->near[a] = (uint32_t)b;
}

/* Merges cluster b into cluster a.  The costs of merges with the new cluster a follow from the old costs (Lance and
 * Williams 1967).  Each new cost is at least the smaller of the two old costs (Ward's method is reducible).  So only
 * clusters whose nearest cluster was a or b need a new nearest cluster. */
static void merge(kinds *k, size_t a, size_t b)
{
    double together = k->cost[a * k->c + b];
    for (size_t o = 0; o < k->c; o++) {
        if (k->weight[o] <= 0 || o == a || o == b) continue;
        double sum = (k->weight[a] + k->weight[o]) * k->cost[a * k->c + o] +
                     (k->weight[b] + k->weight[o]) * k->cost[b * k->c + o] - k->weight[o] * together;
        k->cost[a * k->c + o] = k->cost[o * k->c + a] = sum / (k->weight[a] + k->weight[b] + k->weight[o]);
    }
    k->weight[a] += k->weight[b], k->weight[b] = 0;
    for (size_t o = 0; o < k->c; o++)
        if (k->weight[o] > 0 && (o == a || k->near[o] == a || k->near[o] == b)) find_nearest(k, o);
}

/* Merges all clusters into one, and records the merges in `from` and `to`.  Returns the number of merges. */
static size_t merge_all(kinds *k)
{
    size_t merges = 0;
    memcpy(k->weight, k->size, k->c * sizeof *k->weight);
    for (size_t a = 0; a < k->c; a++)
        if (k->weight[a] > 0) find_nearest(k, a);
    for (;;) {
        size_t best = SIZE_MAX;
        for (size_t a = 0; a < k->c; a++) {
            if (k->weight[a] <= 0 || k->near[a] == a) continue;
            if (best == SIZE_MAX || k->cost[a * k->c + k->near[a]] < k->cost[best * k->c + k->near[best]]) best = a;
        }
        if (best == SIZE_MAX) return merges;
        size_t other = k->near[best], a = best < other ? best : other, b = best < other ? other : best;
        k->from[merges] = (uint32_t)b, k->to[merges++] = (uint32_t)a;
        merge(k, a, b);
    }
}

/* ------------------------------------------------------------------ the best cut */

/* Cuts the tree of merges: performs only the first `merges` merges.  label [c]: number of the merged cluster that
 * contains each fine cluster.  Returns the number of merged clusters. */
static size_t cut(const kinds *k, size_t merges, uint32_t *label)
{
    size_t count = 0;
    for (size_t a = 0; a < k->c; a++) label[a] = (uint32_t)a;
    for (size_t i = 0; i < merges; i++) label[k->from[i]] = k->to[i];
    for (size_t a = 0; a < k->c; a++) { /* `to` is smaller than `from`, so label[to] is final here */
        if (k->size[a] > 0) label[a] = label[a] == a ? (uint32_t)count++ : label[label[a]];
    }
    return count;
}

/* Mean silhouette (Rousseeuw 1987) of the means of the fine clusters, weighted by their rows.  rows [count]: rows of
 * each merged cluster.  sums [count] is scratch. */
static double silhouette(const kinds *k, const uint32_t *label, size_t count, double *sums, const double *rows)
{
    double total = 0;
    for (size_t a = 0; a < k->c; a++) {
        if (k->size[a] <= 0) continue;
        double others = rows[label[a]] - k->size[a], nearest = INFINITY;
        /* a fine cluster that is alone in its merged cluster has silhouette 0 by definition */
        if (others <= 0) continue;
        memset(sums, 0, count * sizeof *sums);
        for (size_t b = 0; b < k->c; b++)
            if (k->size[b] > 0) sums[label[b]] += (double)k->distance[a * k->c + b] * k->size[b];
        for (size_t j = 0; j < count; j++)
            if (j != label[a]) nearest = fmin(nearest, sums[j] / rows[j]);
        double own = sums[label[a]] / others, most = fmax(own, nearest);
        if (most > 0 && isfinite(nearest)) total += k->size[a] * (nearest - own) / most;
    }
    return total / (double)k->n;
}

/* The quality of a cut.  A cut with a higher tier is better.  Of two cuts in tier 0, the cut whose largest cluster is
 * smaller is better.  Otherwise, the cut with the larger silhouette is better. */
typedef struct cut_quality {
    /* 2: no cluster is too large or too small; 1: some are too small, but none is too large; 0: some are too large */
    int tier;
    double silhouette, largest;
    size_t merges;
} cut_quality;

static bool is_better(const cut_quality *a, const cut_quality *b)
{
    if (a->tier != b->tier) return a->tier > b->tier;
    if (a->tier == 0 && a->largest != b->largest) return a->largest < b->largest;
    return a->silhouette > b->silhouette;
}

static gp_status best_cut(const kinds *k, size_t merges, size_t least, size_t most, cut_quality *best, gp_error *err)
{
    uint32_t *label = NULL;
    double *sums = NULL, *rows = NULL;
    size_t clusters = merges + 1, fair = k->n / (2 * least);
    /* minimum rows of a category: GP_CATEGORY_MIN, or less if there are few rows in total */
    double min_rows = fair < GP_CATEGORY_MIN ? (double)fair : GP_CATEGORY_MIN;
    gp_status st = GP_OK;
    *best = (cut_quality){.tier = -1};
    GP_TRY_GOTO(gp_alloc((void **)&label, k->c, sizeof *label, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&sums, k->c, sizeof *sums, "the categories", err));
    GP_TRY_GOTO(gp_alloc((void **)&rows, k->c, sizeof *rows, "the categories", err));
    if (most > clusters) most = clusters;
    if (least > most) least = most;
    for (size_t wanted = least; wanted <= most; wanted++) {
        cut_quality j = {.merges = clusters - wanted};
        size_t count = cut(k, j.merges, label);
        double smallest = INFINITY;
        memset(rows, 0, count * sizeof *rows);
        for (size_t a = 0; a < k->c; a++)
            if (k->size[a] > 0) rows[label[a]] += k->size[a];
        for (size_t g = 0; g < count; g++) j.largest = fmax(j.largest, rows[g]), smallest = fmin(smallest, rows[g]);
        j.tier = j.largest > GP_CATEGORY_SHARE * (double)k->n ? 0 : smallest < min_rows ? 1 : 2;
        j.silhouette = silhouette(k, label, count, sums, rows);
        if (best->tier < 0 || is_better(&j, best)) *best = j;
    }
out:
    gp_mem_free(rows);
    gp_mem_free(sums);
    gp_mem_free(label);
    return st;
}

gp_status gp_categories_by_merging(const uint32_t *labels, size_t clusters, size_t n, const float *vectors, size_t d,
                                   size_t least, size_t most, uint32_t *merged, gp_category_cut *out, gp_error *err)
{
    kinds k = {.n = n, .c = clusters, .d = d};
    uint32_t *label = NULL;
    cut_quality best;
    gp_status st = GP_OK;
    GP_TRY_GOTO(kinds_allocate(&k, err));
    GP_TRY_GOTO(gp_alloc((void **)&label, clusters, sizeof *label, "the categories", err));
    GP_TRY_GOTO(take_means(&k, labels, vectors, err));
    take_distances(&k);
    GP_TRY_GOTO(best_cut(&k, merge_all(&k), least, most, &best, err));
    out->count = cut(&k, best.merges, label);
    out->silhouette = best.silhouette;
    out->largest = best.largest / (double)n;
    for (size_t i = 0; i < n; i++) merged[i] = label[labels[i]];
out:
    gp_mem_free(label);
    kinds_clear(&k);
    return st;
}
