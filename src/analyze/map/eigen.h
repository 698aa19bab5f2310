/* SPDX-License-Identifier: MIT
 * Private to analyze: eigenvectors, of small dense matrices and of the largest of an operator. */
#ifndef GP_ANALYZE_MAP_EIGEN_H
#define GP_ANALYZE_MAP_EIGEN_H

#include "base/status.h"

/* Symmetric a [n, n] (overwritten) -> values [n] falling, vectors [n, n] in columns.  Cyclic Jacobi. */
void gp_an_jacobi(double *a, size_t n, double *values, double *vectors);

/* out [n, m] = operator * in [n, m] */
typedef void (*gp_an_operator)(void *user, const double *in, double *out, size_t m);
/* The `count` algebraically largest eigenvectors of a symmetric operator on n numbers whose eigenvalues are >= least,
 * by Chebyshev-filtered subspace iteration (Zhou, Saad et al. 2006) until the residuals are below tolerance * largest,
 * or `rounds`.  vectors [n, count] in columns (row-major), values [count]; *residual the largest.  Seeded, one thread.
 */
gp_status gp_an_largest(gp_an_operator apply, void *user, size_t n, size_t count, double least, double tolerance,
                        unsigned rounds, uint64_t seed, double *values, double *vectors, double *residual,
                        gp_error *err);

#endif
