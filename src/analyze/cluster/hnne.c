/* SPDX-License-Identifier: MIT
 * The first-neighbour hierarchy of FINCH (Sarfraz, Sharma, Stiefelhagen, CVPR 2019), as h-NNE (Sarfraz et al., CVPR
 * 2022) builds it:
 *
 *   level 0   an edge joins each row to its nearest other row; the clusters are the connected components
 *   level t   an edge joins each cluster of level t - 1 to the cluster with the nearest mean; the means of rows are
 *             computed in double
 *   end       a level with one cluster, or with only one cluster less than the level before, is discarded
 *
 * Each component has at least two members, so each level has at most half as many clusters as the one before.  Nearly
 * all of the time is therefore spent on the first level.  Clusters are numbered by their smallest row. */
#include "analyze/analyze.h"

#include "analyze/neighbour/neighbours.h"
#include "base/str.h"
#include "base/mem.h"

#include <string.h>

/* MIN_CLUSTERS: minimum clusters of a level; levels with fewer clusters are left out.  MAX_LEVELS: maximum number of
 * levels.  It is never reached, because each level has at most half as many clusters as the one before, and there are
 * fewer than 2^32 rows. */
enum { MIN_CLUSTERS = 3, MAX_LEVELS = 40 };

/* ------------------------------------------------------------------ components */

static uint32_t root_of(uint32_t *above, uint32_t i)
{
    while (above[i] != i) i = above[i] = above[above[i]];
    return i;
}

/* Writes to label [n] the connected component of each node in the graph with the edges i -- nearest[i].  Components are
 * numbered by their smallest member.  Returns their number.  above [n] is scratch: the parents of a union-find forest.
 */
static uint32_t components(const uint32_t *nearest, size_t n, uint32_t *above, uint32_t *label)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) above[i] = i;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t a = root_of(above, i), b = root_of(above, nearest[i]);
        if (a < b)
            above[b] = a;
        else
            above[a] = b;
    }
    for (uint32_t i = 0; i < n; i++) label[i] = above[i] == i ? count++ : label[root_of(above, i)];
    return count;
}

/* ------------------------------------------------------------------ levels */

typedef struct builder {
    const float *rows; /* [n, d] */
    size_t n, d;
    const gp_neighbours_options *options;
    uint32_t *nearest, *above, *join; /* [n] scratch */
    float *distance;                  /* [n] scratch */
    double *means;                    /* [clusters of level 0, d] */
    uint32_t *labels[MAX_LEVELS];     /* [n] each */
    uint32_t *parents[MAX_LEVELS];    /* parents[t] [sizes[t]]: cluster of level t + 1 that contains each cluster */
    uint32_t sizes[MAX_LEVELS];
    size_t levels;
} builder;

static void take_means(const builder *b, const uint32_t *label, uint32_t clusters)
{
    uint32_t *support = b->above;
    memset(b->means, 0, clusters * b->d * sizeof(double));
    memset(support, 0, clusters * sizeof *support);
    for (size_t i = 0; i < b->n; i++) {
        double *mean = b->means + label[i] * b->d;
        for (size_t j = 0; j < b->d; j++) mean[j] += (double)b->rows[i * b->d + j];
        support[label[i]]++;
    }
    for (uint32_t c = 0; c < clusters; c++)
        for (size_t j = 0; j < b->d; j++) b->means[c * b->d + j] /= support[c];
}

static gp_status first_level(builder *b, gp_error *err)
{
    gp_neighbours_options all = *b->options;
    all.recall = 1;
    GP_TRY(gp_an_neighbours(b->rows, b->n, b->d, NULL, 0, 1, &all, b->nearest, b->distance, err));
    GP_TRY(gp_alloc((void **)&b->labels[0], b->n, sizeof(uint32_t), "the hierarchy", err));
    b->sizes[0] = components(b->nearest, b->n, b->above, b->labels[0]);
    b->levels = 1;
    return gp_alloc((void **)&b->means, b->sizes[0] * b->d, sizeof(double), "the hierarchy", err);
}

/* Adds one level to the hierarchy.  *more: false if no further level can be built. */
static gp_status next_level(builder *b, bool *more, gp_error *err)
{
    size_t t = b->levels;
    uint32_t clusters = b->sizes[t - 1];
    *more = false;
    if (clusters < 2 || t == MAX_LEVELS) return GP_OK;
    take_means(b, b->labels[t - 1], clusters);
    GP_TRY(gp_an_nearest(b->means, clusters, b->d, b->options, b->nearest, b->distance, err));
    uint32_t joined = components(b->nearest, clusters, b->above, b->join);
    if (joined == 1 || clusters - joined <= 1) return GP_OK;
    GP_TRY(gp_alloc((void **)&b->parents[t - 1], clusters, sizeof(uint32_t), "the hierarchy", err));
    memcpy(b->parents[t - 1], b->join, clusters * sizeof(uint32_t));
    GP_TRY(gp_alloc((void **)&b->labels[t], b->n, sizeof(uint32_t), "the hierarchy", err));
    for (size_t i = 0; i < b->n; i++) b->labels[t][i] = b->join[b->labels[t - 1][i]];
    b->sizes[t] = joined;
    b->levels++;
    *more = true;
    return GP_OK;
}

/* Moves the levels with at least MIN_CLUSTERS clusters to `out`. */
static gp_status make_hierarchy(builder *b, gp_hierarchy *out, gp_error *err)
{
    gp_hierarchy h = {.n = b->n};
    gp_status st = GP_OK;
    while (h.levels < b->levels && b->sizes[h.levels] >= MIN_CLUSTERS) h.levels++;
    if (h.levels == 0)
        return gp_fail(err, GP_ERR_NOT_FOUND,
                       "too few rows for a hierarchy: %zu %s %u %s, but a hierarchy needs at least %d clusters", b->n,
                       gp_plural(b->n, "row makes", "rows make"), b->sizes[0],
                       gp_plural(b->sizes[0], "cluster", "clusters"), MIN_CLUSTERS);
    GP_TRY_GOTO(gp_alloc((void **)&h.sizes, h.levels, sizeof *h.sizes, "the hierarchy", err));
    GP_TRY_GOTO(gp_alloc((void **)&h.labels, h.levels * b->n, sizeof *h.labels, "the hierarchy", err));
    h.parents = gp_mem_zero(h.levels, sizeof *h.parents);
    if (!h.parents) GP_TRY_GOTO(gp_fail_memory(err, "the hierarchy"));
    for (size_t t = 0; t < h.levels; t++) {
        h.sizes[t] = b->sizes[t];
        memcpy(h.labels + t * b->n, b->labels[t], b->n * sizeof *h.labels);
        if (t + 1 == h.levels) break;
        h.parents[t] = b->parents[t];
        b->parents[t] = NULL;
    }
    *out = h;
    return GP_OK;
out:
    gp_an_hierarchy_clear(&h);
    return st;
}

gp_status gp_an_hierarchy(const float *rows, size_t n, size_t d, const gp_neighbours_options *options,
                          gp_hierarchy *out, gp_error *err)
{
    builder b = {.rows = rows, .n = n, .d = d, .options = options};
    gp_status st = GP_OK;
    if (n < 2) return gp_fail(err, GP_ERR_NOT_FOUND, "too few rows for a hierarchy: %zu, but at least 2 are needed", n);
    GP_TRY_GOTO(gp_alloc((void **)&b.nearest, n, sizeof *b.nearest, "the hierarchy", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.above, n, sizeof *b.above, "the hierarchy", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.join, n, sizeof *b.join, "the hierarchy", err));
    GP_TRY_GOTO(gp_alloc((void **)&b.distance, n, sizeof *b.distance, "the hierarchy", err));
    GP_TRY_GOTO(first_level(&b, err));
    for (bool more = true; more;) GP_TRY_GOTO(next_level(&b, &more, err));
    GP_TRY_GOTO(make_hierarchy(&b, out, err));
out:
    for (size_t t = 0; t < MAX_LEVELS; t++) {
        gp_mem_free(b.labels[t]);
        gp_mem_free(b.parents[t]);
    }
    gp_mem_free(b.means);
    gp_mem_free(b.distance);
    gp_mem_free(b.join);
    gp_mem_free(b.above);
    gp_mem_free(b.nearest);
    return st;
}

void gp_an_hierarchy_clear(gp_hierarchy *h)
{
    for (size_t t = 0; h->parents && t < h->levels; t++) gp_mem_free(h->parents[t]);
    gp_mem_free(h->parents);
    gp_mem_free(h->labels);
    gp_mem_free(h->sizes);
    memset(h, 0, sizeof *h);
}
