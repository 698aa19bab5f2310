/* SPDX-License-Identifier: MIT
 * UMAP (McInnes, Healy, Melville 2018): neighbours -> fuzzy graph -> a start -> a layout in which what is joined
 * attracts and what is drawn at random repels.
 *
 * The layout is worked out by one thread, edge after edge, as the paper has it: every step sees the last one, which is
 * what makes it converge, and the map cannot depend on the number of threads.  What makes it fast is the power: d^2b is
 * exp2(b log2 d^2) by two short polynomials (relative error below 2e-5, measured over 1e-12..1e6), instead of pow. */
#include "analyze/umap.h"

#include "analyze/analyze.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { MOST_DIMS = 64, PLACE_EPOCHS = 30 };

/* ------------------------------------------------------------------ power */

/* x^b for x > 0; without branches, so that a loop over it becomes vectors. */
static inline float power(float x, float b)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    float exponent = (float)((int32_t)(bits >> 23) - 127);
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    float m;
    memcpy(&m, &bits, sizeof m);
    /* log2 on 1..2 around sqrt 2: 2/ln2 * (z + z^3/3 + ...), z = (m - s) / (m + s) */
    const float root = 1.41421356f;
    float z = (m - root) / (m + root), z2 = z * z;
    float log2x = exponent + 0.5f + z * (2.88539008f + z2 * (0.961796694f + z2 * (0.577078016f + z2 * 0.41219858f)));
    float y = log2x * b;
    int32_t whole = (int32_t)(y + 128) - 128; /* rounded down where that counts: y + 128 is positive */
    whole = whole < -126 ? -126 : whole > 126 ? 126 : whole;
    float rest = y - (float)whole;
    float p =
        1 + rest * (0.69314718f + rest * (0.24022651f + rest * (0.05550411f + rest * (0.00961813f + rest * 0.00133336f +
                                                                                      rest * rest * 0.000154f))));
    uint32_t scale = (uint32_t)(whole + 127) << 23;
    float s;
    memcpy(&s, &scale, sizeof s);
    return p * s;
}

/* ------------------------------------------------------------------ layout */

typedef struct layout {
    float *at; /* [n, dims] */
    size_t n, dims;
    float a, b;
    uint64_t random;
} layout;

static inline float clip(float x)
{
    x = 4 < x ? 4 : x; /* in this order a compiler sees minss and maxss */
    return -4 > x ? -4 : x;
}

static inline float gap2(const float *x, const float *y, size_t dims)
{
    float sum = 0;
    for (size_t k = 0; k < dims; k++) sum += (x[k] - y[k]) * (x[k] - y[k]);
    return sum;
}

enum { LANES = 8 };

static void find_push(const float *restrict far, float a, float b, float *restrict push)
{
    for (size_t s = 0; s < LANES; s++) push[s] = 2 * b / ((0.001f + far[s]) * (1 + a * power(far[s], b)));
}

/* x away from up to LANES points drawn at random, all seen from where x is now: their distances are then independent,
 * which a processor works out at once. */
static inline __attribute__((always_inline)) void repel(layout *l, size_t dims, float *x, uint32_t self, uint32_t count,
                                                        size_t others, const float *all, float alpha)
{
    const float *from[LANES];
    float far[LANES], push[LANES], at[MOST_DIMS];
    for (size_t s = 0; s < LANES; s++) {
        from[s] = NULL, far[s] = 1;
        if (s >= count) continue;
        l->random = l->random * 6364136223846793005u + 1442695040888963407u;
        size_t other = (size_t)(((l->random >> 32) * others) >> 32);
        if (other == self) continue;
        float gap = gap2(x, all + other * dims, dims);
        if (gap > 0) from[s] = all + other * dims, far[s] = gap;
    }
    find_push(far, l->a, l->b, push);
    memcpy(at, x, dims * sizeof *at);
    for (size_t s = 0; s < count; s++)
        for (size_t k = 0; from[s] && k < dims; k++) x[k] += clip(push[s] * (at[k] - from[s][k])) * alpha;
}

/* One step along an edge: x towards y (and y towards x, when it may move), then x away from some at random. */
static inline __attribute__((always_inline)) void step_in(layout *l, size_t dims, float *x, float *y, bool both,
                                                          uint32_t self, uint32_t negatives, size_t others,
                                                          const float *all, float alpha)
{
    float d2 = gap2(x, y, dims);
    if (d2 > 0) {
        float pd = power(d2, l->b);
        float pull = -2 * l->a * l->b * pd / d2 / (1 + l->a * pd);
        for (size_t k = 0; k < dims; k++) {
            float move = clip(pull * (x[k] - y[k])) * alpha;
            x[k] += move;
            if (both) y[k] -= move;
        }
    }
    for (uint32_t done = 0; done < negatives; done += LANES)
        repel(l, dims, x, self, negatives - done < LANES ? negatives - done : LANES, others, all, alpha);
}

static void step(layout *l, float *x, float *y, bool both, uint32_t self, uint32_t negatives, size_t others,
                 const float *all, float alpha)
{
    if (l->dims == 2)
        step_in(l, 2, x, y, both, self, negatives, others, all, alpha); /* the usual: loops fall away */
    else
        step_in(l, l->dims, x, y, both, self, negatives, others, all, alpha);
}

/* Every edge is visited once in `period` epochs, its weight being 1 / period of the strongest's. */
typedef struct schedule {
    uint32_t *head, *tail; /* [count] */
    float *period, *next;  /* [count] epochs between visits; the next one */
    size_t count;
} schedule;

static void schedule_clear(schedule *s)
{
    gp_mem_free(s->head);
    gp_mem_free(s->tail);
    gp_mem_free(s->period);
    gp_mem_free(s->next);
}

static gp_status schedule_init(schedule *s, const gp_graph *g, uint32_t epochs, gp_error *err)
{
    size_t edges = g->first[g->n];
    float most = 0;
    for (size_t e = 0; e < edges; e++) most = g->weight[e] > most ? g->weight[e] : most;
    GP_TRY(gp_alloc((void **)&s->head, edges, sizeof *s->head, "the map", err));
    GP_TRY(gp_alloc((void **)&s->tail, edges, sizeof *s->tail, "the map", err));
    GP_TRY(gp_alloc((void **)&s->period, edges, sizeof *s->period, "the map", err));
    GP_TRY(gp_alloc((void **)&s->next, edges, sizeof *s->next, "the map", err));
    for (size_t i = 0; i < g->n; i++)
        for (size_t e = g->first[i]; e < g->first[i + 1]; e++) {
            if (g->weight[e] < most / (float)epochs) continue;
            s->head[s->count] = (uint32_t)i, s->tail[s->count] = g->to[e];
            s->period[s->count] = s->next[s->count] = most / g->weight[e];
            s->count++;
        }
    return GP_OK;
}

static gp_status run_layout(layout *l, schedule *s, uint32_t epochs, const gp_umap_options *o, gp_error *err)
{
    gp_ticker ticker;
    gp_ticker_init(&ticker, "map", epochs, o->progress, o->user);
    for (uint32_t t = 0; t < epochs; t++) {
        float alpha = 1 - (float)t / (float)epochs, now = (float)t;
        for (size_t e = 0; e < s->count; e++) {
            if (s->next[e] > now) continue;
            step(l, l->at + s->head[e] * l->dims, l->at + s->tail[e] * l->dims, true, s->head[e], o->negative_samples,
                 l->n, l->at, alpha);
            s->next[e] += s->period[e];
        }
        if (!gp_ticker_update(&ticker, t + 1, 0)) return gp_fail(err, GP_ERR_STOPPED, "stopped");
    }
    gp_ticker_finish(&ticker);
    return GP_OK;
}

/* ------------------------------------------------------------------ the start */

/* To at most 10 in size, a little noise, then each axis over 0..10, as the reference does. */
static void scale_start(double *start, size_t n, size_t dims, uint64_t seed, float *at)
{
    double most = 0;
    for (size_t i = 0; i < n * dims; i++) most = fmax(most, fabs(start[i]));
    for (size_t i = 0; i < n * dims; i++) {
        double u = 0; /* the sum of twelve uniforms is nearly normal (Irwin, Hall) */
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

static gp_status find_start(const float *rows, size_t d, const gp_graph *g, const gp_umap_options *o, float *at,
                            gp_error *err)
{
    double *start = NULL;
    float *flat = NULL;
    size_t parts = 2, dims = o->dims;
    gp_status st = GP_OK;
    GP_GO(gp_alloc((void **)&start, g->n * dims, sizeof *start, "the map", err));
    if (!o->pca_init) {
        st = gp_an_spectral(g, dims, o->seed, start, &parts, err);
        if (st == GP_ERR_NOT_FOUND) st = GP_OK, parts = 2;
        if (st != GP_OK) goto out;
    }
    if (parts > 1 || g->n <= dims + 2) { /* islands have no common eigenvectors; components say where they lie */
        size_t columns = dims < d ? dims : d;
        GP_GO(gp_alloc((void **)&flat, g->n * columns, sizeof *flat, "the map", err));
        GP_GO(gp_an_pca(rows, g->n, d, columns, flat, err));
        for (size_t i = 0; i < g->n; i++)
            for (size_t k = 0; k < dims; k++) start[i * dims + k] = k < columns ? (double)flat[i * columns + k] : 0;
    }
    scale_start(start, g->n, dims, o->seed, at);
out:
    gp_mem_free(flat);
    gp_mem_free(start);
    return st;
}

/* ------------------------------------------------------------------ the whole */

static gp_status check(size_t n, size_t d, const gp_umap_options *o, size_t most, gp_error *err)
{
    if (o->dims == 0 || o->dims > MOST_DIMS)
        return gp_fail(err, GP_ERR_USAGE, "a map has 1 to %d dimensions", MOST_DIMS);
    if (o->neighbours < 2 || o->neighbours > most)
        return gp_fail(err, GP_ERR_USAGE, "a map of %zu rows takes 2 to %zu neighbours, not %u", n, most,
                       o->neighbours);
    if (d == 0) return gp_fail(err, GP_ERR_USAGE, "rows without columns have no map");
    if (!(o->spread > 0) || o->min_dist < 0 || o->min_dist > o->spread)
        return gp_fail(err, GP_ERR_USAGE, "min_dist lies between 0 and spread");
    if (o->set_op_mix_ratio < 0 || o->set_op_mix_ratio > 1)
        return gp_fail(err, GP_ERR_USAGE, "set_op_mix_ratio lies between 0 and 1");
    return GP_OK;
}

static gp_status find_graph(const float *rows, size_t n, size_t d, const gp_umap_options *o, gp_graph *g, gp_error *err)
{
    size_t m = o->neighbours - 1;
    uint32_t *ids = NULL;
    float *distances = NULL;
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    gp_status st = GP_OK;
    near.metric = o->metric, near.threads = o->threads, near.progress = o->progress, near.user = o->user;
    GP_GO(gp_alloc((void **)&ids, n * m, sizeof *ids, "the map", err));
    GP_GO(gp_alloc((void **)&distances, n * m, sizeof *distances, "the map", err));
    GP_GO(gp_an_neighbours(rows, n, d, NULL, 0, m, &near, ids, distances, err));
    GP_GO(gp_an_fuzzy_graph(ids, distances, n, o->neighbours, o->set_op_mix_ratio, NULL, NULL, g, err));
out:
    gp_mem_free(distances);
    gp_mem_free(ids);
    return st;
}

gp_status gp_an_umap(const float *rows, size_t n, size_t d, const gp_umap_options *options, float *out, gp_error *err)
{
    gp_graph g = {0};
    schedule s = {0};
    double a, b;
    uint32_t epochs = options->epochs ? options->epochs : n <= 10000 ? 500 : 200;
    gp_status st = GP_OK;
    GP_TRY(check(n, d, options, n, err));
    GP_GO(find_graph(rows, n, d, options, &g, err));
    GP_GO(find_start(rows, d, &g, options, out, err));
    GP_GO(schedule_init(&s, &g, epochs, err));
    gp_an_curve(options->min_dist, options->spread, &a, &b);
    layout l = {
        .at = out, .n = n, .dims = options->dims, .a = (float)a, .b = (float)b, .random = gp_rng_mix(options->seed)};
    GP_GO(run_layout(&l, &s, epochs, options, err));
out:
    schedule_clear(&s);
    gp_an_graph_clear(&g);
    return st;
}

/* ------------------------------------------------------------------ new rows */

/* Weighted mean of where the neighbours are. */
static void place_between(const uint32_t *ids, const float *weights, size_t k, const float *map, size_t dims, float *x)
{
    double sum = 0, mean[MOST_DIMS] = {0};
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
    float *distances = NULL;
    double a, b, mean = 0;
    gp_neighbours_options near = GP_NEIGHBOURS_DEFAULTS;
    gp_status st = GP_OK;
    near.metric = options->metric, near.threads = options->threads;
    GP_TRY(check(n, d, options, n, err));
    GP_GO(gp_alloc((void **)&ids, m * k, sizeof *ids, "the map", err));
    GP_GO(gp_alloc((void **)&distances, m * k, sizeof *distances, "the map", err));
    GP_GO(gp_an_neighbours(rows, n, d, fresh, m, k, &near, ids, distances, err));
    for (size_t i = 0; i < m * k; i++) mean += (double)distances[i] / (double)(m * k);
    gp_an_curve(options->min_dist, options->spread, &a, &b);
    for (size_t i = 0; i < m; i++) {
        float *x = out + i * options->dims, *w = distances + i * k; /* distances become weights */
        double sigma, rho;
        layout l = {.dims = options->dims, .a = (float)a, .b = (float)b, .random = gp_rng_mix(options->seed + i)};
        gp_an_smooth(w, k + 1, mean, &sigma, &rho);
        for (size_t j = 0; j < k; j++) {
            double gap = (double)w[j] - rho;
            w[j] = gap <= 0 || sigma == 0 ? 1 : (float)exp(-gap / sigma);
        }
        place_between(ids + i * k, w, k, map, options->dims, x);
        for (uint32_t t = 0; t < PLACE_EPOCHS; t++) {
            float alpha = 0.25f * (1 - (float)t / PLACE_EPOCHS);
            for (size_t j = 0; j < k; j++) {
                if (floorf((float)(t + 1) * w[j]) == floorf((float)t * w[j])) continue;
                float other[MOST_DIMS];
                memcpy(other, map + ids[i * k + j] * options->dims, options->dims * sizeof *other);
                step(&l, x, other, false, UINT32_MAX, options->negative_samples, n, map, alpha);
            }
        }
    }
out:
    gp_mem_free(distances);
    gp_mem_free(ids);
    return st;
}
