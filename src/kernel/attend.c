/* SPDX-License-Identifier: MIT
 * Softmax attention of one head over one sequence, four queries at a time:
 *
 *     k [t,e] -- transposed once -> kt [e,t]      (so that a row of scores is a sum of scaled rows of kt)
 *     s [4,t] = scale * q kt -> e^(s - max) -> out [4,e] = s v / sum
 *
 * The whole score rows fit in the first-level cache (t <= 577 for the models of today), so the two-pass softmax is
 * simpler than a running one and no slower.  Every number is a sum in order of its index (k over e, then v over t),
 * whatever the tile, so a query's result does not depend on its neighbours.  Columns that a causal row must not see
 * weigh exactly zero. */
#include "kernel/exp.h"
#include "kernel/lanes.h"
#include "kernel/twins.h"

#include <math.h>

enum { QUERIES = 4, TILE = 2 * GP_LANES, SUMS = 8 };

static size_t rounded(size_t t)
{
    return (t + 15) / 16 * 16;
}

/* kt [e, stride] from k [t, e]; columns t .. stride-1 are zero. */
static void transpose(const float *k, size_t kv_stride, size_t t, size_t e, float *kt, size_t stride)
{
    for (size_t j = 0; j < t; j++)
        for (size_t i = 0; i < e; i++) kt[i * stride + j] = k[j * kv_stride + i];
    for (size_t i = 0; i < e; i++)
        for (size_t j = t; j < stride; j++) kt[i * stride + j] = 0.0f;
}

/* s[r][j] = scale * q[r].k[j] for four queries and the columns 0..columns-1 (a multiple of TILE). */
static void scores(const float *const q[QUERIES], const float *kt, size_t stride, size_t e, size_t columns, float scale,
                   float *s)
{
    for (size_t j = 0; j < columns; j += TILE) {
        gp_lanes low[QUERIES] = {{0}}, high[QUERIES] = {{0}};
        for (size_t i = 0; i < e; i++) {
            gp_lanes k_low = GP_LANES_AT(kt + i * stride + j), k_high = GP_LANES_AT(kt + i * stride + j + GP_LANES);
            for (size_t r = 0; r < QUERIES; r++) {
                low[r] += q[r][i] * k_low;
                high[r] += q[r][i] * k_high;
            }
        }
        for (size_t r = 0; r < QUERIES; r++) {
            GP_LANES_PUT(s + r * stride + j, low[r] * scale);
            GP_LANES_PUT(s + r * stride + j + GP_LANES, high[r] * scale);
        }
    }
}

/* e^(s - max) over the first `seen` columns, zero in the rest; returns the sum, taken in order in eight lanes. */
static float softmax_row(float *s, size_t seen, size_t columns)
{
    float lane[SUMS], sum[SUMS] = {0}, max = s[0];
    for (size_t j = seen; j < columns; j++) s[j] = -INFINITY;
    for (size_t c = 0; c < SUMS; c++) lane[c] = s[c];
    for (size_t j = SUMS; j < columns; j += SUMS)
        for (size_t c = 0; c < SUMS; c++) lane[c] = lane[c] > s[j + c] ? lane[c] : s[j + c];
    for (size_t c = 0; c < SUMS; c++) max = max > lane[c] ? max : lane[c];
    for (size_t j = 0; j < columns; j++) s[j] = exp_cut(s[j] - max);
    for (size_t j = 0; j < columns; j++) s[j] = exp_fast(s[j]);
    for (size_t j = seen; j < columns; j++) s[j] = 0.0f;
    for (size_t j = 0; j < columns; j += SUMS)
        for (size_t c = 0; c < SUMS; c++) sum[c] += s[j + c];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* out[r] = inverse[r] * sum_j s[r][j] v[j]: a tile of columns of v at a time, then what is left one by one. */
static void weigh(const float *s, size_t stride, const float *v, size_t kv_stride, size_t seen, const float *inverse,
                  float *const out[QUERIES], size_t e)
{
    size_t i = 0;
    for (; i + TILE <= e; i += TILE) {
        gp_lanes low[QUERIES] = {{0}}, high[QUERIES] = {{0}};
        for (size_t j = 0; j < seen; j++) {
            gp_lanes v_low = GP_LANES_AT(v + j * kv_stride + i), v_high = GP_LANES_AT(v + j * kv_stride + i + GP_LANES);
            for (size_t r = 0; r < QUERIES; r++) {
                low[r] += s[r * stride + j] * v_low;
                high[r] += s[r * stride + j] * v_high;
            }
        }
        for (size_t r = 0; r < QUERIES; r++) {
            GP_LANES_PUT(out[r] + i, low[r] * inverse[r]);
            GP_LANES_PUT(out[r] + i + GP_LANES, high[r] * inverse[r]);
        }
    }
    for (; i < e; i++)
        for (size_t r = 0; r < QUERIES; r++) {
            float sum = 0.0f;
            for (size_t j = 0; j < seen; j++) sum += s[r * stride + j] * v[j * kv_stride + i];
            out[r][i] = sum * inverse[r];
        }
}

void gp_attend_c(const gp_attention *a)
{
    size_t stride = rounded(a->t);
    float *kt = a->scratch, *s = a->scratch + a->e * stride;
    size_t all = a->causal ? a->from + a->rows : a->t;
    transpose(a->k, a->kv_stride, all, a->e, kt, stride);
    for (size_t row = 0; row < a->rows; row += QUERIES) {
        /* A short last group computes its last query several times over. */
        const float *q[QUERIES];
        float *out[QUERIES], inverse[QUERIES];
        size_t seen[QUERIES], widest = 0;
        for (size_t r = 0; r < QUERIES; r++) {
            size_t at = row + r < a->rows ? row + r : a->rows - 1;
            q[r] = a->q + at * a->q_stride;
            out[r] = a->out + at * a->out_stride;
            seen[r] = a->causal ? a->from + at + 1 : a->t;
            widest = seen[r] > widest ? seen[r] : widest;
        }
        size_t columns = (widest + TILE - 1) / TILE * TILE;
        scores(q, kt, stride, a->e, columns, a->scale, s);
        for (size_t r = 0; r < QUERIES; r++) inverse[r] = 1.0f / softmax_row(s + r * stride, seen[r], columns);
        weigh(s, stride, a->v, a->kv_stride, widest, inverse, out, a->e);
    }
}
