/* SPDX-License-Identifier: MIT
 * Principal components from the covariance matrix in double.  The solver is deterministic, and the sign of each
 * component is fixed, so the result can be repeated. */
#include "analyze/map/pca.h"

#include "analyze/analyze.h"
#include "analyze/neighbour/knn.h"
#include "analyze/map/eigen.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* JACOBI_COLUMNS: up to this number of columns the Jacobi method is faster than subspace iteration.  ROUNDS: maximum
 * rounds of subspace iteration. */
enum { JACOBI_COLUMNS = 48, ROUNDS = 400 };

static void find_scale(const float *rows, size_t n, size_t d, bool standardise, gp_pca_fit *f)
{
    for (size_t j = 0; j < d; j++) f->mean[j] = 0, f->scale[j] = standardise ? 0 : 1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) f->mean[j] += (double)rows[i * d + j];
    for (size_t j = 0; j < d; j++) f->mean[j] /= (double)n;
    if (!standardise) return;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) {
            double gap = (double)rows[i * d + j] - f->mean[j];
            f->scale[j] += gap * gap;
        }
    for (size_t j = 0; j < d; j++) {
        f->scale[j] = sqrt(f->scale[j] / (double)n);
        if (!(f->scale[j] > 1e-12 * fabs(f->mean[j]))) f->scale[j] = 1; /* a constant column; the rest is rounding */
    }
}

/* c [d, d]: covariance matrix.  row [d] is scratch for one standardised row. */
static void covariance(const float *rows, size_t n, size_t d, const gp_pca_fit *f, double *c, double *row)
{
    memset(c, 0, d * d * sizeof *c);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) row[j] = ((double)rows[i * d + j] - f->mean[j]) / f->scale[j];
        for (size_t a = 0; a < d; a++) {
            double x = row[a], *to = c + a * d;
            for (size_t b = a; b < d; b++) to[b] += x * row[b];
        }
    }
    double over = n > 1 ? (double)(n - 1) : 1;
    for (size_t a = 0; a < d; a++)
        for (size_t b = a; b < d; b++) c[b * d + a] = c[a * d + b] /= over;
}

typedef struct dense {
    const double *a; /* [n, n] */
    size_t n;
} dense;

static void apply_dense(void *user, const double *in, double *out, size_t m)
{
    const dense *s = user;
    for (size_t i = 0; i < s->n; i++) {
        double *to = out + i * m;
        memset(to, 0, m * sizeof *to);
        for (size_t j = 0; j < s->n; j++)
            for (size_t c = 0; c < m; c++) to[c] += s->a[i * s->n + j] * in[j * m + c];
    }
}

static gp_status components(double *c, size_t d, gp_pca_fit *f, gp_error *err)
{
    double *values = NULL, *vectors = NULL, residual;
    size_t columns = d <= JACOBI_COLUMNS ? d : f->dims;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&values, columns, sizeof *values, "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&vectors, d * columns, sizeof *vectors, "components", err));
    if (d <= JACOBI_COLUMNS)
        gp_an_jacobi(c, d, values, vectors);
    else
        GP_TRY_GOTO(gp_an_largest(apply_dense, &(dense){c, d}, d, columns, 0, 1e-11, ROUNDS, 1, values, vectors,
                                  &residual, err));
    for (size_t k = 0; k < f->dims; k++) {
        size_t most = 0;
        for (size_t j = 0; j < d; j++)
            if (fabs(vectors[j * columns + k]) > fabs(vectors[most * columns + k])) most = j;
        double sign = vectors[most * columns + k] < 0 ? -1 : 1;
        for (size_t j = 0; j < d; j++) f->components[k * d + j] = sign * vectors[j * columns + k];
        f->variances[k] = values[k];
    }
out:
    gp_mem_free(vectors);
    gp_mem_free(values);
    return st;
}

gp_status gp_an_pca_fit(const float *rows, size_t n, size_t d, size_t dims, bool standardise, gp_pca_fit *out,
                        gp_error *err)
{
    gp_pca_fit f = {.d = d, .dims = dims};
    double *c = NULL, *row = NULL;
    gp_status st = GP_OK;
    if (n == 0 || dims == 0 || dims > d)
        return gp_fail(err, GP_ERR_USAGE, "PCA needs at least 1 row, and 1 to %zu components for %zu columns, not %zu",
                       d, d, dims);
    GP_TRY_GOTO(gp_alloc((void **)&f.mean, d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&f.scale, d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&f.components, dims * d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&f.variances, dims, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&c, d * d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&row, d, sizeof(double), "components", err));
    find_scale(rows, n, d, standardise, &f);
    covariance(rows, n, d, &f, c, row);
    GP_TRY_GOTO(components(c, d, &f, err));
    *out = f;
    memset(&f, 0, sizeof f);
out:
    gp_mem_free(row);
    gp_mem_free(c);
    gp_an_pca_clear(&f);
    return st;
}

void gp_an_pca_apply(const gp_pca_fit *f, const float *rows, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f->dims; k++) {
            double sum = 0;
            for (size_t j = 0; j < f->d; j++)
                sum += ((double)rows[i * f->d + j] - f->mean[j]) / f->scale[j] * f->components[k * f->d + j];
            out[i * f->dims + k] = sum;
        }
}

void gp_an_pca_clear(gp_pca_fit *f)
{
    gp_mem_free(f->mean);
    gp_mem_free(f->scale);
    gp_mem_free(f->components);
    gp_mem_free(f->variances);
    memset(f, 0, sizeof *f);
}

gp_status gp_an_pca(const float *rows, size_t n, size_t d, size_t dims, float *out, gp_error *err)
{
    gp_pca_fit f = {0};
    double *wide = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_knn_check(rows, n, d, "row", err));
    GP_TRY_GOTO(gp_an_pca_fit(rows, n, d, dims, false, &f, err));
    GP_TRY_GOTO(gp_alloc((void **)&wide, n * dims, sizeof *wide, "components", err));
    gp_an_pca_apply(&f, rows, n, wide);
    for (size_t i = 0; i < n * dims; i++) out[i] = (float)wide[i];
out:
    gp_mem_free(wide);
    gp_an_pca_clear(&f);
    return st;
}
