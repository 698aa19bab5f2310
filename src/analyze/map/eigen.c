/* SPDX-License-Identifier: MIT
 * Eigenvectors: the cyclic Jacobi method for small matrices, Chebyshev-filtered subspace iteration (Zhou, Saad et al.
 * 2006) for the leading eigenvectors of large operators.
 *
 * Subspace iteration keeps a block of vectors, a few more than requested.  Each round multiplies the block by a
 * Chebyshev polynomial of the operator.  The polynomial is small on [lower_bound, cut] and grows fast above `cut`, so
 * it amplifies the leading eigenvectors.  Then the Rayleigh-Ritz procedure rotates the block to approximate
 * eigenvectors. `cut` is the smallest Ritz value of the block, so the filter improves from round to round. */
#include "analyze/map/eigen.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* GUARD_VECTORS: vectors of the block beyond the requested ones; they make the last requested vectors converge faster.
 * DEGREE: degree of the Chebyshev polynomial. */
enum { GUARD_VECTORS = 8, DEGREE = 12 };

/* ------------------------------------------------------------------ Jacobi */

static void rotate(double *a, double *v, size_t n, size_t p, size_t q)
{
    double apq = a[p * n + q];
    if (fabs(apq) < 1e-300) return;
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
    double c = 1 / sqrt(t * t + 1), s = t * c;
    for (size_t k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y, a[k * n + q] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
    }
    for (size_t k = 0; k < n; k++) {
        double x = v[k * n + p], y = v[k * n + q];
        v[k * n + p] = c * x - s * y, v[k * n + q] = s * x + c * y;
    }
}

/* Sorts the eigenvalues in descending order, and the columns of v with them. */
static void sort_pairs(double *values, double *v, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        size_t most = i;
        for (size_t j = i + 1; j < n; j++)
            if (values[j] > values[most]) most = j;
        if (most == i) continue;
        double keep = values[i];
        values[i] = values[most], values[most] = keep;
        for (size_t k = 0; k < n; k++) {
            keep = v[k * n + i];
            v[k * n + i] = v[k * n + most], v[k * n + most] = keep;
        }
    }
}

void gp_an_jacobi(double *a, size_t n, double *values, double *vectors)
{
    for (size_t i = 0; i < n * n; i++) vectors[i] = i / n == i % n ? 1 : 0;
    for (unsigned sweep = 0; sweep < 60; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n * n; i++) {
            all += a[i] * a[i];
            if (i / n != i % n) off += a[i] * a[i];
        }
        if (off <= 1e-30 * all) break;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
    }
    for (size_t i = 0; i < n; i++) values[i] = a[i * n + i];
    sort_pairs(values, vectors, n);
}

/* ------------------------------------------------------------------ subspace iteration */

typedef struct subspace {
    gp_an_operator apply;
    void *user;
    size_t n, m;                  /* m: vectors of the block */
    double *x, *y, *z;            /* [n, m] x: the block */
    double *projected, *rotation; /* [m, m] */
    double *values;               /* [m] Ritz values */
} subspace;

/* Orthonormalises the columns of x by the Gram-Schmidt process.  Each step runs twice, because rounding makes the
 * result of a single pass inexact. */
static void orthonormalise(subspace *s)
{
    for (size_t c = 0; c < s->m; c++) {
        for (int again = 0; again < 2; again++)
            for (size_t e = 0; e < c; e++) {
                double dot = 0;
                for (size_t i = 0; i < s->n; i++) dot += s->x[i * s->m + c] * s->x[i * s->m + e];
                for (size_t i = 0; i < s->n; i++) s->x[i * s->m + c] -= dot * s->x[i * s->m + e];
            }
        double norm = 0;
        for (size_t i = 0; i < s->n; i++) norm += s->x[i * s->m + c] * s->x[i * s->m + c];
        norm = sqrt(norm);
        for (size_t i = 0; i < s->n; i++) s->x[i * s->m + c] /= norm > 0 ? norm : 1;
    }
}

/* Multiplies x by the Chebyshev polynomial of the operator.  The operator is scaled so that [lower_bound, cut] becomes
 * [-1, 1]. */
static void filter(subspace *s, double lower_bound, double cut)
{
    double centre = (cut + lower_bound) / 2, half = (cut - lower_bound) / 2;
    size_t count = s->n * s->m;
    if (!(half > 0)) return;
    s->apply(s->user, s->x, s->y, s->m);
    for (size_t i = 0; i < count; i++) s->y[i] = (s->y[i] - centre * s->x[i]) / half;
    for (unsigned k = 2; k <= DEGREE; k++) {
        s->apply(s->user, s->y, s->z, s->m);
        double most = 0;
        for (size_t i = 0; i < count; i++) {
            s->z[i] = 2 * (s->z[i] - centre * s->y[i]) / half - s->x[i];
            if (fabs(s->z[i]) > most) most = fabs(s->z[i]);
        }
        /* prevents overflow; both terms of the recurrence get the same factor */
        double scale = most > 1e100 ? 1 / most : 1;
        for (size_t i = 0; i < count; i++) s->x[i] = s->y[i] * scale, s->y[i] = s->z[i] * scale;
    }
    memcpy(s->x, s->y, count * sizeof *s->x);
}

/* Rotates the block x to its Ritz vectors, and sets y to operator * x. */
static void rayleigh_ritz(subspace *s)
{
    size_t m = s->m;
    s->apply(s->user, s->x, s->y, m);
    for (size_t a = 0; a < m; a++)
        for (size_t b = a; b < m; b++) {
            double dot = 0;
            for (size_t i = 0; i < s->n; i++) dot += s->x[i * m + a] * s->y[i * m + b];
            s->projected[a * m + b] = s->projected[b * m + a] = dot;
        }
    gp_an_jacobi(s->projected, m, s->values, s->rotation);
    for (size_t i = 0; i < s->n; i++) {
        double *x = s->x + i * m, *y = s->y + i * m, *z = s->z + i * m;
        for (size_t b = 0; b < m; b++) {
            double u = 0, v = 0;
            for (size_t a = 0; a < m; a++) u += x[a] * s->rotation[a * m + b], v += y[a] * s->rotation[a * m + b];
            z[b] = u, s->projected[b] = v;
        }
        memcpy(x, z, m * sizeof *x);
        memcpy(y, s->projected, m * sizeof *y);
    }
}

static double worst_residual(const subspace *s, size_t count)
{
    double worst = 0;
    for (size_t c = 0; c < count; c++) {
        double sum = 0;
        for (size_t i = 0; i < s->n; i++) {
            double gap = s->y[i * s->m + c] - s->values[c] * s->x[i * s->m + c];
            sum += gap * gap;
        }
        worst = fmax(worst, sqrt(sum));
    }
    return worst;
}

gp_status gp_an_largest(gp_an_operator apply, void *user, size_t n, size_t count, double lower_bound, double tolerance,
                        unsigned rounds, uint64_t seed, double *values, double *vectors, double *residual,
                        gp_error *err)
{
    subspace s = {.apply = apply, .user = user, .n = n, .m = count + GUARD_VECTORS < n ? count + GUARD_VECTORS : n};
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&s.x, n * s.m, sizeof(double), "eigenvectors", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.y, n * s.m, sizeof(double), "eigenvectors", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.z, n * s.m, sizeof(double), "eigenvectors", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.projected, s.m * s.m, sizeof(double), "eigenvectors", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.rotation, s.m * s.m, sizeof(double), "eigenvectors", err));
    GP_TRY_GOTO(gp_alloc((void **)&s.values, s.m, sizeof(double), "eigenvectors", err));
    for (size_t i = 0; i < n * s.m; i++) s.x[i] = (double)(gp_rng_at(seed, i) >> 11) / 9007199254740992.0 - 0.5;
    orthonormalise(&s);
    rayleigh_ritz(&s);
    *residual = worst_residual(&s, count);
    for (unsigned r = 0; r<rounds && * residual> tolerance * fmax(fabs(s.values[0]), 1e-300); r++) {
        filter(&s, lower_bound, s.values[s.m - 1]);
        orthonormalise(&s);
        rayleigh_ritz(&s);
        *residual = worst_residual(&s, count);
    }
    for (size_t c = 0; c < count; c++) values[c] = s.values[c];
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < count; c++) vectors[i * count + c] = s.x[i * s.m + c];
out:
    gp_mem_free(s.values);
    gp_mem_free(s.rotation);
    gp_mem_free(s.projected);
    gp_mem_free(s.z);
    gp_mem_free(s.y);
    gp_mem_free(s.x);
    return st;
}
