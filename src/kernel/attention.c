/* SPDX-License-Identifier: MIT
 * Softmax attention of one head over one sequence, a few queries at a time:
 *
 *     k [t, e] -- packed once -> kt panels [ceil(t/16)][e][16], the transpose of k
 *     v [t, e] -- packed once -> v  panels [ceil(e/16)][t][16]
 *     s [QUERIES, t] = scale * q kt -> e^(s - max) -> out [QUERIES, e] = s v / sum
 *
 * Rows of k and v are three tower widths apart in memory.  At this distance they share a few sets of the L1 cache, so
 * only a few of them stay in it (docs/performance.md); the panels avoid this.  The scores of QUERIES queries fit in the
 * L1 cache (t <= 577 for current models), so the simple two-pass softmax is as fast as a running one.  Each number is a
 * sum in order of its index, whatever the tile, so a query's result does not depend on the other queries.  Keys that a
 * causal query must not see have weight exactly 0. */
#include "kernel/exp.h"
#include "kernel/simd.h"
#include "kernel/reference.h"

#include <math.h>
#include <string.h>

enum { QUERIES = GP_ATTENTION_QUERIES, PANEL = GP_PANEL, TILE = 2 * GP_LANES, SUMS = 8 };

/* k is transposed in blocks of 4 x 4, whatever GP_LANES is */
typedef float four __attribute__((vector_size(16)));
typedef float four_at __attribute__((vector_size(16), aligned(4), may_alias));

/* to[i*16 + j] = k[j * stride + i] for i, j < 4. */
static inline void transpose_four(const float *k, size_t stride, float *to)
{
    four a = *(const four_at *)k, b = *(const four_at *)(k + stride);
    four c = *(const four_at *)(k + 2 * stride), d = *(const four_at *)(k + 3 * stride);
    four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four_at *)to = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(four_at *)(to + PANEL) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(four_at *)(to + 2 * PANEL) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(four_at *)(to + 3 * PANEL) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* Packs k [t, e] to the panels kt.  In the last panel, columns from t on are zero. */
static void pack_keys(const float *k, size_t stride, size_t t, size_t e, float *kt)
{
    for (size_t j = 0; j < t; j += 4) {
        float *to = kt + j / PANEL * PANEL * e + j % PANEL;
        size_t i = 0;
        for (; j + 4 <= t && i + 4 <= e; i += 4) transpose_four(k + j * stride + i, stride, to + i * PANEL);
        for (; i < e; i++)
            for (size_t c = 0; c < 4; c++) to[i * PANEL + c] = j + c < t ? k[(j + c) * stride + i] : 0.0f;
    }
    for (size_t j = (t + 3) / 4 * 4; j % PANEL != 0; j += 4)
        for (size_t i = 0; i < e; i++) memset(kt + j / PANEL * PANEL * e + i * PANEL + j % PANEL, 0, sizeof(four));
}

/* Packs v [t, e] to panels.  In the last panel, columns from e on are zero. */
static void pack_values(const float *v, size_t stride, size_t t, size_t e, float *panels)
{
    for (size_t i = 0; i < e; i += PANEL) {
        size_t some = e - i < PANEL ? e - i : PANEL;
        float *to = panels + i * t;
        for (size_t j = 0; j < t; j++) {
            if (some < PANEL) memset(to + j * PANEL, 0, PANEL * sizeof *to);
            memcpy(to + j * PANEL, v + j * stride + i, some * sizeof *to);
        }
    }
}

/* Computes a tile of products: to[r][0..TILE-1] = (sum_i x[r][i] * panel[i][0..TILE-1]) * scale[r] */
static inline void tile(const float *const x[QUERIES], const float *panel, size_t in, const float scale[QUERIES],
                        float *const to[QUERIES])
{
    gp_vec low[QUERIES] = {{0}}, high[QUERIES] = {{0}};
    for (size_t i = 0; i < in; i++) {
        gp_vec p_low = GP_LANES_AT(panel + i * PANEL), p_high = GP_LANES_AT(panel + i * PANEL + GP_LANES);
        for (size_t r = 0; r < QUERIES; r++) {
            low[r] += x[r][i] * p_low;
            high[r] += x[r][i] * p_high;
        }
    }
    for (size_t r = 0; r < QUERIES; r++) {
        GP_LANES_PUT(to[r], low[r] * scale[r]);
        GP_LANES_PUT(to[r] + GP_LANES, high[r] * scale[r]);
    }
}

/* Computes the weights of the softmax before normalisation: s[j] becomes e^(s[j] - max) for j < seen, and 0 for the
 * other columns.  seen: number of keys that the query attends to.  Returns the sum of the weights, computed as eight
 * partial sums that are added in a fixed order. */
static float softmax_row(float *s, size_t seen, size_t columns)
{
    float lane[SUMS], sum[SUMS] = {0}, max = s[0];
    for (size_t j = seen; j < columns; j++) s[j] = -INFINITY;
    for (size_t c = 0; c < SUMS; c++) lane[c] = s[c];
    for (size_t j = SUMS; j < columns; j += SUMS)
        for (size_t c = 0; c < SUMS; c++) lane[c] = lane[c] > s[j + c] ? lane[c] : s[j + c];
    for (size_t c = 0; c < SUMS; c++) max = max > lane[c] ? max : lane[c];
    for (size_t j = 0; j < columns; j++) s[j] = exp_clamp(s[j] - max);
    for (size_t j = 0; j < columns; j++) s[j] = exp_fast(s[j]);
    for (size_t j = seen; j < columns; j++) s[j] = 0.0f;
    for (size_t j = 0; j < columns; j += SUMS)
        for (size_t c = 0; c < SUMS; c++) sum[c] += s[j + c];
    return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

/* Computes out[r] = inverse[r] * s[r] v, one tile of columns at a time.  If the last tile is wider than the rest of
 * `out`, the tile is computed in `last`, and the part that fits is copied to `out`. */
static void weigh(float *const s[QUERIES], const float *values, size_t t, size_t seen, const float *inverse,
                  float *const out[QUERIES], size_t e)
{
    float last[QUERIES][TILE], *to[QUERIES];
    for (size_t i = 0; i < e; i += TILE) {
        bool whole = i + TILE <= e;
        for (size_t r = 0; r < QUERIES; r++) to[r] = whole ? out[r] + i : last[r];
        tile((const float *const *)s, values + i / PANEL * PANEL * t + i % PANEL, seen, inverse, to);
        for (size_t r = 0; !whole && r < QUERIES; r++) memcpy(out[r] + i, last[r], (e - i) * sizeof *out[r]);
    }
}

void gp_attend_c(const gp_attention *a)
{
    const size_t stride = (a->t + PANEL - 1) / PANEL * PANEL, all = a->causal ? a->first_position + a->rows : a->t;
    float *keys = a->scratch, *values = keys + a->e * stride;
    float *scores = values + (a->e + PANEL - 1) / PANEL * PANEL * a->t;
    pack_keys(a->k, a->kv_stride, all, a->e, keys);
    pack_values(a->v, a->kv_stride, all, a->e, values);
    for (size_t row = 0; row < a->rows; row += QUERIES) {
        /* if the last group has fewer than QUERIES queries, its last query is computed several times to fill the
         * group */
        const float *q[QUERIES];
        float *out[QUERIES], *s[QUERIES], scale[QUERIES], inverse[QUERIES];
        size_t seen[QUERIES], widest = 0;
        for (size_t r = 0; r < QUERIES; r++) {
            size_t at = row + r < a->rows ? row + r : a->rows - 1;
            q[r] = a->q + at * a->q_stride;
            out[r] = a->out + at * a->out_stride;
            s[r] = scores + r * stride;
            scale[r] = a->scale;
            seen[r] = a->causal ? a->first_position + at + 1 : a->t;
            widest = seen[r] > widest ? seen[r] : widest;
        }
        size_t columns = (widest + TILE - 1) / TILE * TILE;
        for (size_t j = 0; j < columns; j += TILE) {
            float *to[QUERIES];
            for (size_t r = 0; r < QUERIES; r++) to[r] = s[r] + j;
            tile(q, keys + j / PANEL * PANEL * a->e + j % PANEL, a->e, scale, to);
        }
        for (size_t r = 0; r < QUERIES; r++) inverse[r] = 1.0f / softmax_row(s[r], seen[r], columns);
        weigh(s, values, all, widest, inverse, out, a->e);
    }
}
