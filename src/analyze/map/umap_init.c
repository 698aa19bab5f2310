/* SPDX-License-Identifier: MIT
 * Initial positions of a map: eigenvectors of the normalised Laplacian I - S, S = D^-1/2 W D^-1/2 (Belkin and Niyogi
 * 2003; von Luxburg 2007).  W: weights of the graph.  D: sums of the rows of W.  The eigenvectors with the smallest
 * eigenvalues of I - S are those with the largest eigenvalues of S, which lie in -1..1. */
#include "analyze/map/eigen.h"
#include "analyze/map/umap.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static const double tolerance = 1e-4; /* low accuracy suffices: the optimisation moves all points afterwards */
enum { ROUNDS = 60 };

static gp_status count_components(const gp_umap_graph *g, size_t *parts, gp_error *err)
{
    uint32_t *todo = NULL;
    bool *seen = gp_mem_zero(g->n, sizeof *seen);
    gp_status st = GP_OK;
    if (!seen) return gp_fail_memory(err, "the map");
    GP_TRY_GOTO(gp_alloc((void **)&todo, g->n, sizeof *todo, "the map", err));
    *parts = 0;
    for (size_t i = 0; i < g->n; i++) {
        size_t left = 0;
        if (seen[i]) continue;
        ++*parts;
        seen[i] = true, todo[left++] = (uint32_t)i;
        while (left) {
            uint32_t at = todo[--left];
            for (size_t e = g->first[at]; e < g->first[at + 1]; e++)
                if (!seen[g->to[e]]) seen[g->to[e]] = true, todo[left++] = g->to[e];
        }
    }
out:
    gp_mem_free(todo);
    gp_mem_free(seen);
    return st;
}

typedef struct normalised {
    const gp_umap_graph *g;
    double *scale; /* [n] diagonal of D^-1/2 */
} normalised;

static void apply_normalised(void *user, const double *in, double *out, size_t m)
{
    const normalised *w = user;
    const gp_umap_graph *g = w->g;
    for (size_t i = 0; i < g->n; i++) {
        double *to = out + i * m;
        memset(to, 0, m * sizeof *to);
        for (size_t e = g->first[i]; e < g->first[i + 1]; e++) {
            double weight = (double)g->weight[e] * w->scale[i] * w->scale[g->to[e]];
            const double *from = in + (size_t)g->to[e] * m;
            for (size_t c = 0; c < m; c++) to[c] += weight * from[c];
        }
    }
}

gp_status gp_an_spectral(const gp_umap_graph *graph, size_t dims, uint64_t seed, double *out, size_t *parts,
                         gp_error *err)
{
    normalised w = {.g = graph};
    size_t count = dims + 1;
    double *values = NULL, *vectors = NULL, residual;
    gp_status st = GP_OK;
    GP_TRY(count_components(graph, parts, err));
    if (*parts > 1 || graph->n <= count + 1) return GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&w.scale, graph->n, sizeof *w.scale, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&values, count, sizeof *values, "the map", err));
    GP_TRY_GOTO(gp_alloc((void **)&vectors, graph->n * count, sizeof *vectors, "the map", err));
    for (size_t i = 0; i < graph->n; i++) {
        double degree = 0;
        for (size_t e = graph->first[i]; e < graph->first[i + 1]; e++) degree += (double)graph->weight[e];
        w.scale[i] = degree > 0 ? 1 / sqrt(degree) : 0;
    }
    GP_TRY_GOTO(gp_an_largest(apply_normalised, &w, graph->n, count, -1, tolerance, ROUNDS, seed, values, vectors,
                              &residual, err));
    if (!(residual < 0.1))
        GP_TRY_GOTO(gp_fail(err, GP_ERR_NOT_FOUND,
                            "the eigenvectors of the neighbour graph, from which the map starts, did not converge"));
    for (size_t i = 0; i < graph->n; i++)
        for (size_t k = 0; k < dims; k++) out[i * dims + k] = vectors[i * count + k + 1];
out:
    gp_mem_free(vectors);
    gp_mem_free(values);
    gp_mem_free(w.scale);
    return st;
}
