/* SPDX-License-Identifier: MIT
 * Private to analyze: all eigenvectors of a small dense matrix, and the leading eigenvectors of an operator. */
#ifndef GP_ANALYZE_MAP_EIGEN_H
#define GP_ANALYZE_MAP_EIGEN_H

#include "base/status.h"

/* Computes the eigenvalues of symmetric a [n, n] in descending order, and the eigenvectors as columns of vectors [n,
 * n], by the cyclic Jacobi method.  Overwrites a. */
void gp_an_jacobi(double *a, size_t n, double *values, double *vectors);

/* Computes out [n, m] = operator * in [n, m]. */
typedef void (*gp_an_operator)(void *user, const double *in, double *out, size_t m);
/* Finds the `count` eigenvectors with the largest eigenvalues of a symmetric operator on vectors of n numbers.
 * lower_bound: a number that is at most the smallest eigenvalue.  Method: Chebyshev-filtered subspace iteration (Zhou,
 * Saad et al. 2006).  It stops after `rounds`, or when all residuals are below tolerance * largest eigenvalue.  vectors
 * [n, count]: one column per eigenvector, stored by rows.  *residual: the largest residual.  Runs in one thread. */
gp_status gp_an_largest(gp_an_operator apply, void *user, size_t n, size_t count, double lower_bound, double tolerance,
                        unsigned rounds, uint64_t seed, double *values, double *vectors, double *residual,
                        gp_error *err);

#endif
