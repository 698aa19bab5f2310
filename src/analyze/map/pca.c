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

enum {
    JACOBI_COLUMNS = 48, /* up to this number of columns, the Jacobi method is faster than subspace iteration */
    ROUNDS = 400,        /* maximum rounds of subspace iteration */
    AT_ONCE = 256,       /* rows between two checks for a stop */
    MIN_STRIPE = 32      /* minimum rows of the covariance matrix that a thread computes at a time */
};

static bool stopped_at(size_t row, const gp_task *task)
{
    return row % AT_ONCE == 0 && gp_task_stopped(task);
}

static void find_scale(const float *rows, size_t n, size_t d, bool standardise, const gp_task *task, gp_pca_fit *f)
{
    for (size_t j = 0; j < d; j++) f->mean[j] = 0, f->scale[j] = standardise ? 0 : 1;
    for (size_t i = 0; i < n && !stopped_at(i, task); i++)
        for (size_t j = 0; j < d; j++) f->mean[j] += (double)rows[i * d + j];
    for (size_t j = 0; j < d; j++) f->mean[j] /= (double)n;
    if (!standardise) return;
    for (size_t i = 0; i < n && !stopped_at(i, task); i++)
        for (size_t j = 0; j < d; j++) {
            double gap = (double)rows[i * d + j] - f->mean[j];
            f->scale[j] += gap * gap;
        }
    for (size_t j = 0; j < d; j++) {
        f->scale[j] = sqrt(f->scale[j] / (double)n);
        /* the column is constant: a deviation this small is only rounding error */
        if (!(f->scale[j] > 1e-12 * fabs(f->mean[j]))) f->scale[j] = 1;
    }
}

typedef struct covariance {
    const float *rows;
    size_t n, d, stripe;
    const gp_pca_fit *fit;
    double *c;       /* [d, d]: covariance matrix */
    double *scratch; /* [threads, d]: each thread's current row, standardised */
    gp_task *task;
    atomic_size_t next;
} covariance;

/* Computes rows from..to-1 of the covariance matrix, upper triangle only.  Each sum adds the rows in order, so the
 * stripes do not change the result. */
static void compute_stripe(const covariance *v, size_t from, size_t to, double *row)
{
    const gp_pca_fit *f = v->fit;
    size_t d = v->d, width = to - from, each = width * (d - from) - width * (width - 1) / 2;
    memset(v->c + from * d, 0, width * d * sizeof *v->c);
    for (size_t i = 0; i < v->n; i++) {
        if (gp_task_stopped(v->task)) return;
        for (size_t j = from; j < d; j++) row[j] = ((double)v->rows[i * d + j] - f->mean[j]) / f->scale[j];
        for (size_t a = from; a < to; a++) {
            double x = row[a], *sums = v->c + a * d;
            for (size_t b = a; b < d; b++) sums[b] += x * row[b];
        }
        if (i % AT_ONCE == AT_ONCE - 1) gp_task_add(v->task, AT_ONCE * each);
    }
    gp_task_add(v->task, v->n % AT_ONCE * each);
}

static void compute_stripes(void *user, int index)
{
    covariance *v = user;
    size_t stripe;
    while ((stripe = atomic_fetch_add(&v->next, 1)) * v->stripe < v->d) {
        size_t from = stripe * v->stripe, to = from + v->stripe < v->d ? from + v->stripe : v->d;
        compute_stripe(v, from, to, v->scratch + (size_t)index * v->d);
    }
}

/* c [d, d] */
static gp_status find_covariance(const float *rows, size_t n, size_t d, const gp_pca_fit *f, gp_task *task, double *c,
                                 gp_error *err)
{
    size_t threads = (size_t)gp_task_threads(task);
    covariance v = {.rows = rows, .n = n, .d = d, .fit = f, .c = c, .task = task};
    /* Each stripe standardises all rows again, so stripes must not be narrow. */
    v.stripe = threads == 1 ? d : d / (4 * threads) > MIN_STRIPE ? d / (4 * threads) : MIN_STRIPE;
    atomic_init(&v.next, 0);
    GP_TRY(gp_alloc((void **)&v.scratch, threads * d, sizeof *v.scratch, "components", err));
    gp_status st = gp_task_each(task, compute_stripes, &v, err);
    gp_mem_free(v.scratch);
    GP_TRY(st);
    GP_TRY(gp_task_check(task, err));
    double over = n > 1 ? (double)(n - 1) : 1;
    for (size_t a = 0; a < d; a++)
        for (size_t b = a; b < d; b++) c[b * d + a] = c[a * d + b] /= over;
    return GP_OK;
}

double gp_an_pca_units(size_t n, size_t d)
{
    return (double)n * (double)d * ((double)d + 1) / 2;
}

typedef struct dense {
    const double *a; /* [n, n] */
    size_t n;
    const gp_task *task;
} dense;

static void apply_dense(void *user, const double *in, double *out, size_t m)
{
    const dense *s = user;
    if (gp_task_stopped(s->task)) { /* zeros make the remaining rounds fast; the caller discards them */
        memset(out, 0, s->n * m * sizeof *out);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        double *to = out + i * m;
        memset(to, 0, m * sizeof *to);
        for (size_t j = 0; j < s->n; j++)
            for (size_t c = 0; c < m; c++) to[c] += s->a[i * s->n + j] * in[j * m + c];
    }
}

static gp_status components(double *c, size_t d, const gp_task *task, gp_pca_fit *f, gp_error *err)
{
    double *values = NULL, *vectors = NULL, residual;
    size_t columns = d <= JACOBI_COLUMNS ? d : f->dims;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&values, columns, sizeof *values, "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&vectors, d * columns, sizeof *vectors, "components", err));
    if (d <= JACOBI_COLUMNS)
        gp_an_jacobi(c, d, values, vectors);
    else
        GP_TRY_GOTO(gp_an_largest(apply_dense, &(dense){c, d, task}, d, columns, 0, 1e-11, ROUNDS, 1, values, vectors,
                                  &residual, err));
    GP_TRY_GOTO(gp_task_check(task, err));
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

gp_status gp_an_pca_fit(const float *rows, size_t n, size_t d, size_t dims, bool standardise, gp_task *task,
                        gp_pca_fit *out, gp_error *err)
{
    gp_pca_fit f = {.d = d, .dims = dims};
    double *c = NULL;
    gp_status st = GP_OK;
    if (n == 0 || dims == 0 || dims > d)
        return gp_fail(err, GP_ERR_USAGE,
                       "PCA of %zu rows with %zu columns cannot have %zu components: it needs at least 1 row, and 1 to "
                       "%zu components",
                       n, d, dims, d);
    GP_TRY_GOTO(gp_alloc((void **)&f.mean, d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&f.scale, d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&f.components, dims * d, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&f.variances, dims, sizeof(double), "components", err));
    GP_TRY_GOTO(gp_alloc((void **)&c, d * d, sizeof(double), "components", err));
    find_scale(rows, n, d, standardise, task, &f);
    GP_TRY_GOTO(gp_task_check(task, err));
    GP_TRY_GOTO(find_covariance(rows, n, d, &f, task, c, err));
    GP_TRY_GOTO(components(c, d, task, &f, err));
    *out = f;
    memset(&f, 0, sizeof f);
out:
    gp_mem_free(c);
    gp_an_pca_clear(&f);
    return st;
}

typedef struct projection {
    const gp_pca_fit *fit;
    const float *rows;
    size_t n;
    double *out;
    const gp_task *task;
    atomic_size_t next;
} projection;

static void project_rows(void *user, int index)
{
    projection *p = user;
    const gp_pca_fit *f = p->fit;
    size_t block;
    (void)index;
    while ((block = atomic_fetch_add(&p->next, 1)) * AT_ONCE < p->n && !gp_task_stopped(p->task)) {
        size_t from = block * AT_ONCE, to = from + AT_ONCE < p->n ? from + AT_ONCE : p->n;
        for (size_t i = from; i < to; i++)
            for (size_t k = 0; k < f->dims; k++) {
                double sum = 0;
                for (size_t j = 0; j < f->d; j++)
                    sum += ((double)p->rows[i * f->d + j] - f->mean[j]) / f->scale[j] * f->components[k * f->d + j];
                p->out[i * f->dims + k] = sum;
            }
    }
}

gp_status gp_an_pca_apply(const gp_pca_fit *f, const float *rows, size_t n, gp_task *task, double *out, gp_error *err)
{
    projection p = {.fit = f, .rows = rows, .n = n, .out = out, .task = task};
    atomic_init(&p.next, 0);
    GP_TRY(gp_task_each(task, project_rows, &p, err));
    return gp_task_check(task, err);
}

void gp_an_pca_clear(gp_pca_fit *f)
{
    gp_mem_free(f->mean);
    gp_mem_free(f->scale);
    gp_mem_free(f->components);
    gp_mem_free(f->variances);
    memset(f, 0, sizeof *f);
}

typedef struct pca {
    const float *rows;
    size_t n, d, dims;
    float *out;
} pca;

static gp_status compute(void *user, gp_task *task, gp_error *err)
{
    const pca *p = user;
    gp_pca_fit f = {0};
    double *wide = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_knn_check(p->rows, p->n, p->d, "row", err));
    GP_TRY_GOTO(gp_an_pca_fit(p->rows, p->n, p->d, p->dims, false, task, &f, err));
    GP_TRY_GOTO(gp_alloc((void **)&wide, p->n * p->dims, sizeof *wide, "components", err));
    GP_TRY_GOTO(gp_an_pca_apply(&f, p->rows, p->n, task, wide, err));
    for (size_t i = 0; i < p->n * p->dims; i++) p->out[i] = (float)wide[i];
out:
    gp_mem_free(wide);
    gp_an_pca_clear(&f);
    return st;
}

gp_status gp_an_pca(const float *rows, size_t n, size_t d, size_t dims, const gp_pca_options *options, float *out,
                    gp_error *err)
{
    pca p = {rows, n, d, dims, out};
    gp_task_options o = {.stage = "pca",
                         .items = n,
                         .units = gp_an_pca_units(n, d),
                         .threads = options->threads,
                         .progress = options->progress,
                         .user = options->user};
    return gp_task_run(&o, compute, &p, err);
}
