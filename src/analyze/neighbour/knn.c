/* SPDX-License-Identifier: MIT
 * Packs rows for matrix products, and keeps candidate lists that never lose a true neighbour. */
#include "analyze/neighbour/knn.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ packing */

static double norm_of(const gp_kernels *kernels, const float *x, size_t d)
{
    return sqrt(kernels->dot(x, x, d));
}

gp_status gp_knn_check(const float *x, size_t n, size_t d, const char *what, gp_error *err)
{
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t j = 0; j < d; j++) sum += x[i * d + j] * 0;
        if (sum != 0 || isnan(sum))
            return gp_fail(err, GP_ERR_FORMAT, "%s %zu contains a number that is not finite (NaN or infinite)", what,
                           i);
    }
    return GP_OK;
}

static double norm_at(const gp_knn *s, size_t i)
{
    double sum = 0;
    if (!s->wide) return norm_of(s->kernels, s->rows + i * s->d, s->d);
    for (size_t j = 0; j < s->d; j++) sum += s->wide[i * s->d + j] * s->wide[i * s->d + j];
    return sqrt(sum);
}

gp_status gp_knn_measure(gp_knn *s, gp_error *err)
{
    double rows = 0, most = 0;
    GP_TRY(gp_alloc((void **)&s->norms, s->n, sizeof(double), "neighbours", err));
    for (size_t i = 0; i < s->n; i++) {
        s->norms[i] = norm_at(s, i);
        rows = fmax(rows, s->norms[i]);
    }
    most = rows;
    if (!s->self && s->metric == GP_METRIC_EUCLIDEAN)
        for (size_t i = 0; i < s->m; i++) most = fmax(most, norm_of(s->kernels, s->queries + i * s->d, s->d));
    s->scale = most > 0 ? 1 / most : 1;
    s->max_norm = s->metric == GP_METRIC_COSINE ? 1 : rows * s->scale;
    return GP_OK;
}

float gp_knn_offset(const gp_knn *s, double norm)
{
    double length = norm * s->scale;
    return s->metric == GP_METRIC_COSINE ? 0 : (float)(-length * length / 2);
}

double gp_knn_scale(const gp_knn *s, double norm)
{
    return s->metric == GP_METRIC_EUCLIDEAN ? s->scale : norm > 0 ? 1 / norm : 0;
}

static void pack_slot(gp_knn *s, size_t slot, size_t row)
{
    float *panel = s->panels + slot / GP_PANEL * GP_PANEL * s->d + slot % GP_PANEL;
    bool empty = row >= s->n;
    double norm = empty ? 0 : s->norms[row], scale = gp_knn_scale(s, norm);
    for (size_t j = 0; j < s->d; j++) {
        double value = empty ? 0 : s->wide ? s->wide[row * s->d + j] : (double)s->rows[row * s->d + j];
        panel[j * GP_PANEL] = (float)(value * scale);
    }
    s->offset[slot] = empty ? -INFINITY : gp_knn_offset(s, norm);
}

gp_status gp_knn_pack(gp_knn *s, gp_error *err)
{
    if (!s->slots) s->slots = (s->n + GP_PANEL - 1) / GP_PANEL * GP_PANEL;
    GP_TRY(gp_knn_measure(s, err));
    GP_TRY(gp_alloc_aligned((void **)&s->panels, s->slots * s->d, sizeof(float), "neighbours", err));
    GP_TRY(gp_alloc_aligned((void **)&s->offset, s->slots, sizeof(float), "neighbours", err));
    for (size_t i = 0; i < s->slots; i++) pack_slot(s, i, s->row_at ? s->row_at[i] : i);
    return GP_OK;
}

void gp_knn_clear(gp_knn *s)
{
    gp_mem_free(s->norms);
    gp_mem_free(s->offset);
    gp_mem_free(s->panels);
    s->norms = NULL, s->offset = s->panels = NULL;
}

/* ------------------------------------------------------------------ one query */

/* Returns the exact distance of query i from row `id`. */
static double exact_distance(const gp_knn *s, size_t i, double norm, uint32_t id)
{
    size_t d = s->d;
    const float *x = s->wide ? NULL : s->queries + i * d, *y = s->wide ? NULL : s->rows + id * d;
    const double *wx = s->wide ? s->wide + i * d : NULL, *wy = s->wide ? s->wide + id * d : NULL;
    double sum = 0;
    if (s->metric == GP_METRIC_COSINE) {
        double both = norm * s->norms[id];
        if (!s->wide)
            sum = s->kernels->dot(x, y, d);
        else
            for (size_t j = 0; j < d; j++) sum += wx[j] * wy[j];
        return both > 0 ? 1 - sum / both : 1;
    }
    if (!s->wide) return sqrt(s->kernels->distance2(x, y, d));
    for (size_t j = 0; j < d; j++) sum += (wx[j] - wy[j]) * (wx[j] - wy[j]);
    return sqrt(sum);
}

static int by_distance(const void *a, const void *b)
{
    const gp_knn_hit *p = a, *q = b;
    if (p->distance != q->distance) return p->distance < q->distance ? -1 : 1;
    return (p->id > q->id) - (p->id < q->id);
}

/* Quickselect (Hoare 1961). */
float gp_knn_kth_largest(float *x, size_t n, size_t k)
{
    size_t low = 0, high = n - 1, at = k - 1;
    while (low < high) {
        float pivot = x[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i >= j) break;
            float keep = x[i];
            x[i++] = x[j], x[j--] = keep;
        }
        if (at <= j)
            high = j;
        else
            low = j + 1;
    }
    return x[at];
}

/* Reduces the list to the k nearest candidates by exact distance, in order. */
static void settle(const gp_knn *s, gp_knn_query *q)
{
    for (uint32_t c = 0; c < q->count; c++)
        if (isnan(q->list[c].distance)) q->list[c].distance = exact_distance(s, q->i, q->norm, q->list[c].id);
    qsort(q->list, q->count, sizeof *q->list, by_distance);
    if (q->count > s->k) q->count = (uint32_t)s->k;
}

/* Makes room in the list: removes each candidate that is less similar than k other candidates by more than the rounding
 * bound.  If too many candidates remain, compares exact distances. */
static void prune(const gp_knn *s, gp_knn_query *q)
{
    enum { MOST = 4096 };
    float likeness[MOST];
    uint32_t kept = 0;
    if (q->count <= s->k) return;
    if (q->count <= MOST) {
        for (uint32_t c = 0; c < q->count; c++) likeness[c] = q->list[c].likeness;
        float cut = gp_knn_kth_largest(likeness, q->count, s->k) - 2 * q->margin;
        if (cut > q->threshold) q->threshold = cut;
        for (uint32_t c = 0; c < q->count; c++)
            if (q->list[c].likeness >= q->threshold) q->list[kept++] = q->list[c];
        q->count = kept;
    }
    if (q->count > s->full - s->full / 4) settle(s, q);
}

void gp_knn_insert(const gp_knn *s, gp_knn_query *q, uint32_t id, float likeness)
{
    q->list[q->count++] = (gp_knn_hit){.distance = NAN, .likeness = likeness, .id = id};
    if (q->count >= s->full) prune(s, q);
}

/* ------------------------------------------------------------------ blocks */

void gp_knn_begin(const gp_knn *s, gp_knn_query *q, gp_knn_hit *list, size_t i)
{
    bool cosine = s->metric == GP_METRIC_COSINE;
    double norm = s->self ? s->norms[i] : norm_of(s->kernels, s->queries + i * s->d, s->d);
    double length = norm * gp_knn_scale(s, norm), u = ldexp(1, -24), most = s->max_norm;
    /* `margin` bounds the sum of all rounding errors.  The term with d + 8 bounds the errors of the product and of
     * packing both rows to float.  The next term bounds the errors of the offset and of its addition.  The term with
     * 1e-14 bounds the errors of the computations in double. */
    double margin =
        1.01 * u * (((double)s->d + 8) * length * most + (cosine ? 2 : 2 * most * most + 2 * length * most)) +
        1e-14 * (length + most) * (length + most);
    *q = (gp_knn_query){.list = list,
                        .i = (uint32_t)i,
                        .threshold = -INFINITY,
                        .margin = nextafterf((float)margin, INFINITY),
                        .norm = norm};
}

void gp_knn_load(const gp_knn *s, size_t i, float *x)
{
    double norm = s->self ? s->norms[i] : norm_of(s->kernels, s->queries + i * s->d, s->d),
           scale = gp_knn_scale(s, norm);
    for (size_t j = 0; j < s->d; j++)
        x[j] = (float)((s->wide ? s->wide[i * s->d + j] : (double)s->queries[i * s->d + j]) * scale);
}

void gp_knn_multiply(const gp_knn *s, const float *x, size_t count, size_t panel, float *tile, size_t stride)
{
    const float *p = s->panels + panel * GP_PANEL * s->d;
    for (size_t i = 0; i < count; i++) memset(tile + i * stride, 0, GP_PANEL * sizeof *tile);
    for (size_t at = 0; at < s->d; at += GP_DEPTH) {
        size_t depth = s->d - at < GP_DEPTH ? s->d - at : GP_DEPTH;
        s->kernels->gemm(x + at, s->d, p + at * GP_PANEL, depth, tile, stride, count);
    }
}

void gp_knn_insert_panel(const gp_knn *s, const float *tile, size_t stride, gp_knn_query *const *queries, size_t count,
                         size_t panel)
{
    const float *offset = s->offset + panel * GP_PANEL;
    float thresholds[GP_QUERIES];
    for (size_t i = 0; i < count; i++) thresholds[i] = queries[i]->threshold;
    uint64_t reached = s->kernels->mask_rows(tile, stride, count, offset, thresholds);
    for (; reached; reached &= reached - 1) {
        size_t i = (size_t)__builtin_ctzll(reached);
        const float *row = tile + i * stride;
        gp_knn_query *q = queries[i];
        for (unsigned o = 0; o < GP_PANEL; o++) {
            size_t slot = panel * GP_PANEL + o, id = s->row_at ? s->row_at[slot] : slot;
            if (row[o] + offset[o] < q->threshold || id >= s->n || (s->self && id == q->i)) continue;
            gp_knn_insert(s, q, (uint32_t)id, row[o] + offset[o]);
        }
    }
}

void gp_knn_end(const gp_knn *s, gp_knn_query *q, uint32_t *ids, float *distances)
{
    prune(s, q);
    settle(s, q);
    for (size_t j = 0; j < s->k; j++) ids[j] = q->list[j].id, distances[j] = (float)q->list[j].distance;
}
