/* SPDX-License-Identifier: MIT
 * Private to analyze: searches that gp_an_neighbours and the hierarchy are made of. */
#ifndef GP_ANALYZE_NEIGHBOUR_NEIGHBOURS_H
#define GP_ANALYZE_NEIGHBOUR_NEIGHBOURS_H

#include "base/status.h"

/* rows [n, d] finite, n >= 2 -> ids [n], distances [n]; ties to the smaller id. */
gp_status gp_an_nearest(const double *rows, size_t n, size_t d, const gp_neighbours_options *options, uint32_t *ids,
                        float *distances, gp_error *err);

/* gp_an_neighbours with products of one's choice; the result is the same.  EIGHT: in 8 bits, among the rows themselves
 * and where candidates are few (analyze/neighbour/sq8.h); else, and for all else, floats. */
typedef enum gp_knn_way { GP_KNN_AUTO, GP_KNN_FLOATS, GP_KNN_INT8 } gp_knn_way;
gp_status gp_an_neighbours_by(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                              const gp_neighbours_options *options, gp_knn_way way, uint32_t *ids, float *distances,
                              gp_error *err);

/* About options->recall of the k nearest other rows, looked for among the rows of the nearest cells; distances are
 * exact. *selective: false, and nothing written, where looking everywhere is as fast.  rows [n, d] finite, 1 <= k < n. */
gp_status gp_an_neighbours_by_ivf(const float *rows, size_t n, size_t d, size_t k, const gp_neighbours_options *options,
                                  bool *selective, uint32_t *ids, float *distances, gp_error *err);

#endif
