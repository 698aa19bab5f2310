/* SPDX-License-Identifier: MIT
 * Scalar quantisation (SQ8): a sample of rows determines the step, and the rounding error of each row is measured. */
#include "analyze/neighbour/sq8.h"
#include "analyze/slice/features.h"

#include "base/mem.h"
#include "base/thread.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 127,         /* largest absolute value of a quantised number */
    ZERO_POINT = 128,    /* zero point: added to the numbers of q so that they can be stored unsigned */
    SAMPLE = 256,        /* sample rows that determine the step */
    PIECE = 256,         /* rows that a thread packs at a time */
    SAMPLE_QUERIES = 16, /* sample rows whose candidates are counted */
    /* number of outliers, which are the longest rows.  The common error bound ignores outliers.  Each outlier has a
     * larger bound of its own */
    FAR = 16
};

/* ------------------------------------------------------------------ steps */

/* Writes x' (sq8.h) of row i to x [d]. */
static void load_centred(const gp_knn *s, const double *mean, size_t i, float *x)
{
    double scale = gp_knn_scale(s, s->norms[i]);
    for (size_t j = 0; j < s->d; j++) x[j] = (float)((double)s->rows[i * s->d + j] * scale - mean[j]);
}

static void find_mean(const gp_knn *s, double *mean)
{
    memset(mean, 0, s->d * sizeof *mean);
    for (size_t i = 0; i < s->n; i++) {
        double scale = gp_knn_scale(s, s->norms[i]);
        for (size_t j = 0; j < s->d; j++) mean[j] += (double)s->rows[i * s->d + j] * scale;
    }
    for (size_t j = 0; j < s->d; j++) mean[j] /= (double)s->n;
}

/* Reduces the larger absolute value of a pair until the pair obeys GP_INT8_PAIR_MAX (kernel/gemm_int8.c). */
static void fit_pair(int8_t *pair)
{
    int a = abs(pair[0]), b = abs(pair[1]), over = a + b - GP_INT8_PAIR_MAX;
    if (over <= 0) return;
    int8_t *larger = a > b ? &pair[0] : &pair[1];
    *larger = (int8_t)(*larger > 0 ? *larger - over : *larger + over);
}

/* Quantises x [d] to `out`.  Returns the squared length of the error. */
static double quantise(const float *x, size_t d, float step, bool pairs, int8_t *out)
{
    float inverse = 1 / step;
    double lost = 0;
    for (size_t j = 0; j < d; j++) {
        float v = x[j] * inverse;
        v = v < -127 ? -127 : v > 127 ? 127 : v;
        out[j] = (int8_t)(int)(v + 12582912.0f -
                               12582912.0f); /* adding and subtracting 1.5 * 2^23 rounds to the nearest whole number */
    }
    for (size_t j = 0; pairs && j + 1 < d; j += 2) fit_pair(out + j);
    for (size_t j = 0; j < d; j++) {
        double gap = (double)x[j] - (double)out[j] * (double)step;
        lost += gap * gap;
    }
    return lost;
}

static double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, gp_an_by_number);
    return x[n / 2];
}

/* Returns the quantisation step for which the median row of the sample has the smallest error from rounding and
 * clipping.  The median ignores a few long rows. */
static float best_step(const gp_knn *s, const double *mean, bool pairs, float *x, int8_t *out)
{
    static const double clips[] = {1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 12, 20, 40};
    enum { CLIPS = sizeof clips / sizeof *clips };
    size_t rows = s->n < SAMPLE ? s->n : SAMPLE, best = 0;
    double row[SAMPLE], lost[CLIPS];
    for (size_t r = 0; r < rows; r++) {
        load_centred(s, mean, r * s->n / rows, x);
        row[r] = s->kernels->dot(x, x, s->d);
    }
    double usual = sqrt(median(row, rows) / (double)s->d);
    if (!(usual > 1e-30)) return 1;
    for (size_t c = 0; c < CLIPS; c++) {
        for (size_t r = 0; r < rows; r++) {
            load_centred(s, mean, r * s->n / rows, x);
            row[r] = quantise(x, s->d, (float)(clips[c] * usual / (double)STEPS), pairs, out);
        }
        lost[c] = median(row, rows);
        if (lost[c] < lost[best]) best = c;
    }
    return (float)(clips[best] * usual / (double)STEPS);
}

/* ------------------------------------------------------------------ packing */

/* The measures of the rows, and scratch memory of the threads.  pack_row measures each row. */
typedef struct measures {
    double *mean;                  /* [d] */
    double *length;                /* [n] |x'| */
    double *size;                  /* [n] the larger of |x'| and |q| */
    double *lost_row, *lost_panel; /* [n] |x' - q|, |x' - y| */
    float *x;                      /* [threads, d] */
    int8_t *steps;                 /* [threads, width] */
    float row_step, panel_step;
    double far[FAR + 1];                   /* the largest values of `size`, in descending order */
    double most_lost_row, most_lost_panel; /* max |x' - q|, |x' - y| */
} measures;

typedef struct packing {
    gp_sq8 *c;
    const gp_knn *s;
    measures *m;
    atomic_size_t next;
} packing;

/* Quantises and measures row i. x [d] and steps [width] are scratch; steps is zero from index d on. */
static void pack_row(gp_sq8 *c, const gp_knn *s, measures *m, size_t i, float *x, int8_t *steps)
{
    size_t d = s->d;
    double square = 0;
    load_centred(s, m->mean, i, x);
    for (size_t j = 0; j < d; j++) square += (double)x[j] * (double)x[j];
    m->length[i] = sqrt(square);
    m->lost_row[i] = sqrt(quantise(x, d, m->row_step, false, steps));
    double q2 = 0;
    for (size_t j = 0; j < d; j++) {
        c->rows[i * c->width + j] = (uint8_t)(steps[j] + ZERO_POINT);
        q2 += (double)(steps[j] * steps[j]);
    }
    m->size[i] = fmax(m->length[i], sqrt(q2) * (double)m->row_step);
    m->lost_panel[i] = sqrt(quantise(x, d, m->panel_step, true, steps));
    int8_t *panel = c->panels + i / GP_PANEL * GP_PANEL * c->width + i % GP_PANEL * 4;
    for (size_t j = 0; j < c->width; j += 4) memcpy(panel + j * GP_PANEL, steps + j, 4);
    int32_t sum = 0;
    for (size_t j = 0; j < d; j++) sum += steps[j];
    c->sums[i] = sum;
}

/* Packs rows until no row is left; a thread takes the next free piece. */
static void pack_thread(void *user, int index)
{
    packing *p = user;
    size_t first;
    while ((first = atomic_fetch_add(&p->next, PIECE)) < p->s->n)
        for (size_t i = first; i < first + PIECE && i < p->s->n; i++)
            pack_row(p->c, p->s, p->m, i, p->m->x + (size_t)index * p->s->d, p->m->steps + (size_t)index * p->c->width);
}

static gp_status pack_rows(gp_sq8 *c, const gp_knn *s, measures *m, int threads, gp_error *err)
{
    packing p = {.c = c, .s = s, .m = m};
    gp_threads *running = NULL;
    atomic_init(&p.next, 0);
    GP_TRY(gp_threads_start(threads, pack_thread, &p, &running, err));
    gp_threads_join(running);
    return GP_OK;
}

/* Finds the largest measured lengths and errors. */
static void find_largest(const gp_knn *s, measures *m)
{
    for (size_t i = 0; i < s->n; i++) {
        double size = m->size[i];
        m->most_lost_row = fmax(m->most_lost_row, m->lost_row[i]);
        m->most_lost_panel = fmax(m->most_lost_panel, m->lost_panel[i]);
        for (size_t r = 0; r <= FAR && size > m->far[FAR]; r++)
            if (size > m->far[r]) {
                double keep = m->far[r];
                m->far[r] = size, size = keep;
            }
    }
}

/* Computes offsets and shifts of all rows, as left and as right rows. */
static void finish(gp_sq8 *c, gp_knn *s, const measures *m)
{
    bool cosine = s->metric == GP_METRIC_COSINE;
    double mean2 = 0, most = m->far[0], usual = s->n > 4 * FAR ? m->far[FAR] : most;
    for (size_t j = 0; j < s->d; j++) mean2 += m->mean[j] * m->mean[j];
    /* `slop` bounds the errors of rounding these numbers to float: the sums, the scaled sums, the added offset, the
     * shifted threshold, and x' (sq8.h) */
    double u = ldexp(1, -24), slop = u * (32 * most * most + 32 * mean2 + 16) + 1e-12;
    for (size_t i = 0; i < s->slots; i++) {
        if (i >= s->n) {
            c->row.offset[i] = c->panel.offset[i] = -INFINITY;
            c->row.shift[i] = c->panel.shift[i] = INFINITY;
            continue;
        }
        double scale = gp_knn_scale(s, s->norms[i]), size = s->norms[i] * scale, length = m->length[i];
        /* |x|^2 = |x'|^2 + 2 mean.x' + |mean|^2 */
        double with_mean = (size * size - length * length - mean2) / 2;
        double offset = cosine ? with_mean : -length * length / 2;
        /* x_i.x_j - |x_j|^2/2 = x'_i.x'_j - |x'_j|^2/2 + (|x_i|^2 - |x'_i|^2)/2; x_i.x_j = x'_i.x'_j + mean.x'_j +
         * mean.x_i */
        double own = cosine ? with_mean + mean2 : (size * size - length * length) / 2;
        /* the common bound does not hold for a row longer than `usual`, so the excess length enlarges the row's own
         * bound */
        double out = fmax(m->size[i] - usual, 0);
        double row = 1.0001 * (m->lost_row[i] * usual + out * m->most_lost_panel) + slop;
        double panel = 1.0001 * (m->lost_panel[i] * usual + out * m->most_lost_row) + slop;
        c->row.offset[i] = nextafterf((float)(offset + row), INFINITY);
        c->panel.offset[i] = nextafterf((float)(offset + panel), INFINITY);
        c->row.shift[i] = nextafterf((float)(-own - row), -INFINITY);
        c->panel.shift[i] = nextafterf((float)(-own - panel), -INFINITY);
        c->scales[i] = (float)scale;
    }
}

static gp_status allocate(gp_sq8 *c, gp_knn *s, measures *m, size_t threads, gp_error *err)
{
    static const char what[] = "neighbours";
    size_t rows = (s->n + GP_QUERIES - 1) / GP_QUERIES * GP_QUERIES;
    s->slots = rows, c->width = (s->d + 3) / 4 * 4;
    GP_TRY(gp_alloc_aligned((void **)&c->rows, rows * c->width, 1, what, err));
    GP_TRY(gp_alloc_aligned((void **)&c->panels, rows * c->width, 1, what, err));
    GP_TRY(gp_alloc((void **)&c->sums, rows, sizeof *c->sums, what, err));
    GP_TRY(gp_alloc((void **)&c->scales, s->n, sizeof *c->scales, what, err));
    float **sides[] = {&c->row.offset, &c->row.shift, &c->panel.offset, &c->panel.shift};
    for (size_t i = 0; i < 4; i++) GP_TRY(gp_alloc((void **)sides[i], rows, sizeof(float), what, err));
    GP_TRY(gp_alloc((void **)&m->mean, s->d, sizeof *m->mean, what, err));
    GP_TRY(gp_alloc((void **)&m->length, s->n, sizeof *m->length, what, err));
    GP_TRY(gp_alloc((void **)&m->size, s->n, sizeof *m->size, what, err));
    GP_TRY(gp_alloc((void **)&m->lost_row, s->n, sizeof *m->lost_row, what, err));
    GP_TRY(gp_alloc((void **)&m->lost_panel, s->n, sizeof *m->lost_panel, what, err));
    GP_TRY(gp_alloc((void **)&m->x, threads * s->d, sizeof *m->x, what, err));
    GP_TRY(gp_alloc((void **)&m->steps, threads * c->width, 1, what, err));
    memset(c->rows, ZERO_POINT, rows * c->width);
    memset(c->panels, 0, rows * c->width);
    memset(c->sums, 0, rows * sizeof *c->sums);
    memset(m->steps, 0, threads * c->width);
    return GP_OK;
}

/* ------------------------------------------------------------------ is the filter selective? */

static float likeness_of(const gp_sq8 *c, const gp_knn *s, size_t i, size_t j)
{
    float product = s->kernels->dot_float(s->rows + i * s->d, s->rows + j * s->d, s->d);
    return product * (c->scales[i] * c->scales[j]) + gp_knn_offset(s, s->norms[j]);
}

/* Returns the number of rows that the int8 bounds leave as candidates of row i.  likeness [n] is scratch for the
 * similarities. */
static size_t count_candidates(const gp_sq8 *c, const gp_knn *s, size_t i, float *likeness)
{
    float tile[GP_QUERIES];
    size_t count = 0;
    for (size_t j = 0; j < s->n; j++) likeness[j] = j == i ? -INFINITY : likeness_of(c, s, i, j);
    float threshold = gp_knn_kth_largest(likeness, s->n, s->k) + c->row.shift[i];
    for (size_t at = 0; at < s->slots; at += GP_QUERIES) {
        gp_sq8_multiply(c, s->kernels, i, 1, at / GP_PANEL, GP_QUERIES / GP_PANEL, tile, GP_QUERIES);
        for (size_t o = 0; o < GP_QUERIES; o++) count += tile[o] + c->panel.offset[at + o] >= threshold;
    }
    return count;
}

/* Decides whether the int8 filter saves time, from the mean number of candidates of a few rows.  Each candidate is
 * multiplied in float on its own, which costs as much as 50 pairs in a float matrix product.  So the filter saves time
 * only if a row has at most about n / 50 candidates.  8 * k + 64 candidates more are accepted, because each row has at
 * least k. */
static gp_status is_selective(const gp_sq8 *c, const gp_knn *s, bool *selective, gp_error *err)
{
    float *likeness = NULL;
    size_t rows = s->n < SAMPLE_QUERIES ? s->n : SAMPLE_QUERIES, sum = 0;
    GP_TRY(gp_alloc((void **)&likeness, s->n, sizeof *likeness, "neighbours", err));
    for (size_t r = 0; r < rows; r++) sum += count_candidates(c, s, r * s->n / rows, likeness);
    *selective = sum / rows <= 8 * s->k + 64 + s->n / 50;
    gp_mem_free(likeness);
    return GP_OK;
}

/* Returns whether rows are so long or short that float products of unscaled rows may overflow or underflow. */
static bool extreme(const gp_knn *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->norms[i] > 1e15 || (s->norms[i] > 0 && s->norms[i] < 1e-15)) return true;
    return false;
}

gp_status gp_sq8_pack(gp_sq8 *c, gp_knn *s, int threads, bool *selective, gp_error *err)
{
    measures m = {0};
    gp_status st;
    *selective = false;
    GP_TRY_GOTO(gp_knn_measure(s, err));
    if (extreme(s)) goto out;
    GP_TRY_GOTO(allocate(c, s, &m, (size_t)threads, err));
    find_mean(s, m.mean);
    m.row_step = best_step(s, m.mean, false, m.x, m.steps);
    m.panel_step = best_step(s, m.mean, true, m.x, m.steps);
    c->scale = m.row_step * m.panel_step;
    GP_TRY_GOTO(pack_rows(c, s, &m, threads, err));
    find_largest(s, &m);
    finish(c, s, &m);
    st = is_selective(c, s, selective, err);
out:
    gp_mem_free(m.steps);
    gp_mem_free(m.x);
    gp_mem_free(m.lost_panel);
    gp_mem_free(m.lost_row);
    gp_mem_free(m.size);
    gp_mem_free(m.length);
    gp_mem_free(m.mean);
    if (st != GP_OK || !*selective) {
        gp_sq8_clear(c);
        gp_knn_clear(s);
    }
    return st;
}

void gp_sq8_clear(gp_sq8 *c)
{
    gp_mem_free(c->panel.shift);
    gp_mem_free(c->panel.offset);
    gp_mem_free(c->row.shift);
    gp_mem_free(c->row.offset);
    gp_mem_free(c->scales);
    gp_mem_free(c->sums);
    gp_mem_free(c->panels);
    gp_mem_free(c->rows);
    *c = (gp_sq8){0};
}

void gp_sq8_multiply(const gp_sq8 *c, const gp_kernels *kernels, size_t first, size_t count, size_t panel,
                     size_t panels, float *tile, size_t stride)
{
    int32_t products[GP_QUERIES * GP_QUERIES], noughts[GP_QUERIES];
    float scales[GP_QUERIES], ones[GP_QUERIES], none[GP_QUERIES] = {0};
    for (size_t i = 0; i < GP_QUERIES; i++) noughts[i] = ZERO_POINT, scales[i] = c->scale, ones[i] = 1;
    size_t size = c->width * GP_PANEL;
    kernels->gemm_int8(c->rows + first * c->width, c->width, c->panels + panel * size, size, panels, c->width, products,
                       GP_QUERIES, count);
    kernels->dequantise(products, GP_QUERIES, count, panels * GP_PANEL, noughts, scales, c->sums + panel * GP_PANEL,
                        ones, none, tile, stride);
}

/* A pair that the int8 bound does not decide: row i of the block, and the row in column o of the panel. */
typedef struct open_pair {
    uint8_t i, o;
} open_pair;

/* Prefetches row `id` while the candidate before it is multiplied.  Candidates are not consecutive in memory, so the
 * hardware does not prefetch them. */
static void prefetch_row(const gp_knn *s, size_t id)
{
    enum {
        LINE = 16,
        LINES = 12
    }; /* LINE: floats of a cache line.  LINES: lines to prefetch; the hardware prefetches the following ones */
    const float *row = s->rows + id * s->d;
    for (size_t j = 0; j < s->d && j < LINE * LINES; j += LINE) __builtin_prefetch(row + j);
}

void gp_sq8_insert_panel(const gp_sq8 *c, const gp_knn *s, const float *tile, size_t stride, gp_knn_query *queries,
                         size_t first, size_t count, size_t panel)
{
    size_t slot = panel * GP_PANEL, pairs = 0;
    const float *offset = c->panel.offset + slot, *shift = c->row.shift + first;
    float thresholds[GP_QUERIES];
    open_pair open[GP_QUERIES * GP_PANEL];
    for (size_t i = 0; i < count; i++) thresholds[i] = queries[i].threshold + shift[i];
    uint64_t reached = s->kernels->mask_rows(tile, stride, count, offset, thresholds);
    for (; reached; reached &= reached - 1) {
        size_t i = (size_t)__builtin_ctzll(reached);
        for (size_t o = 0; o < GP_PANEL; o++)
            if (tile[i * stride + o] + offset[o] >= thresholds[i] && slot + o != first + i && slot + o < s->n)
                open[pairs++] = (open_pair){(uint8_t)i, (uint8_t)o};
    }
    for (size_t p = 0; p < pairs; p++) {
        size_t i = open[p].i, o = open[p].o;
        gp_knn_query *q = &queries[i];
        if (p + 1 < pairs) prefetch_row(s, slot + open[p + 1].o);
        if (tile[i * stride + o] + offset[o] < q->threshold + shift[i])
            continue; /* the threshold has risen since the mask was computed */
        float likeness = likeness_of(c, s, first + i, slot + o);
        if (likeness >= q->threshold) gp_knn_insert(s, q, (uint32_t)(slot + o), likeness);
    }
}

void gp_sq8_insert_rows(const gp_sq8 *c, const gp_knn *s, const float *tile, size_t stride, gp_knn_query *queries,
                        size_t first, size_t count, size_t panel)
{
    size_t slot = panel * GP_PANEL, width = s->n - slot < GP_PANEL ? s->n - slot : GP_PANEL, pairs = 0;
    const float *offset = c->row.offset + first, *shift = c->panel.shift + slot;
    float thresholds[GP_PANEL];
    open_pair open[GP_QUERIES * GP_PANEL];
    for (size_t o = 0; o < GP_PANEL; o++) thresholds[o] = o < width ? queries[o].threshold + shift[o] : INFINITY;
    uint64_t reached = s->kernels->mask_columns(tile, stride, count, offset, thresholds);
    for (; reached; reached &= reached - 1) {
        size_t i = (size_t)__builtin_ctzll(reached);
        for (size_t o = 0; o < width; o++)
            if (tile[i * stride + o] + offset[i] >= thresholds[o]) open[pairs++] = (open_pair){(uint8_t)i, (uint8_t)o};
    }
    for (size_t p = 0; p < pairs; p++) {
        size_t i = open[p].i, o = open[p].o;
        gp_knn_query *q = &queries[o];
        if (p + 1 < pairs) prefetch_row(s, slot + open[p + 1].o);
        if (tile[i * stride + o] + offset[i] < q->threshold + shift[o]) continue;
        float likeness = likeness_of(c, s, slot + o, first + i);
        if (likeness >= q->threshold) gp_knn_insert(s, q, (uint32_t)(first + i), likeness);
    }
}
