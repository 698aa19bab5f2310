/* SPDX-License-Identifier: MIT
 * Resamples RGB pixels with exactly the same result as Pillow.
 *
 * For one axis of n inputs and m outputs, let s = n/m and f = max(s, 1). Output x has its centre at c = (x + 0.5) s. It
 * reads the inputs j with |j + 0.5 - c| < support * f. The weight of input j is k((j + 0.5 - c) / f), divided by the
 * sum of the weights (so an edge needs no padding), and rounded to an integer with 22 fractional bits.
 *
 * The horizontal pass comes first, except for tall images (see both_passes). The result of the first pass is rounded
 * to bytes before the second pass. A pass is skipped if its size does not change. Only the requested window is
 * computed, and of the first pass only the pixels that the second pass reads. The rules were measured on Pillow
 * (Image.resize without reducing_gap or box); golden values are in tests/golden/images. */
#include "image/resize.h"
#include "base/mem.h"
#include "kernel/kernel.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { WEIGHT_BITS = 22 };

/* Weights of n consecutive output pixels along one axis. */
typedef struct axis_weights {
    int32_t *first, *count; /* [n] for each output: its first input, and the number of its inputs */
    int32_t *weight;        /* [n, taps] */
    size_t taps;
} axis_weights;

/* Keys' cubic with a = -0.5, as in Pillow and PyTorch. */
static double bicubic(double t)
{
    t = fabs(t);
    if (t < 1.0) return (1.5 * t - 2.5) * t * t + 1.0;
    return t < 2.0 ? (((t - 5.0) * t + 8.0) * t - 4.0) * -0.5 : 0.0;
}

static double bilinear(double t)
{
    t = fabs(t);
    return t < 1.0 ? 1.0 - t : 0.0;
}

static double sinc(double t)
{
    t *= 3.14159265358979323846;
    return t == 0.0 ? 1.0 : sin(t) / t;
}

static double lanczos(double t)
{
    return t >= -3.0 && t < 3.0 ? sinc(t) * sinc(t / 3.0) : 0.0;
}

static double box(double t)
{
    return t > -0.5 && t <= 0.5 ? 1.0 : 0.0;
}

typedef double (*filter_fn)(double t);

static filter_fn filter_of(gp_resample_filter filter, double *support)
{
    switch (filter) {
    case GP_FILTER_BILINEAR: *support = 1.0; return bilinear;
    case GP_FILTER_LANCZOS: *support = 3.0; return lanczos;
    case GP_FILTER_BOX: *support = 0.5; return box;
    case GP_FILTER_BICUBIC: break;
    }
    *support = 2.0;
    return bicubic;
}

static void axis_clear(axis_weights *a)
{
    gp_mem_free(a->weight);
    gp_mem_free(a->count);
    gp_mem_free(a->first);
    *a = (axis_weights){0};
}

/* Rounds the weights to 22 fractional bits. Returns false if a sum of bytes with these weights could overflow 32 bits.
 * The positive weights may sum to at most 2. No present filter comes near this limit; with bicubic the sum is 1.3. The
 * check protects the kernels from filters added later. */
static bool to_integers(const double *k, double total, size_t n, int32_t *q)
{
    const double one = 1 << WEIGHT_BITS;
    int64_t plus = 1 << (WEIGHT_BITS - 1), minus = 0;
    for (size_t j = 0; j < n; j++) {
        double v = total != 0.0 ? k[j] / total : k[j];
        if (!(fabs(v) < 256.0)) return false;
        q[j] = (int32_t)(v < 0 ? v * one - 0.5 : v * one + 0.5);
        if (q[j] < 0)
            minus += (int64_t)q[j] * 255;
        else
            plus += (int64_t)q[j] * 255;
    }
    return plus <= INT32_MAX && minus >= INT32_MIN;
}

static gp_status axis_init(axis_weights *a, uint32_t in, uint32_t out, uint32_t from, uint32_t n,
                           gp_resample_filter filter, gp_error *err)
{
    gp_status st;
    double support, *k = NULL;
    filter_fn fn = filter_of(filter, &support);
    const double scale = (double)in / out, stretch = scale > 1.0 ? scale : 1.0, inverse = 1.0 / stretch;
    support *= stretch;
    const size_t max_taps = (size_t)ceil(support) * 2 + 1, taps = max_taps < in ? max_taps : in;
    *a = (axis_weights){.taps = taps};
    GP_TRY_GOTO(gp_alloc((void **)&a->first, n, sizeof *a->first, "resize", err));
    GP_TRY_GOTO(gp_alloc((void **)&a->count, n, sizeof *a->count, "resize", err));
    size_t cells;
    if (!gp_size_mul(n, taps, &cells))
        GP_TRY_GOTO(gp_fail(err, GP_ERR_LIMIT,
                            "cannot resize an image side to %u pixels: the filter needs too many weights",
                            (unsigned)n));
    GP_TRY_GOTO(gp_alloc((void **)&a->weight, cells, sizeof *a->weight, "weights of resize", err));
    GP_TRY_GOTO(gp_alloc((void **)&k, taps, sizeof *k, "resize", err));
    for (uint32_t i = 0; i < n; i++) {
        const double centre = ((double)from + i + 0.5) * scale;
        const double low = centre - support + 0.5, high = centre + support + 0.5;
        const int64_t lo = low > 0.0 ? (int64_t)low : 0, hi = high < in ? (int64_t)high : in;
        assert(hi > lo && (size_t)(hi - lo) <= taps);
        double total = 0.0;
        for (int64_t j = lo; j < hi; j++) {
            k[j - lo] = fn(((double)j - centre + 0.5) * inverse);
            total += k[j - lo];
        }
        a->first[i] = (int32_t)lo;
        a->count[i] = (int32_t)(hi - lo);
        if (!to_integers(k, total, (size_t)(hi - lo), a->weight + i * taps))
            GP_TRY_GOTO(gp_fail(err, GP_ERR_LIMIT, "cannot resize an image: a weight of the filter is out of range"));
    }
    st = GP_OK;
out:
    gp_mem_free(k);
    if (st != GP_OK) axis_clear(a);
    return st;
}

/* State of a call. x, y, w, h: the window of the output that is computed. */
typedef struct job {
    const uint8_t *in; /* [in_h, in_w, 3] */
    uint32_t in_w, in_h, out_w, out_h, x, y, w, h;
    axis_weights across, down; /* weights of the horizontal and the vertical pass; empty if the pass is skipped */
} job;

/* The outputs of an axis read the inputs first_input() .. first_input() + input_count() - 1. The first output reads
 * the first of these inputs, and the last output reads the last. */
static size_t first_input(const axis_weights *a)
{
    return (size_t)a->first[0];
}
static size_t input_count(const axis_weights *a, uint32_t n)
{
    return (size_t)(a->first[n - 1] + a->count[n - 1] - a->first[0]);
}

/* Horizontal pass -> out [n, w, 3]. Input: `n` rows of `width` pixels, `stride` bytes apart; the first pixel of a row
 * is in column `left` of the image. Changes a->first, so call this function once per job. */
static void pass_across(const job *t, const uint8_t *rows, size_t stride, size_t left, size_t width, size_t n,
                        uint8_t *out)
{
    const axis_weights *a = &t->across;
    for (uint32_t i = 0; left > 0 && i < t->w; i++) a->first[i] -= (int32_t)left;
    gp_kernel_table()->resample_h(rows, stride, width, out, (size_t)t->w * 3, n, t->w, a->first, a->count, a->weight,
                                  a->taps);
}

/* Vertical pass -> out [h, width]. Input: rows of `width` bytes, `stride` bytes apart; the first one is row `top` of
 * the image. */
static void pass_down(const job *t, const uint8_t *rows, size_t stride, size_t top, size_t width, uint8_t *out)
{
    const axis_weights *a = &t->down;
    for (uint32_t r = 0; r < t->h; r++)
        gp_kernel_table()->resample_v(rows, stride, out + r * width, width, a->first[r] - (int32_t)top, a->count[r],
                                      a->weight + r * a->taps);
}

/* Runs both passes. As in Pillow 13, the vertical pass comes first if the height shrinks by more than twice as many
 * pixels as the width. */
static gp_status both_passes(const job *t, uint8_t *out, gp_error *err)
{
    const size_t in_row = (size_t)t->in_w * 3, out_row = (size_t)t->w * 3;
    const size_t left = first_input(&t->across), cols = input_count(&t->across, t->w);
    const size_t top = first_input(&t->down), rows = input_count(&t->down, t->h);
    const bool down_first =
        t->in_h > t->out_h && (int64_t)t->in_h - t->out_h > 2 * ((int64_t)t->in_w - (int64_t)t->out_w);
    uint8_t *between = NULL;
    if (down_first) { /* between [h, cols, 3] */
        GP_TRY(gp_alloc((void **)&between, t->h, cols * 3, "resize", err));
        pass_down(t, t->in + top * in_row + left * 3, in_row, top, cols * 3, between);
        pass_across(t, between, cols * 3, left, cols, t->h, out);
    } else { /* between [rows, w, 3] */
        GP_TRY(gp_alloc((void **)&between, rows, out_row, "resize", err));
        pass_across(t, t->in + top * in_row, in_row, 0, t->in_w, rows, between);
        pass_down(t, between, out_row, top, out_row, out);
    }
    gp_mem_free(between);
    return GP_OK;
}

gp_status gp_resize_rgb_window(const uint8_t *in, uint32_t in_w, uint32_t in_h, uint8_t *out, uint32_t out_w,
                               uint32_t out_h, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                               gp_resample_filter filter, gp_error *err)
{
    gp_status st = GP_OK;
    job t = {.in = in, .in_w = in_w, .in_h = in_h, .out_w = out_w, .out_h = out_h, .x = x, .y = y, .w = w, .h = h};
    if (in_w == 0 || in_h == 0 || in_w > INT32_MAX || in_h > INT32_MAX || out_w > INT32_MAX || out_h > INT32_MAX)
        return gp_fail(err, GP_ERR_LIMIT, "cannot resize %ux%u to %ux%u pixels: each side must be 1 to 2147483647",
                       in_w, in_h, out_w, out_h);
    assert(w > 0 && h > 0 && x <= out_w && w <= out_w - x && y <= out_h && h <= out_h - y);
    const size_t row = (size_t)in_w * 3;
    if (in_w != out_w) GP_TRY_GOTO(axis_init(&t.across, in_w, out_w, x, w, filter, err));
    if (in_h != out_h) GP_TRY_GOTO(axis_init(&t.down, in_h, out_h, y, h, filter, err));
    if (in_w != out_w && in_h != out_h) {
        GP_TRY_GOTO(both_passes(&t, out, err));
    } else if (in_w != out_w) {
        pass_across(&t, in + y * row, row, 0, in_w, h, out);
    } else if (in_h != out_h) {
        pass_down(&t, in + (size_t)x * 3, row, 0, (size_t)w * 3, out);
    } else {
        for (size_t r = 0; r < h; r++) memcpy(out + r * w * 3, in + (y + r) * row + (size_t)x * 3, (size_t)w * 3);
    }
out:
    axis_clear(&t.down);
    axis_clear(&t.across);
    return st;
}

gp_status gp_resize_rgb(const uint8_t *in, uint32_t in_w, uint32_t in_h, uint8_t *out, uint32_t out_w, uint32_t out_h,
                        gp_resample_filter filter, gp_error *err)
{
    return gp_resize_rgb_window(in, in_w, in_h, out, out_w, out_h, 0, 0, out_w, out_h, filter, err);
}
