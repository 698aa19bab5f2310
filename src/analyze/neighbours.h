/* SPDX-License-Identifier: MIT
 * Private to analyze: the nearest other row, for rows in double (means of clusters). */
#ifndef GP_ANALYZE_NEIGHBOURS_H
#define GP_ANALYZE_NEIGHBOURS_H

#include "base/status.h"

/* rows [n, d] finite, n >= 2 -> ids [n], distances [n]; ties to the smaller id. */
gp_status gp_an_nearest(const double *rows, size_t n, size_t d, const gp_neighbours_options *options, uint32_t *ids,
                        float *distances, gp_error *err);

#endif
