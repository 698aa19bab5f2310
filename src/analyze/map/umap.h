/* SPDX-License-Identifier: MIT
 * Private to analyze: the parts of UMAP. */
#ifndef GP_ANALYZE_MAP_UMAP_H
#define GP_ANALYZE_MAP_UMAP_H

#include "base/status.h"

/* A symmetric weighted graph, rows compressed: edges of i are first[i] .. first[i + 1] - 1, ascending by `to`. */
typedef struct gp_umap_graph {
    size_t n;
    size_t *first; /* [n + 1] */
    uint32_t *to;  /* [first[n]] ascending within a row */
    float *weight; /* [first[n]] */
} gp_umap_graph;
void gp_an_graph_clear(gp_umap_graph *graph);

/* Distances of a row's k - 1 other neighbours, ascending -> rho (nearest that is not 0; 0 if none) and sigma, such that
 * sum exp(-max(0, d - rho) / sigma) = log2(k).  distances [m, k - 1], mean_all: over all distances with the rows'
 * own zeros. */
void gp_an_smooth(const float *distances, size_t k, double mean_all, double *sigma, double *rho);
/* The fuzzy union of the rows' neighbourhoods.  ids, distances [n, k - 1]. sigmas, rhos [n] may be NULL. */
gp_status gp_an_fuzzy_graph(const uint32_t *ids, const float *distances, size_t n, size_t k, double mix, double *sigmas,
                            double *rhos, gp_umap_graph *out, gp_error *err);

/* a, b of 1 / (1 + a d^2b), fitted to 1 up to min_dist and exp(-(d - min_dist) / spread) beyond. */
void gp_an_curve(double min_dist, double spread, double *a, double *b);

/* Eigenvectors 2 .. dims + 1 of the normalised Laplacian: out [n, dims]; *parts: connected components (more than one:
 * nothing is written).  NOT_FOUND when it does not converge. */
gp_status gp_an_spectral(const gp_umap_graph *graph, size_t dims, uint64_t seed, double *out, size_t *parts,
                         gp_error *err);

#endif
