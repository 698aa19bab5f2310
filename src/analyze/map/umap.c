/* SPDX-License-Identifier: MIT
 * UMAP (McInnes, Healy, Melville 2018):
 *
 *   rows -> k nearest neighbours -> fuzzy graph (umap_graph.c) -> initial positions (umap_init.c)
 *   -> optimisation: edges of the graph attract, randomly drawn points repel (umap_layout.c) */
#include "analyze/map/umap.h"

#include "analyze/analyze.h"
#include "analyze/map/umap_layout.h"
#include "analyze/map/pca.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum {
    MAX_DIMS = 64,
    MAX_NEGATIVES = 1000,
    PLACE_EPOCHS = 30, /* epochs of the optimisation of new rows on an existing map */
    /* Maximum rows from which the principal components of the initial positions are computed.  With 20,000 of 100,000
     * rows the map takes 15 s instead of 23 (docs/performance.md). */
    PCA_ROWS = 20000
};

/* ------------------------------------------------------------------ initial positions */

/* Scales the positions to at most 10 in absolute value, adds noise of standard deviation 1e-4, and stretches each axis
 * to 0..10, as umap-learn does. */
static void scale_start(double *start, size_t n, size_t dims, uint64_t seed, float *at)
{
    double most = 0;
    for (size_t i = 0; i < n * dims; i++) most = fmax(most, fabs(start[i]));
    for (size_t i = 0; i < n * dims; i++) {
        double u = 0; /* sum of twelve uniform numbers: nearly normal with variance 1 (Irwin-Hall distribution) */
        for (uint64_t r = 0; r < 12; r++) u += (double)(gp_rng_at(seed, i * 12 + r) >> 11) / 9007199254740992.0;
        start[i] = (most > 0 ? start[i] * 10 / most : 0) + (u - 6) * 1e-4;
    }
    for (size_t k = 0; k < dims; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < n; i++) low = fmin(low, start[i * dims + k]), high = fmax(high, start[i * dims + k]);
        for (size_t i = 0; i < n; i++)
            at[i * dims + k] = (float)(high > low ? 10 * (start[i * dims + k] - low) / (high - low) : 0);
    }
}

/* Computes initial positions by principal components, from at most PCA_ROWS rows.  Used for a graph with several
 * connected components, because the leading eigenvectors of such a graph show only to which component a point
 * belongs. */
static gp_status start_from_components(const float *rows, size_t n, size_t d, size_t dims, double *start, gp_error *err)
{
    size_t columns = dims < d ? dims : d, m = n < PCA_ROWS ? n : PCA_ROWS;
    float *some = NULL;
    double *flat = NULL;
    gp_pca_fit fit = {0};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&some, m * d, sizeof *some, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&flat, n * columns, sizeof *flat, "the map", err));
    for (size_t i = 0; i < m; i++) memcpy(some + i * d, rows + i * n / m * d, d * sizeof *some);
    GP_TRY_GOTO(gp_an_pca_fit(some, m, d, columns, false, NULL, &fit, err));
    GP_TRY_GOTO(gp_an_pca_apply(&fit, rows, n, NULL, flat, err));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < dims; k++) start[i * dims + k] = k < columns ? flat[i * columns + k] : 0;
out:
    gp_an_pca_clear(&fit);
    gp_mem_free(flat);
    gp_mem_free(some);
    return st;
}

static gp_status find_start(const float *rows, size_t d, const gp_umap_graph *g, const gp_umap_options *o, float *at,
                            gp_error *err)
{
    double *start = NULL;
    size_t parts = 2, dims = o->dims;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&start, g->n * dims, sizeof *start, "the map", err));
    if (!o->pca_init) {
        st = gp_an_spectral(g, dims, o->seed, start, &parts, err);
        if (st == GP_ERR_NOT_FOUND) st = GP_OK, parts = 2;
        if (st != GP_OK) goto out;
    }
    if (parts > 1 || g->n <= dims + 2) GP_TRY_GOTO(start_from_components(rows, g->n, d, dims, start, err));
    scale_start(start, g->n, dims, o->seed, at);
out:
    gp_mem_free(start);
    return st;
}

/* ------------------------------------------------------------------ entry point */

static gp_status check(size_t n, size_t d, const gp_umap_options *o, size_t most, gp_error *err)
{
    if (o->dims == 0 || o->dims > MAX_DIMS)
        return gp_fail(err, GP_ERR_USAGE, "the map must have 1 to %d dimensions, not %u", MAX_DIMS, o->dims);
    if (o->neighbours < 2 || o->neighbours > most)
        return gp_fail(err, GP_ERR_USAGE, "the number of neighbours for a map of %zu rows must be 2 to %zu, not %u", n,
                       most, o->neighbours);
    if (o->negative_samples > MAX_NEGATIVES)
        return gp_fail(err, GP_ERR_USAGE, "negative_samples must be at most %d, not %u", MAX_NEGATIVES,
                       o->negative_samples);
    if (!(o->recall > 0 && o->recall <= 1))
        return gp_fail(err, GP_ERR_USAGE, "recall must be above 0 and at most 1, not %g", o->recall);
    if (d == 0) return gp_fail(err, GP_ERR_USAGE, "rows must have at least 1 column");
    if (!(o->spread > 0) || o->min_dist < 0 || o->min_dist > o->spread)
        return gp_fail(err, GP_ERR_USAGE, "spread (%g) must be above 0, and min_dist (%g) must be between 0 and spread",
                       o->spread, o->min_dist);
    if (o->set_op_mix_ratio < 0 || o->set_op_mix_ratio > 1)
        return gp_fail(err, GP_ERR_USAGE, "set_op_mix_ratio must be between 0 and 1, not %g", o->set_op_mix_ratio);
    return GP_OK;
}

static gp_status find_graph(const float *rows, size_t n, size_t d, const gp_umap_options *o, gp_umap_graph *g,
                            gp_error *err)
{
    size_t m = o->neighbours - 1;
    uint32_t *ids = NULL;
    float *distances = NULL;
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    gp_status st = GP_OK;
    near.metric = o->metric, near.threads = o->threads, near.progress = o->progress, near.user = o->user;
    near.recall = o->recall;
    GP_TRY_GOTO(gp_alloc((void **)&ids, n * m, sizeof *ids, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&distances, n * m, sizeof *distances, "the map", err));
    GP_TRY_GOTO(gp_an_neighbours(rows, n, d, NULL, 0, m, &near, ids, distances, err));
    GP_TRY_GOTO(gp_an_fuzzy_graph(ids, distances, n, o->neighbours, o->set_op_mix_ratio, NULL, NULL, g, err));
out:
    gp_mem_free(distances);
    gp_mem_free(ids);
    return st;
}

gp_status gp_an_umap(const float *rows, size_t n, size_t d, const gp_umap_options *options, float *out, gp_error *err)
{
    gp_umap_graph g = {0};
    gp_layout_options l = {.dims = options->dims,
                           .negatives = options->negative_samples,
                           .epochs = options->epochs ? options->epochs
                                     : n <= 10000    ? 500
                                                     : 200,
                           .seed = options->seed,
                           .threads = options->threads,
                           .progress = options->progress,
                           .user = options->user};
    gp_status st = GP_OK;
    GP_TRY(check(n, d, options, n, err));
    GP_TRY_GOTO(find_graph(rows, n, d, options, &g, err));
    GP_TRY_GOTO(find_start(rows, d, &g, options, out, err));
    gp_an_curve(options->min_dist, options->spread, &l.a, &l.b);
    GP_TRY_GOTO(gp_an_layout(&g, &l, out, err));
out:
    gp_an_graph_clear(&g);
    return st;
}

/* ------------------------------------------------------------------ new rows */

/* Sets x to the weighted mean of the neighbours' positions. */
static void place_between(const uint32_t *ids, const float *weights, size_t k, const float *map, size_t dims, float *x)
{
    double sum = 0, mean[MAX_DIMS] = {0};
    for (size_t j = 0; j < k; j++) {
        sum += (double)weights[j];
        for (size_t c = 0; c < dims; c++) mean[c] += (double)weights[j] * (double)map[ids[j] * dims + c];
    }
    for (size_t c = 0; c < dims; c++) x[c] = (float)(sum > 0 ? mean[c] / sum : (double)map[ids[0] * dims + c]);
}

gp_status gp_an_umap_place(const float *rows, const float *map, size_t n, size_t d, const float *fresh, size_t m,
                           const gp_umap_options *options, float *out, gp_error *err)
{
    size_t k = options->neighbours;
    uint32_t *ids = NULL;
    float *distances = NULL, *scratch = NULL;
    double mean = 0;
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    gp_layout_options l = {.dims = options->dims, .negatives = options->negative_samples, .epochs = PLACE_EPOCHS};
    gp_status st = GP_OK;
    near.metric = options->metric, near.threads = options->threads;
    GP_TRY(check(n, d, options, n, err));
    gp_an_curve(options->min_dist, options->spread, &l.a, &l.b);
    GP_TRY_GOTO(gp_alloc((void **)&scratch, gp_an_place_scratch(&l), sizeof *scratch, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&ids, m * k, sizeof *ids, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&distances, m * k, sizeof *distances, "the map", err));
    GP_TRY_GOTO(gp_an_neighbours(rows, n, d, fresh, m, k, &near, ids, distances, err));
    for (size_t i = 0; i < m * k; i++) mean += (double)distances[i] / (double)(m * k);
    for (size_t i = 0; i < m; i++) {
        float *x = out + i * l.dims, *w = distances + i * k; /* w: the weights overwrite the distances of row i */
        uint64_t random = gp_rng_mix(options->seed + i);
        double sigma, rho;
        gp_an_smooth(w, k + 1, mean, &sigma, &rho);
        for (size_t j = 0; j < k; j++) {
            double gap = (double)w[j] - rho;
            w[j] = gap <= 0 || sigma == 0 ? 1 : (float)exp(-gap / sigma);
        }
        place_between(ids + i * k, w, k, map, l.dims, x);
        for (uint32_t t = 0; t < l.epochs; t++)
            gp_an_place_epoch(&l, map, n, ids + i * k, w, k, t, &random, scratch, x);
    }
out:
    gp_mem_free(distances);
    gp_mem_free(ids);
    gp_mem_free(scratch);
    return st;
}
