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
 * rho: the smallest distance above 0 (0 if there is none). sigma: the solution of
 * sum exp(-max(0, d - rho) / sigma) = log2(k), where the sum is over these distances d; but at least a thousandth of a
 * mean distance.  This mean distance is the mean over the row's own neighbours if rho > 0, else mean_all, the mean over
 * the neighbours of all rows.  In each mean, a row also counts itself as a neighbour at distance 0. */
void gp_an_smooth(const float *distances, size_t k, double mean_all, double *sigma, double *rho);
/* Joins the weighted neighbourhoods of all rows to one symmetric graph.  ids, distances [n, k - 1]. mix: 1: fuzzy
 * union; 0: fuzzy intersection; a number between 0 and 1: a mixture of the two.  sigmas, rhos [n] may be NULL. */
gp_status gp_an_fuzzy_graph(const uint32_t *ids, const float *distances, size_t n, size_t k, double mix, double *sigmas,
                            double *rhos, gp_umap_graph *out, gp_error *err);

/* Fits a and b of the curve 1 / (1 + a d^2b), the similarity of two points at distance d on the map.  The curve
 * approximates a target function: 1 for d <= min_dist, and exp(-(d - min_dist) / spread) for larger d. */
void gp_an_curve(double min_dist, double spread, double *a, double *b);

/* Computes initial positions by spectral initialisation: out [n, dims] are eigenvectors 2 .. dims + 1 of the
 * normalised Laplacian.  *parts: number of connected components.  Does not write to `out` if there is more than one
 * component, or if n is at most dims + 2. Returns GP_ERR_NOT_FOUND if the eigenvectors do not converge. */
gp_status gp_an_spectral(const gp_umap_graph *graph, size_t dims, uint64_t seed, double *out, size_t *parts,
                         gp_error *err);

#endif
