/* SPDX-License-Identifier: MIT
 * Private to analyze: principal components. */
#ifndef GP_ANALYZE_MAP_PCA_H
#define GP_ANALYZE_MAP_PCA_H

#include "base/task.h"

typedef struct gp_pca_fit {
    size_t d, dims;
    double *mean; /* [d] */
    /* [d] divisor of each column.  If the fit was made with `standardise`, the divisor is the column's population
     * standard deviation, or 1 if this deviation is 0.  Otherwise the divisor is 1 */
    double *scale;
    double *components; /* [dims, d] unit vectors; the loading with the largest absolute value is positive */
    double *variances;  /* [dims] */
} gp_pca_fit;
/* Fits a principal component analysis to rows [n, d]; dims <= d. task: may be NULL. The caller frees *out with
 * gp_an_pca_clear.  Cost: n * d * d operations, and memory of d * d doubles. */
gp_status gp_an_pca_fit(const float *rows, size_t n, size_t d, size_t dims, bool standardise, gp_task *task,
                        gp_pca_fit *out, gp_error *err);
/* Returns the units of work that gp_an_pca_fit adds to its task. */
double gp_an_pca_units(size_t n, size_t d);
/* Projects rows: out [n, dims].  task: may be NULL. */
gp_status gp_an_pca_apply(const gp_pca_fit *fit, const float *rows, size_t n, gp_task *task, double *out,
                          gp_error *err);
void gp_an_pca_clear(gp_pca_fit *fit);

#endif
