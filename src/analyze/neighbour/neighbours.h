/* SPDX-License-Identifier: MIT
 * Private to analyze: the k-NN searches behind gp_an_neighbours and the hierarchy. */
#ifndef GP_ANALYZE_NEIGHBOUR_NEIGHBOURS_H
#define GP_ANALYZE_NEIGHBOUR_NEIGHBOURS_H

#include "base/status.h"

/* Finds the nearest other row of each row of rows [n, d].  The numbers must be finite; n >= 2. If distances are equal,
 * the smaller id wins. */
gp_status gp_an_nearest(const double *rows, size_t n, size_t d, const gp_neighbours_options *options, uint32_t *ids,
                        float *distances, gp_error *err);

/* The number type in which gp_an_neighbours multiplies; the result does not depend on it.  GP_KNN_INT8: in int8 (sq8.h)
 * if the queries are the rows and few candidates remain, else in float.  GP_KNN_AUTO: as GP_KNN_INT8 if int8 products
 * are faster on this CPU, else as GP_KNN_FLOATS. */
typedef enum gp_knn_way { GP_KNN_AUTO, GP_KNN_FLOATS, GP_KNN_INT8 } gp_knn_way;
gp_status gp_an_neighbours_by(const float *rows, size_t n, size_t d, const float *queries, size_t m, size_t k,
                              const gp_neighbours_options *options, gp_knn_way way, uint32_t *ids, float *distances,
                              gp_error *err);

/* Approximate search with IVF lists: on average it finds the share options->recall of the k nearest other rows.
 * Distances are exact.  *selective: false if exact search is as fast; then nothing is written. rows [n, d] finite, 1
 * <= k < n. */
gp_status gp_an_neighbours_by_ivf(const float *rows, size_t n, size_t d, size_t k, const gp_neighbours_options *options,
                                  bool *selective, uint32_t *ids, float *distances, gp_error *err);

#endif
