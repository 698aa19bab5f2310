/* SPDX-License-Identifier: MIT
 * The graph of UMAP (McInnes, Healy, Melville 2018, section 3.1).  Each row weights its neighbours by its own distance
 * scale, so the weights of a pair differ in both directions.  A fuzzy union joins them to one weight.  This file also
 * fits the curve of similarities on the map. */
#include "analyze/map/umap.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ the scale of a row */

void gp_an_smooth(const float *distances, size_t k, double mean_all, double *sigma, double *rho)
{
    double want = log2((double)k), low = 0, high = INFINITY, middle = 1, sum = 0;
    *rho = 0;
    for (size_t j = k - 1; j-- > 0;)
        if (distances[j] > 0) *rho = (double)distances[j];
    for (size_t j = 0; j < k - 1; j++) sum += (double)distances[j];
    for (int step = 0; step < 64; step++) {
        double total = 0;
        for (size_t j = 0; j < k - 1; j++) {
            double gap = (double)distances[j] - *rho;
            total += gap > 0 ? exp(-gap / middle) : 1;
        }
        if (fabs(total - want) < 1e-5) break;
        if (total > want)
            high = middle;
        else
            low = middle;
        middle = isinf(high) ? middle * 2 : (low + high) / 2;
    }
    double least = 1e-3 * (*rho > 0 ? sum / (double)k : mean_all);
    *sigma = middle > least ? middle : least;
}

/* ------------------------------------------------------------------ union */

typedef struct directed {
    size_t *first; /* [n + 1] */
    uint32_t *to;  /* ascending within a row */
    float *weight;
} directed;

static void sort_row(uint32_t *to, float *weight, size_t m)
{
    for (size_t i = 1; i < m; i++) { /* insertion sort, because k is small */
        uint32_t t = to[i];
        float w = weight[i];
        size_t j = i;
        for (; j > 0 && to[j - 1] > t; j--) to[j] = to[j - 1], weight[j] = weight[j - 1];
        to[j] = t, weight[j] = w;
    }
}

static void directed_clear(directed *s)
{
    gp_mem_free(s->first);
    gp_mem_free(s->to);
    gp_mem_free(s->weight);
}

static gp_status directed_init(directed *s, size_t n, size_t edges, gp_error *err)
{
    GP_TRY(gp_alloc((void **)&s->first, n + 1, sizeof *s->first, "the map", err));
    GP_TRY(gp_alloc((void **)&s->to, edges, sizeof *s->to, "the map", err));
    return gp_alloc((void **)&s->weight, edges, sizeof *s->weight, "the map", err);
}

/* Transposes `in` to `out`.  The numbers in each row of `out` are ascending, because the rows of `in` are read in
 * order. */
static void transpose(const directed *in, directed *out, size_t n)
{
    memset(out->first, 0, (n + 1) * sizeof *out->first);
    for (size_t e = 0; e < in->first[n]; e++) out->first[in->to[e] + 1]++;
    for (size_t i = 0; i < n; i++) out->first[i + 1] += out->first[i];
    for (uint32_t i = 0; i < n; i++)
        for (size_t e = in->first[i]; e < in->first[i + 1]; e++) {
            size_t at = out->first[in->to[e]]++;
            out->to[at] = i, out->weight[at] = in->weight[e];
        }
    memmove(out->first + 1, out->first, n * sizeof *out->first);
    out->first[0] = 0;
}

/* Joins the weights x, y of both directions of a pair to one weight: mix * (x + y - xy) + (1 - mix) * xy. */
static gp_status join(const directed *a, const directed *b, size_t n, double mix, gp_umap_graph *out, gp_error *err)
{
    gp_umap_graph g = {.n = n};
    size_t edges = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&g.first, n + 1, sizeof *g.first, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&g.to, a->first[n] + b->first[n], sizeof *g.to, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&g.weight, a->first[n] + b->first[n], sizeof *g.weight, "the map", err));
    for (size_t i = 0; i < n; i++) {
        size_t p = a->first[i], q = b->first[i];
        g.first[i] = edges;
        while (p < a->first[i + 1] || q < b->first[i + 1]) {
            bool left = q == b->first[i + 1] || (p < a->first[i + 1] && a->to[p] <= b->to[q]);
            bool right = p == a->first[i + 1] || (q < b->first[i + 1] && b->to[q] <= a->to[p]);
            uint32_t to = left ? a->to[p] : b->to[q];
            double x = left ? (double)a->weight[p++] : 0, y = right ? (double)b->weight[q++] : 0;
            double w = mix * (x + y - x * y) + (1 - mix) * x * y;
            if (w > 0) g.to[edges] = to, g.weight[edges++] = (float)w;
        }
    }
    g.first[n] = edges;
    *out = g;
    return GP_OK;
out:
    gp_an_graph_clear(&g);
    return st;
}

gp_status gp_an_fuzzy_graph(const uint32_t *ids, const float *distances, size_t n, size_t k, double mix, double *sigmas,
                            double *rhos, gp_umap_graph *out, gp_error *err)
{
    directed outgoing = {0}, incoming = {0};
    size_t m = k - 1, edges = 0;
    double mean = 0;
    gp_status st = GP_OK;
    GP_TRY_GOTO(directed_init(&outgoing, n, n * m, err));
    GP_TRY_GOTO(directed_init(&incoming, n, n * m, err));
    for (size_t i = 0; i < n * m; i++) mean += (double)distances[i];
    mean /= (double)(n * k);
    for (size_t i = 0; i < n; i++) {
        double sigma, rho;
        gp_an_smooth(distances + i * m, k, mean, &sigma, &rho);
        if (sigmas) sigmas[i] = sigma;
        if (rhos) rhos[i] = rho;
        outgoing.first[i] = edges;
        for (size_t j = 0; j < m; j++) {
            double gap = (double)distances[i * m + j] - rho;
            float w = gap <= 0 || sigma == 0 ? 1 : (float)exp(-gap / sigma);
            if (w > 0) outgoing.to[edges] = ids[i * m + j], outgoing.weight[edges++] = w;
        }
        sort_row(outgoing.to + outgoing.first[i], outgoing.weight + outgoing.first[i], edges - outgoing.first[i]);
    }
    outgoing.first[n] = edges;
    transpose(&outgoing, &incoming, n);
    GP_TRY_GOTO(join(&outgoing, &incoming, n, mix, out, err));
out:
    directed_clear(&incoming);
    directed_clear(&outgoing);
    return st;
}

void gp_an_graph_clear(gp_umap_graph *g)
{
    gp_mem_free(g->first);
    gp_mem_free(g->to);
    gp_mem_free(g->weight);
    memset(g, 0, sizeof *g);
}

/* ------------------------------------------------------------------ the curve */

/* Fits the curve to 300 distances from 0 to 3 * spread by least squares: damped Gauss-Newton (Levenberg 1944,
 * Marquardt 1963). */
void gp_an_curve(double min_dist, double spread, double *a, double *b)
{
    enum { POINTS = 300 };
    double p = 1, q = 1, damping = 1e-3, last = INFINITY;
    for (int step = 0; step < 500; step++) {
        double jj[3] = {0}, jr[2] = {0}, error = 0;
        for (int i = 0; i < POINTS; i++) {
            double x = 3 * spread * i / (POINTS - 1), y = x < min_dist ? 1 : exp(-(x - min_dist) / spread);
            double power = x > 0 ? pow(x, 2 * q) : 0, f = 1 / (1 + p * power), r = y - f;
            double da = -power * f * f, db = x > 0 ? -p * power * 2 * log(x) * f * f : 0;
            jj[0] += da * da, jj[1] += da * db, jj[2] += db * db;
            jr[0] += da * r, jr[1] += db * r;
            error += r * r;
        }
        double u = jj[0] * (1 + damping), v = jj[2] * (1 + damping), det = u * v - jj[1] * jj[1];
        double dp = (v * jr[0] - jj[1] * jr[1]) / det, dq = (u * jr[1] - jj[1] * jr[0]) / det;
        double trial = 0;
        for (int i = 0; i < POINTS; i++) {
            double x = 3 * spread * i / (POINTS - 1), y = x < min_dist ? 1 : exp(-(x - min_dist) / spread);
            double f = 1 / (1 + (p + dp) * (x > 0 ? pow(x, 2 * (q + dq)) : 0));
            trial += (y - f) * (y - f);
        }
        if (trial < error) {
            p += dp, q += dq, damping *= 0.3;
            if (last - trial < 1e-16 && fabs(dp) + fabs(dq) < 1e-12) break;
            last = trial;
        } else {
            damping *= 10;
            if (damping > 1e12) break;
        }
    }
    *a = p, *b = q;
}
