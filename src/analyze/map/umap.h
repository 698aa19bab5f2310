/* SPDX-License-Identifier: MIT
 * Private to analyze: graph, curve and initial positions of UMAP. */
#ifndef GP_ANALYZE_MAP_UMAP_H
#define GP_ANALYZE_MAP_UMAP_H

#include "base/status.h"

/* A symmetric weighted graph in compressed sparse rows (CSR): the edges of row i are first[i] .. first[i + 1] - 1. */
typedef struct gp_umap_graph {
    size_t n;
    size_t *first; /* [n + 1] */
    uint32_t *to;  /* [first[n]] ascending within a row */
    float *weight; /* [first[n]] */
} gp_umap_graph;
void gp_an_graph_clear(gp_umap_graph *graph);

/* Finds the scale of one row. distances [k - 1]: from the row to its neighbours, ascending, without the row itself.
 * rho: the smallest distance above 0 (0 if there is none). sigma: solves sum exp(-max(0, d - rho) / sigma) = log2(k),
 * and is at least a thousandth of a mean distance.  This is the mean distance of this row if rho > 0, else that of all
 * rows (mean_all).  In each mean, a row also counts itself as a neighbour at distance 0. */
void gp_an_smooth(const float *distances, size_t k, double mean_all, double *sigma, double *rho);
/* Joins the weighted neighbourhoods of all rows to one symmetric graph.  ids, distances [n, k - 1].  mix: 1 fuzzy
 * union, 0 fuzzy intersection, between them a mixture.  sigmas, rhos [n] may be NULL. */
gp_status gp_an_fuzzy_graph(const uint32_t *ids, const float *distances, size_t n, size_t k, double mix, double *sigmas,
                            double *rhos, gp_umap_graph *out, gp_error *err);

/* Fits a and b of the curve 1 / (1 + a d^2b), the similarity of two points at distance d on the map.  Target: 1 up to
 * min_dist, exp(-(d - min_dist) / spread) beyond. */
void gp_an_curve(double min_dist, double spread, double *a, double *b);

/* Computes initial positions by spectral initialisation: out [n, dims] are eigenvectors 2 .. dims + 1 of the
 * normalised Laplacian.  *parts: number of connected components.  Does not write to `out` if there is more than one
 * component, or if n is at most dims + 2. Returns GP_ERR_NOT_FOUND if the eigenvectors do not converge. */
gp_status gp_an_spectral(const gp_umap_graph *graph, size_t dims, uint64_t seed, double *out, size_t *parts,
                         gp_error *err);

#endif
