/* SPDX-License-Identifier: MIT
 * The difficulty of prompts: ridge regression (Hoerl and Kennard 1970) of the mean score of each prompt's images on the
 * prompt's embedding, and the prediction for each prompt by the regression on all others.
 *
 * X [n, d]: embeddings of length 1, less their mean; y [n]: mean scores, less their mean.  The prediction without
 * prompt i needs no second fit (Allen 1974): its error is e_i / (1 - h_ii), where e = y - Hy and
 * H = 1/n + X (X'X + penalty)^-1 X' (1/n: the intercept, which has no penalty).  The penalty is the one of a grid with
 * the least sum of squares of these errors (PRESS).
 *
 * The smaller of X'X [d, d] and XX' [n, n] is turned into a tridiagonal matrix T by Householder reflections Q (Golub
 * and Van Loan, section 8.3), once for the whole grid (Elden 1977).  For each penalty, m steps factor T + penalty =
 * LDL'. Then
 *
 *     X'X:  Hy_i = x_i'Q (T + penalty)^-1 Q'X'y          h_ii = 1/n + x_i'Q (T + penalty)^-1 Q'x_i
 *     XX':   e_i = penalty u_i'Q (T + penalty)^-1 Q'y    1 - h_ii = penalty u_i'Q (T + penalty)^-1 Q'u_i - 1/n
 *
 * with u_i the i-th unit vector.  One thread adds up each sum, always in the same order, so the number of threads does
 * not matter.  Memory: 8 m m bytes with m = min(n, d), 16 numbers of 8 bytes for each prompt, and a few rows for each
 * thread. */
#include "pick/difficulty.h"

#include "pick/calibrate.h"

#include "base/mem.h"
#include "base/task.h"

#include <math.h>
#include <string.h>

enum {
    GRID = 16,   /* number of penalties; they are the mean square of a row of X, times 10^-2, 10^-1.5, ... 10^5.5 */
    AT_ONCE = 8, /* rows of X that are processed together */
    STRIPE = 32  /* rows of the product that a thread computes at a time */
};

typedef struct fit {
    const float *embeddings; /* [prompts, d] */
    size_t d, n, m;
    bool by_rows;        /* m = n: the matrix is XX' */
    size_t *row;         /* [n] index of each row's prompt among all prompts */
    double *y;           /* [n] */
    double *scale;       /* [n] 1 / length */
    double *mean;        /* [d] */
    double *a;           /* [m, m] X'X or XX'; later row k has Householder reflection k, from column k + 1 on */
    double *diagonal;    /* [m] the diagonal of T */
    double *subdiagonal; /* [m] the subdiagonal of T; the last number is 0 */
    double *target;      /* [m] Q'X'y or Q'y */
    double penalty[GRID];
    double *factor;  /* [m, GRID] the subdiagonal of L */
    double *pivot;   /* [m, GRID] 1 / D */
    double *towards; /* [m, GRID] D^-1 L^-1 target */
    double *left;    /* [n, GRID] error of the prediction for prompt i by the regression on all other prompts */
    double *rows;    /* [threads, m, AT_ONCE] scratch */
    gp_task *task;
    atomic_size_t next;
} fit;

static void clear(fit *f)
{
    gp_mem_free(f->rows);
    gp_mem_free(f->left);
    gp_mem_free(f->towards);
    gp_mem_free(f->pivot);
    gp_mem_free(f->factor);
    gp_mem_free(f->target);
    gp_mem_free(f->subdiagonal);
    gp_mem_free(f->diagonal);
    gp_mem_free(f->a);
    gp_mem_free(f->mean);
    gp_mem_free(f->scale);
    gp_mem_free(f->y);
    gp_mem_free(f->row);
}

static gp_status numbers(double **out, size_t rows, size_t columns, gp_error *err)
{
    size_t count;
    if (!gp_size_mul(rows, columns, &count))
        return gp_fail(err, GP_ERR_LIMIT, "cannot predict scores: the data of %zu prompts do not fit in memory", rows);
    return gp_alloc((void **)out, count, sizeof **out, "the difficulty of prompts", err);
}

/* ------------------------------------------------------------------ prompts of the regression */

/* Returns 1 / length of an embedding.  Returns 0 if the embedding is missing: all zeros, or not finite. */
static double scale_of(const float *x, size_t d)
{
    double square = 0;
    for (size_t j = 0; j < d; j++) square += (double)x[j] * (double)x[j];
    return square > 0 && isfinite(square) ? 1 / sqrt(square) : 0;
}

/* Writes the mean of each prompt's finite scores to mean [prompts]; NaN: the prompt has no finite score. */
static gp_status means_of(const double *score, const int32_t *prompt, size_t n, size_t prompts, double *mean,
                          gp_error *err)
{
    gp_moments *m = NULL;
    GP_TRY(gp_moments_of(score, prompt, n, prompts, &m, err));
    for (size_t k = 0; k < prompts; k++) mean[k] = m[k].n ? m[k].mean : (double)NAN;
    gp_mem_free(m);
    return GP_OK;
}

/* Collects the prompts that have a score and an embedding: sets row, y, scale and mean. */
static gp_status collect_prompts(fit *f, const double *mean, size_t prompts, gp_error *err)
{
    double all = 0;
    GP_TRY(gp_alloc((void **)&f->row, prompts, sizeof *f->row, "the difficulty of prompts", err));
    GP_TRY(numbers(&f->y, prompts, 1, err));
    GP_TRY(numbers(&f->scale, prompts, 1, err));
    GP_TRY(numbers(&f->mean, f->d, 1, err));
    memset(f->mean, 0, f->d * sizeof *f->mean);
    for (size_t k = 0; k < prompts && !gp_task_stopped(f->task); k++) {
        const float *x = f->embeddings + k * f->d;
        double scale = isnan(mean[k]) ? 0 : scale_of(x, f->d);
        if (scale == 0) continue;
        f->row[f->n] = k, f->y[f->n] = mean[k], f->scale[f->n] = scale, f->n++;
        all += mean[k];
        for (size_t j = 0; j < f->d; j++) f->mean[j] += scale * (double)x[j];
    }
    for (size_t j = 0; j < f->d && f->n; j++) f->mean[j] /= (double)f->n;
    for (size_t i = 0; i < f->n; i++) f->y[i] -= all / (double)f->n;
    f->by_rows = f->n < f->d;
    f->m = f->by_rows ? f->n : f->d;
    return gp_task_check(f->task, err);
}

/* Sets the penalties; returns false if all embeddings are equal. */
static bool set_grid(fit *f)
{
    double square = 0;
    for (size_t i = 0; i < f->n && !gp_task_stopped(f->task); i++)
        for (size_t j = 0; j < f->d; j++) {
            double x = (double)f->embeddings[f->row[i] * f->d + j] * f->scale[i] - f->mean[j];
            square += x * x;
        }
    for (int g = 0; g < GRID; g++) f->penalty[g] = square / (double)f->n * pow(10, g / 2.0 - 2);
    return square / (double)f->n > 1e-12; /* equal embeddings may give up to 1e-12 by rounding */
}

/* ------------------------------------------------------------------ the matrix */

/* Writes row r of X, or of X' if the matrix is XX', to `out`, from column `from` on. */
static void fetch(const fit *f, size_t r, size_t from, double *out)
{
    if (f->by_rows) {
        for (size_t i = from; i < f->n; i++)
            out[i] = (double)f->embeddings[f->row[i] * f->d + r] * f->scale[i] - f->mean[r];
        return;
    }
    const float *x = f->embeddings + f->row[r] * f->d;
    for (size_t j = from; j < f->d; j++) out[j] = (double)x[j] * f->scale[r] - f->mean[j];
}

/* Computes the upper triangle of rows from..to-1 of the matrix; rows [AT_ONCE, m] is scratch. */
static void multiply(const fit *f, size_t from, size_t to, double *rows)
{
    size_t m = f->m, length = f->by_rows ? f->d : f->n;
    for (size_t p = from; p < to; p++) memset(f->a + p * m, 0, m * sizeof *f->a);
    for (size_t r = 0; r < length; r += AT_ONCE) {
        size_t count = length - r < AT_ONCE ? length - r : AT_ONCE;
        if (gp_task_stopped(f->task)) return;
        for (size_t k = 0; k < count; k++) fetch(f, r + k, from, rows + k * m);
        for (size_t p = from; p < to; p++)
            for (size_t k = 0; k < count; k++) {
                double x = rows[k * m + p], *sum = f->a + p * m;
                const double *y = rows + k * m;
                for (size_t q = p; q < m; q++) sum[q] += x * y[q];
            }
        gp_task_add(f->task, count * ((to - from) * (m - from) - (to - from) * (to - from - 1) / 2));
    }
}

static void multiply_stripes(void *user, int index)
{
    fit *f = user;
    size_t stripe;
    while ((stripe = atomic_fetch_add(&f->next, 1)) * STRIPE < f->m) {
        size_t from = stripe * STRIPE, to = from + STRIPE < f->m ? from + STRIPE : f->m;
        multiply(f, from, to, f->rows + (size_t)index * f->m * AT_ONCE);
    }
}

/* Finds the reflection 1 - 2 v v' that makes all numbers of x [length] 0 except the first; v overwrites x. Returns the
 * first number of the result. */
static double reflection(double *x, size_t length)
{
    double square = 0, rest = 0;
    for (size_t j = 0; j < length; j++) square += x[j] * x[j];
    double first = x[0] > 0 ? -sqrt(square) : sqrt(square);
    x[0] -= first;
    for (size_t j = 0; j < length; j++) rest += x[j] * x[j];
    double scale = rest > 0 ? 1 / sqrt(rest) : 0;
    for (size_t j = 0; j < length; j++) x[j] *= scale;
    return first;
}

/* Reduces the symmetric matrix a to T.  Reflection k overwrites row k of a from column k + 1 on.  p [m] is scratch. */
static void tridiagonal(fit *f, double *p)
{
    size_t m = f->m;
    for (size_t k = 0; k < m; k++) f->subdiagonal[k] = 0;
    for (size_t k = 0; k + 1 < m && !gp_task_stopped(f->task); k++) {
        double *v = f->a + k * m, with = 0;
        f->diagonal[k] = v[k];
        f->subdiagonal[k] = k + 2 < m ? reflection(v + k + 1, m - k - 1) : v[k + 1];
        if (k + 2 >= m) break;
        for (size_t j = k + 1; j < m; j++) p[j] = 0;
        for (size_t i = k + 1; i < m; i++) /* p = 2 B v */
            for (size_t j = k + 1; j < m; j++) p[j] += 2 * v[i] * f->a[i * m + j];
        for (size_t j = k + 1; j < m; j++) with += v[j] * p[j];
        for (size_t j = k + 1; j < m; j++) p[j] -= with * v[j];
        for (size_t i = k + 1; i < m; i++) /* B - v p' - p v' */
            for (size_t j = k + 1; j < m; j++) f->a[i * m + j] -= v[i] * p[j] + p[i] * v[j];
        gp_task_add(f->task, 3 * (m - k) * (m - k));
    }
    f->diagonal[m - 1] = f->a[m * m - 1];
}

/* Multiplies each column of x [m, AT_ONCE] by Q', in place. */
static void reflect(const fit *f, double *x)
{
    size_t m = f->m;
    for (size_t k = 0; k + 2 < m; k++) {
        const double *v = f->a + k * m;
        double sum[AT_ONCE] = {0};
        for (size_t j = k + 1; j < m; j++)
            for (int c = 0; c < AT_ONCE; c++) sum[c] += v[j] * x[j * AT_ONCE + (size_t)c];
        for (int c = 0; c < AT_ONCE; c++) sum[c] *= 2;
        for (size_t j = k + 1; j < m; j++)
            for (int c = 0; c < AT_ONCE; c++) x[j * AT_ONCE + (size_t)c] -= v[j] * sum[c];
    }
}

/* ------------------------------------------------------------------ the errors */

/* Computes `target`; rows [m, AT_ONCE] is scratch. */
static void set_target(fit *f, double *rows)
{
    for (size_t k = 0; k < f->m; k++) f->target[k] = f->by_rows ? f->y[k] : 0;
    for (size_t i = 0; !f->by_rows && i < f->n && !gp_task_stopped(f->task); i++) {
        fetch(f, i, 0, rows);
        for (size_t j = 0; j < f->m; j++) f->target[j] += f->y[i] * rows[j];
    }
    memset(rows, 0, f->m * AT_ONCE * sizeof *rows);
    for (size_t k = 0; k < f->m; k++) rows[k * AT_ONCE] = f->target[k];
    reflect(f, rows);
    for (size_t k = 0; k < f->m; k++) f->target[k] = rows[k * AT_ONCE];
}

/* Factors T + penalty = LDL' and computes `towards`, for each penalty.  T + penalty is positive definite, so no pivot
 * is 0. */
static void decompose(fit *f)
{
    for (int g = 0; g < GRID; g++) {
        double factor = 0, before = 0; /* values of the row above */
        for (size_t k = 0; k < f->m; k++) {
            double above = k ? f->subdiagonal[k - 1] : 0;
            double pivot = f->diagonal[k] + f->penalty[g] - factor * above;
            before = f->target[k] - factor * before;
            factor = f->subdiagonal[k] / pivot;
            f->factor[k * GRID + (size_t)g] = factor;
            f->pivot[k * GRID + (size_t)g] = 1 / pivot;
            f->towards[k * GRID + (size_t)g] = before / pivot;
        }
    }
}

/* Computes the errors of row i for all penalties.  Column c of x is Q'x_i, or Q'u_i. */
static void leave_out(const fit *f, const double *x, size_t c, size_t i)
{
    double before[GRID] = {0}, factor[GRID] = {0}, aim[GRID] = {0}, own[GRID] = {0};
    for (size_t k = 0; k < f->m; k++) {
        const double *pivot = f->pivot + k * GRID, *towards = f->towards + k * GRID, *next = f->factor + k * GRID;
        double value = x[k * AT_ONCE + c];
        for (int g = 0; g < GRID; g++) {
            before[g] = value - factor[g] * before[g];
            aim[g] += before[g] * towards[g];
            own[g] += before[g] * before[g] * pivot[g];
            factor[g] = next[g];
        }
    }
    for (int g = 0; g < GRID; g++) {
        double error = f->by_rows ? f->penalty[g] * aim[g] : f->y[i] - aim[g];
        double others = f->by_rows ? f->penalty[g] * own[g] : 1 - own[g]; /* 1 - h_ii, less 1/n */
        f->left[i * GRID + (size_t)g] = error / (others - 1 / (double)f->n);
    }
}

static void leave_all_out(void *user, int index)
{
    fit *f = user;
    double *x = f->rows + (size_t)index * f->m * AT_ONCE;
    size_t block;
    while ((block = atomic_fetch_add(&f->next, 1)) * AT_ONCE < f->n && !gp_task_stopped(f->task)) {
        size_t from = block * AT_ONCE, count = f->n - from < AT_ONCE ? f->n - from : AT_ONCE;
        memset(x, 0, f->m * AT_ONCE * sizeof *x);
        for (size_t c = 0; c < count; c++) {
            const float *row = f->embeddings + f->row[from + c] * f->d;
            if (f->by_rows) x[(from + c) * AT_ONCE + c] = 1;
            for (size_t j = 0; !f->by_rows && j < f->d; j++)
                x[j * AT_ONCE + c] = (double)row[j] * f->scale[from + c] - f->mean[j];
        }
        reflect(f, x);
        for (size_t c = 0; c < count; c++) leave_out(f, x, c, from + c);
        gp_task_add(f->task, AT_ONCE * f->m * f->m);
    }
}

/* Returns the index of the penalty with the least PRESS; if several are equal, the largest penalty.  *explained: 1 -
 * PRESS / PRESS0.  PRESS0 is the PRESS of a prediction that uses, for each prompt, the mean of the other prompts. */
static int best_penalty(const fit *f, double *explained)
{
    double least = INFINITY, alone = 0, n = (double)f->n;
    int best = 0;
    for (int g = 0; g < GRID; g++) {
        double press = 0;
        for (size_t i = 0; i < f->n; i++) press += f->left[i * GRID + (size_t)g] * f->left[i * GRID + (size_t)g];
        if (press <= least) least = press, best = g;
    }
    for (size_t i = 0; i < f->n; i++) alone += f->y[i] * f->y[i] * (n / (n - 1)) * (n / (n - 1));
    *explained = alone > 0 ? 1 - least / alone : (double)NAN;
    return best;
}

/* ------------------------------------------------------------------ the correction */

static gp_status in_threads(fit *f, void (*body)(void *user, int index), gp_error *err)
{
    atomic_store(&f->next, 0);
    GP_TRY(gp_task_each(f->task, body, f, err));
    return gp_task_check(f->task, err);
}

static gp_status regress(fit *f, gp_error *err)
{
    size_t m = f->m;
    GP_TRY(numbers(&f->a, m, m, err));
    GP_TRY(numbers(&f->diagonal, m, 1, err));
    GP_TRY(numbers(&f->subdiagonal, m, 1, err));
    GP_TRY(numbers(&f->target, m, 1, err));
    GP_TRY(numbers(&f->factor, m, GRID, err));
    GP_TRY(numbers(&f->pivot, m, GRID, err));
    GP_TRY(numbers(&f->towards, m, GRID, err));
    GP_TRY(numbers(&f->left, f->n, GRID, err));
    GP_TRY(numbers(&f->rows, (size_t)gp_task_threads(f->task) * AT_ONCE, m, err));
    GP_TRY(in_threads(f, multiply_stripes, err));
    for (size_t p = 0; p < m; p++)
        for (size_t q = 0; q < p; q++) f->a[p * m + q] = f->a[q * m + p];
    tridiagonal(f, f->rows);
    set_target(f, f->rows);
    GP_TRY(gp_task_check(f->task, err));
    decompose(f);
    return in_threads(f, leave_all_out, err);
}

/* Computes corrected = score - prediction + mean score of the images with a prediction. prediction [prompts]; NaN: no
 * prediction. */
static void subtract_prediction(const double *score, const int32_t *prompt, size_t n, const double *prediction,
                                double *corrected)
{
    double sum = 0, rows = 0;
    for (size_t i = 0; i < n; i++)
        if (gp_moments_count(score, prompt, i) && !isnan(prediction[prompt[i]])) sum += score[i], rows++;
    for (size_t i = 0; i < n; i++) {
        corrected[i] = isfinite(score[i]) ? score[i] : (double)NAN;
        if (!gp_moments_count(score, prompt, i) || isnan(prediction[prompt[i]])) continue;
        corrected[i] = score[i] - prediction[prompt[i]] + sum / rows;
    }
}

typedef struct correction {
    const double *score;
    const int32_t *prompt;
    size_t n;
    const float *embeddings;
    size_t prompts, d;
    double *corrected;
    gp_difficulty *facts;
} correction;

static gp_status correct(void *user, gp_task *task, gp_error *err)
{
    const correction *c = user;
    fit f = {.embeddings = c->embeddings, .d = c->d, .task = task};
    gp_difficulty found = {.penalty = NAN, .explained = NAN};
    double *mean = NULL, *prediction = NULL; /* [prompts] */
    gp_status st = GP_OK;
    GP_TRY_GOTO(numbers(&mean, c->prompts, 1, err));
    GP_TRY_GOTO(numbers(&prediction, c->prompts, 1, err));
    GP_TRY_GOTO(means_of(c->score, c->prompt, c->n, c->prompts, mean, err));
    GP_TRY_GOTO(collect_prompts(&f, mean, c->prompts, err));
    for (size_t k = 0; k < c->prompts; k++) prediction[k] = NAN;
    found.prompts = f.n;
    if (f.n >= GP_DIFFICULTY_MIN && set_grid(&f)) {
        GP_TRY_GOTO(regress(&f, err));
        int best = best_penalty(&f, &found.explained);
        found.penalty = f.penalty[best];
        for (size_t i = 0; i < f.n; i++) prediction[f.row[i]] = mean[f.row[i]] - f.left[i * GRID + (size_t)best];
    }
    GP_TRY_GOTO(gp_task_check(task, err));
    subtract_prediction(c->score, c->prompt, c->n, prediction, c->corrected);
    if (c->facts) *c->facts = found;
out:
    gp_mem_free(prediction);
    gp_mem_free(mean);
    clear(&f);
    return st;
}

/* Returns the units of work of the slow steps: the matrix, its tridiagonal form, the predictions. */
static double units_of(double prompts, double d)
{
    double m = prompts < d ? prompts : d, length = prompts < d ? d : prompts;
    return length * m * (m + 1) / 2 + m * m * m + prompts * m * m;
}

gp_status gp_calibrate_difficulty(const double *score, const int32_t *prompt, size_t n, const float *embeddings,
                                  size_t prompts, size_t d, const gp_difficulty_options *options, double *corrected,
                                  gp_difficulty *facts, gp_error *err)
{
    correction c = {score, prompt, n, embeddings, prompts, d, corrected, facts};
    gp_task_options o = {.stage = "difficulty",
                         .items = prompts,
                         .units = units_of((double)prompts, (double)d),
                         .threads = options->threads,
                         .progress = options->progress,
                         .user = options->user};
    return gp_task_run(&o, correct, &c, err);
}
