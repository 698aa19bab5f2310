/* SPDX-License-Identifier: MIT
 * Checks and times the kernels: every entry of every table that this machine can run, with random shapes, odd tails and
 * odd alignments.  The C reference kernel is compared with a computation in double (or with the specification), and
 * every variant with the C reference kernel.  Canaries on both sides of every output detect writes beyond it.  An
 * illegal instruction is reported with the kernel's name.
 *
 *     check_kernels [--seed N] [--rounds N] [--bench]
 *
 * Tolerances stand beside the checks, with the worst value measured when they were set; the end of the run prints the
 * worst of this run. */
#include "base/rng.h"
#include "kernel/exp.h"
#include "kernel/kernel.h"
#include "kernel/peak.h"
#include "harness.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ------------------------------------------------------------------ random numbers, buffers with canaries, errors */

static uint64_t seed, drawn;
uint64_t draw(void)
{
    return gp_rng_at(seed, drawn++);
}
size_t below(size_t n)
{
    return (size_t)(draw() % n);
}
float draw_float(void)
{
    return (float)((double)(draw() >> 11) * 0x1p-52 - 1.0);
} /* -1..1 */

enum { CANARY = 64, BUFFERS = 8, LARGEST = 1 << 21 };

/* A block of `bytes` bytes between canaries.  Its address is a multiple of `align`, but not of 2 * align (align 0: a
 * multiple of 64).  buffers_done frees all blocks and checks the canaries. */
typedef struct buffer {
    uint8_t *block, *data;
    size_t bytes;
} buffer;
static buffer buffers[BUFFERS];
static size_t buffer_count;

void *take(size_t bytes, size_t align)
{
    buffer *b = &buffers[buffer_count++];
    size_t shift = align ? align * (1 + 2 * below(8 / align > 0 ? 8 / align : 1)) : 0;
    if (posix_memalign((void **)&b->block, 64, bytes + shift + 2 * CANARY)) abort();
    b->data = b->block + CANARY + shift;
    b->bytes = bytes;
    memset(b->block, 0xA5, bytes + shift + 2 * CANARY);
    return b->data;
}

float *take_floats(size_t n, size_t align)
{
    float *x = take(n * sizeof *x, align);
    for (size_t i = 0; i < n; i++) x[i] = draw_float();
    return x;
}

static const char *table_name, *entry_name;
static int failures;
static double worst; /* the worst error of this kernel table in this entry */

void complain(const char *what)
{
    printf("FAILED %s/%s: %s (--seed %llu)\n", entry_name, table_name, what, (unsigned long long)seed);
    failures++;
}

void buffers_done(void)
{
    for (size_t i = 0; i < buffer_count; i++) {
        buffer *b = &buffers[i];
        for (size_t j = 1; j <= CANARY; j++)
            if (b->data[-(ptrdiff_t)j] != 0xA5 || b->data[b->bytes + j - 1] != 0xA5) {
                complain("wrote outside its output");
                break;
            }
        free(b->block);
    }
    buffer_count = 0;
}

void same(const void *a, const void *b, size_t bytes)
{
    if (memcmp(a, b, bytes) != 0) complain("differs");
}

void near(double value, double wanted, double unit, double tolerance)
{
    double error = fabs(value - wanted) / unit;
    if (!(error <= worst)) worst = error;
    if (!(error <= tolerance)) complain("error above the tolerance");
}

/* ------------------------------------------------------------------ bytes */

/* Applies the filters as PNG defines them; unfiltering must give the original row. */
static void check_unfilter(const gp_kernels *k)
{
    static const size_t widths[] = {1, 2, 3, 4, 6, 8};
    size_t bpp = widths[below(6)], bytes = bpp * (1 + below(300));
    int type = (int)below(5);
    uint8_t *row = take(bytes, 1), *prior = take(bytes, 1), *raw = take(bytes, 1);
    for (size_t i = 0; i < bytes; i++) raw[i] = (uint8_t)(draw() >> 60 ? draw() : 255), prior[i] = (uint8_t)draw();
    for (size_t i = 0; i < bytes; i++) {
        int a = i < bpp ? 0 : raw[i - bpp], b = prior[i], c = i < bpp ? 0 : prior[i - bpp], p = a + b - c, guess = 0;
        if (type == 1) guess = a;
        if (type == 2) guess = b;
        if (type == 3) guess = (a + b) >> 1;
        if (type == 4)
            guess = abs(p - a) <= abs(p - b) && abs(p - a) <= abs(p - c) ? a : abs(p - b) <= abs(p - c) ? b : c;
        row[i] = (uint8_t)(raw[i] - guess);
    }
    uint8_t *in = take(bytes, 1), *out = take(bytes + 40, 1);
    size_t gap = below(40); /* the source row begins `gap` bytes after the destination row, as in a block that is packed
                             * in place */
    memcpy(in, row, bytes);
    memcpy(out + gap, row, bytes);
    k->unfilter(in, in, prior, bytes, bpp, type);
    same(in, raw, bytes);
    k->unfilter(out + gap, out, prior, bytes, bpp, type);
    same(out, raw, bytes);
    for (size_t i = gap + bytes; i < bytes + 40; i++)
        if (out[i] != 0xA5) complain("wrote behind the row");
}

static uint8_t resampled(const uint8_t *in, size_t step, const int32_t *weight, int32_t count)
{
    int64_t sum = 1 << 21;
    for (int32_t j = 0; j < count; j++) sum += (int64_t)in[(size_t)j * step] * weight[j];
    sum = sum < 0 ? 0 : sum >> 22;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

/* Draws weights like those of a bicubic filter: some are negative, and their sum is 2^22. */
static void draw_weights(int32_t *weight, int32_t count)
{
    int32_t left = 1 << 22;
    for (int32_t j = 0; j + 1 < count; j++) {
        weight[j] = (int32_t)below((1u << 23) / (unsigned)count) - (1 << 20) / count;
        left -= weight[j];
    }
    weight[count - 1] = left;
}

static void check_resample_h(const gp_kernels *k)
{
    size_t in_w = 1 + below(400), out_w = 1 + below(100), most = below(9) ? 40 : 200;
    size_t taps = 1 + below(in_w < most ? in_w : most), rows = 1 + below(40), in_gap = below(5), out_gap = below(5);
    /* after the last row there are no bytes of padding */
    size_t in_row = in_w * 3 + in_gap, out_row = out_w * 3 + out_gap;
    uint8_t *in = take(in_row * rows - in_gap, 1), *out = take(out_row * rows - out_gap, 1);
    int32_t *first = take(out_w * 4, 4), *count = take(out_w * 4, 4), *weight = take(out_w * taps * 4, 4);
    for (size_t i = 0; i < in_row * rows - in_gap; i++) in[i] = (uint8_t)(below(8) ? draw() : 255);
    for (size_t x = 0; x < out_w; x++) {
        count[x] = 1 + (int32_t)below(taps);
        first[x] = (int32_t)below(in_w - (size_t)count[x] + 1);
        draw_weights(weight + x * taps, count[x]);
        for (size_t j = (size_t)count[x]; j < taps; j++) weight[x * taps + j] = 0;
    }
    k->resample_h(in, in_row, in_w, out, out_row, rows, out_w, first, count, weight, taps);
    for (size_t i = 0; i < out_row * rows - out_gap; i++) {
        size_t x = i % out_row / 3, c = i % out_row % 3;
        const uint8_t *from = in + i / out_row * in_row + 3 * (size_t)first[x < out_w ? x : 0] + c;
        if (out[i] != (x < out_w ? resampled(from, 3, weight + x * taps, count[x]) : 0xA5)) {
            complain("differs");
            return;
        }
    }
}

static void check_resample_v(const gp_kernels *k)
{
    size_t width = 1 + below(700), stride = width + below(9), rows = 1 + below(below(9) ? 40 : 200);
    int32_t count = 1 + (int32_t)below(rows), first = (int32_t)below(rows - (size_t)count + 1);
    uint8_t *in = take(stride * rows, 1), *out = take(width, 1);
    int32_t *weight = take((size_t)count * 4, 4);
    for (size_t i = 0; i < stride * rows; i++) in[i] = (uint8_t)draw();
    draw_weights(weight, count);
    k->resample_v(in, stride, out, width, first, count, weight);
    for (size_t x = 0; x < width; x++)
        if (out[x] != resampled(in + (size_t)first * stride + x, stride, weight, count)) {
            complain("differs");
            return;
        }
}

static void check_normalise(const gp_kernels *k)
{
    size_t n = 1 + below(500), plane = n + below(20);
    uint8_t *rgb = take(3 * n, 1);
    float *table = take_floats(768, 4), *out = take(3 * plane * 4, 4);
    for (size_t i = 0; i < 3 * n; i++) rgb[i] = (uint8_t)draw();
    k->normalise(rgb, n, table, out, plane);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane; i++) {
            uint32_t untouched = 0xA5A5A5A5u;
            same(&out[c * plane + i], i < n ? (const void *)&table[256 * c + rgb[3 * i + c]] : &untouched, 4);
        }
}

/* ------------------------------------------------------------------ conversions between number types */

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void check_f16_to_f32(const gp_kernels *k)
{
    uint16_t *in = take(65536 * 2, 2);
    float *out = take(65536 * 4, 4);
    size_t n = 65536 - below(40);
    for (size_t i = 0; i < 65536; i++) in[i] = (uint16_t)i;
    k->f16_to_f32(in, out, n);
    for (size_t i = 0; i < n; i++) {
        int exponent = (int)(i >> 10 & 31), fraction = (int)(i & 1023);
        double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        uint32_t bits = bits_of((float)value);
        if (exponent == 31) bits = 0x7f800000u | (uint32_t)fraction << 13;
        uint32_t got = bits_of(out[i]) & ~(1u << 22), wanted = (bits | (uint32_t)(i & 0x8000) << 16) & ~(1u << 22);
        bool nan = exponent == 31 && fraction; /* CPU instructions set bit 22 of a NaN, which makes it quiet */
        if (nan ? got != wanted || !isnan(out[i]) : bits_of(out[i]) != (bits | (uint32_t)(i & 0x8000) << 16)) {
            complain("differs");
            return;
        }
    }
}

static void check_bf16_to_f32(const gp_kernels *k)
{
    size_t n = 1 + below(3000);
    uint16_t *in = take(n * 2, 2);
    float *out = take(n * 4, 4);
    for (size_t i = 0; i < n; i++) in[i] = (uint16_t)draw();
    k->bf16_to_f32(in, out, n);
    for (size_t i = 0; i < n; i++)
        if (bits_of(out[i]) != (uint32_t)in[i] << 16) complain("differs");
}

/* Returns the bfloat16 number nearest to the float with these bits.  A tie goes to the even number.  NaN stays NaN. */
static uint16_t bf16_nearest(uint32_t bits)
{
    uint32_t low = bits >> 16, rest = bits & 0xffff;
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(low | 0x40);
    /* rounding up the largest finite floats gives infinity, which is correct */
    if (rest > 0x8000 || (rest == 0x8000 && (low & 1))) low++;
    return (uint16_t)low;
}

static void check_f32_to_bf16(const gp_kernels *k)
{
    static const uint32_t special[] = {0x7f800000, 0xff800000, 0x7f800001, 0xffc12345, 0x7fffffff, 0x7f7fffff,
                                       0x00000001, 0x80008000, 0x00018000, 0x3f808000, 0x3f818000, 0};
    size_t n = 12 + below(3000);
    float *in = take(n * 4, 4);
    uint16_t *out = take(n * 2, 2);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = i < 12 ? special[i] : (uint32_t)draw();
        memcpy(&in[i], &bits, 4);
    }
    k->f32_to_bf16(in, out, n);
    for (size_t i = 0; i < n; i++)
        if (out[i] != bf16_nearest(bits_of(in[i]))) {
            complain("differs");
            return;
        }
}

/* ------------------------------------------------------------------ floats */

/* Checks the C reference against double, and all variants against the C reference, bit for bit. */

static bool is_twin(const gp_kernels *k)
{
    return k == gp_kernel_table_c();
}

/* Checks e^x: at most 2 ulp, measured 1.0. */
static void check_exp(const gp_kernels *k)
{
    if (!is_twin(k)) return;
    for (int i = 0; i < 20000; i++) {
        float x = -87.0f + 174.0f * (float)below(1 << 24) / (float)(1 << 24);
        if (i % 4 == 0) x = draw_float();
        double wanted = exp((double)x), ulp = ldexp(1.0, ilogb(wanted) - 23);
        near((double)exp_fast(x), wanted, ulp, 2.0);
    }
    if (!isnan(exp_fast(exp_clamp(NAN))) || exp_fast(exp_clamp(-INFINITY)) > 2e-38f ||
        !(exp_fast(exp_clamp(1000)) > 6e37f))
        complain("at the ends");
}

static void activation(const gp_kernels *k, void (*run)(float *, size_t), void (*twin)(float *, size_t),
                       double (*exact)(double))
{
    size_t n = 1 + below(3000);
    float *x = take_floats(n, 4), *y = take(n * 4, 4);
    float range = (float[]){1, 8, 40, 200}[below(4)];
    for (size_t i = 0; i < n; i++) x[i] *= range;
    if (n > 3) x[0] = 0, x[1] = -0.0f, x[2] = 1e30f, x[3] = -1e30f;
    memcpy(y, x, n * 4);
    run(y, n);
    for (size_t i = 0; is_twin(k) && i < n; i++) {
        double size = fabs((double)x[i]);
        near((double)y[i], exact((double)x[i]), size > 1 ? size : 1, 1e-6); /* measured 1.3e-7 */
    }
    twin(x, n);
    same(x, y, n * 4);
}

static double exact_quick(double x)
{
    return x / (1 + exp(-1.702 * x));
}
static double exact_gelu(double x)
{
    return x / 2 * erfc(-x / sqrt(2.0));
}
static void check_quick_gelu(const gp_kernels *k)
{
    activation(k, k->quick_gelu, gp_kernel_table_c()->quick_gelu, exact_quick);
}
static void check_gelu(const gp_kernels *k)
{
    activation(k, k->gelu, gp_kernel_table_c()->gelu, exact_gelu);
}

static void check_add(const gp_kernels *k)
{
    size_t n = 1 + below(3000);
    float *x = take_floats(n, 4), *y = take_floats(n, 4), *z = take(n * 4, 4);
    for (size_t i = 0; i < n; i++) z[i] = x[i] + y[i];
    k->add(x, y, n);
    same(x, z, n * 4);
}

static void check_layer_norm(const gp_kernels *k)
{
    size_t n = 1 + below(5), d = 1 + below(1400);
    float *x = take_floats(n * d, 4), *y = take(n * d * 4, 4), *z = take(n * d * 4, 4);
    float *gain = take_floats(d, 4), *bias = take_floats(d, 4), eps = 1e-5f, shift = 10.0f * draw_float();
    for (size_t i = 0; i < n * d; i++) x[i] = x[i] * 3.0f + shift;
    k->layer_norm(x, y, n, d, gain, bias, eps);
    for (size_t r = 0; is_twin(k) && r < n; r++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < d; i++) mean += (double)x[r * d + i] / (double)d;
        for (size_t i = 0; i < d; i++) variance += pow((double)x[r * d + i] - mean, 2) / (double)d;
        for (size_t i = 0; i < d; i++) {
            double wanted =
                ((double)x[r * d + i] - mean) / sqrt(variance + (double)eps) * (double)gain[i] + (double)bias[i];
            /* The mean is rounded to float once.  This adds an error of 2^-24 * |mean|, divided by the deviation. */
            double unit = 1 + fabs(mean) / sqrt(variance + (double)eps);
            near((double)y[r * d + i], wanted, unit, 1e-6); /* measured 2e-7 */
        }
    }
    gp_kernel_table_c()->layer_norm(x, z, n, d, gain, bias, eps);
    same(y, z, n * d * 4);
    k->layer_norm(x, x, n, d, gain, bias, eps); /* the same in place */
    same(x, z, n * d * 4);
}

static void check_l2_normalise(const gp_kernels *k)
{
    size_t n = 1 + below(5), d = 1 + below(1400);
    float *x = take_floats(n * d, 4), *y = take(n * d * 4, 4);
    if (below(4) == 0) memset(x, 0, d * 4);
    memcpy(y, x, n * d * 4);
    k->l2_normalise(y, n, d);
    for (size_t r = 0; is_twin(k) && r < n; r++) {
        double norm = 0;
        for (size_t i = 0; i < d; i++) norm += (double)x[r * d + i] * (double)x[r * d + i];
        for (size_t i = 0; i < d; i++)
            near((double)y[r * d + i], norm > 0 ? (double)x[r * d + i] / sqrt(norm) : 0, 1, 1e-7); /* measured 6e-8 */
    }
    gp_kernel_table_c()->l2_normalise(x, n, d);
    same(x, y, n * d * 4);
}

static void check_dot(const gp_kernels *k)
{
    size_t n = below(1400);
    float *a = take_floats(n, 4), *b = take_floats(n, 4);
    long double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (long double)a[i] * (long double)b[i];
    double value = k->dot(a, b, n), twin = gp_kernel_table_c()->dot(a, b, n);
    near(value, (double)sum, (double)n + 1, 1e-15); /* measured 5e-17 */
    same(&value, &twin, sizeof value);
}

static void check_distance2(const gp_kernels *k)
{
    size_t n = below(1400);
    float *a = take_floats(n, 4), *b = take_floats(n, 4);
    long double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((long double)a[i] - (long double)b[i]) * ((long double)a[i] - (long double)b[i]);
    double value = k->distance2(a, b, n), turned = k->distance2(b, a, n);
    double twin = gp_kernel_table_c()->distance2(a, b, n);
    near(value, (double)sum, (double)sum + 1e-300, 1e-14);
    same(&value, &turned, sizeof value);
    same(&value, &twin, sizeof value);
}

static void check_multiply(const gp_kernels *k)
{
    size_t rows = 1 + below(40), in = 1 + below(600), x_stride = in + below(9), y_stride = GP_PANEL + below(20);
    float *x = take_floats(rows * x_stride, 4), *panel = take_floats(in * GP_PANEL, 4);
    float *y = take_floats(rows * y_stride, 4), *start = take(rows * y_stride * 4, 4), *alone = take(GP_PANEL * 4, 4);
    memcpy(start, y, rows * y_stride * 4);
    k->gemm(x, x_stride, panel, in, y, y_stride, rows);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < y_stride; o++) {
            double sum = (double)start[r * y_stride + o], size = 1;
            for (size_t i = 0; o < GP_PANEL && i < in; i++) {
                double product = (double)x[r * x_stride + i] * (double)panel[i * GP_PANEL + o];
                sum += product, size += fabs(product);
            }
            near((double)y[r * y_stride + o], sum, size, o < GP_PANEL ? 2e-6 : 0); /* measured 4e-7 */
        }
    size_t r = below(rows); /* checks that the result of a row does not depend on the other rows */
    memcpy(alone, start + r * y_stride, GP_PANEL * 4);
    k->gemm(x + r * x_stride, x_stride, panel, in, alone, GP_PANEL, 1);
    same(alone, y + r * y_stride, GP_PANEL * 4);
}

static void check_dot_float(const gp_kernels *k)
{
    size_t n = below(700);
    float *a = take_floats(n + 1, 4), *b = take_floats(n + 1, 4);
    double sum = 0, size = 1e-30;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i], size += fabs((double)a[i] * (double)b[i]);
    near((double)k->dot_float(a, b, n), sum, size, 2e-6); /* measured 1.5e-7 */
}

/* Computes the softmax of row i over its unmasked columns, in double. */
static void exact_attention(const gp_attention *a, size_t i, double *weight, double *out)
{
    size_t seen = a->causal ? a->first_position + i + 1 : a->t;
    double most = -INFINITY, total = 0;
    for (size_t j = 0; j < seen; j++) {
        weight[j] = 0;
        for (size_t c = 0; c < a->e; c++)
            weight[j] += (double)a->q[i * a->q_stride + c] * (double)a->k[j * a->kv_stride + c];
        weight[j] *= (double)a->scale;
        most = weight[j] > most ? weight[j] : most;
    }
    for (size_t j = 0; j < seen; j++) total += weight[j] = exp(weight[j] - most);
    for (size_t c = 0; c < a->e; c++) {
        out[c] = 0;
        for (size_t j = 0; j < seen; j++) out[c] += weight[j] / total * (double)a->v[j * a->kv_stride + c];
    }
}

static void check_attend(const gp_kernels *k)
{
    static const size_t sizes[] = {16, 32, 64, 80, 88, 104, 1, 5, 24, 127};
    static const size_t lengths[] = {1, 2, 5, 10, 50, 77, 128, 200, 257, 600};
    gp_attention a = {.e = sizes[below(10)], .t = 1 + below(lengths[below(10)]), .causal = below(2)};
    a.rows = 1 + below(below(2) ? a.t : a.t < 5 ? a.t : 5);
    a.first_position = a.causal ? below(a.t - a.rows + 1) : 0;
    a.q_stride = a.e + below(20), a.kv_stride = a.e + below(20), a.out_stride = a.e + below(20);
    a.scale = 1.0f / sqrtf((float)a.e);
    /* a factor for the queries; with 12, nearly all weight of the softmax is on one key */
    float loud = (float[]){1, 3, 12}[below(3)];
    float *q = take_floats(a.rows * a.q_stride, 4), *kk = take_floats(a.t * a.kv_stride, 4);
    float *out = take(a.rows * a.out_stride * 4, 4), *again = take(a.rows * a.out_stride * 4, 4);
    for (size_t i = 0; i < a.rows * a.q_stride; i++) q[i] *= loud;
    a.q = q, a.k = kk, a.v = take_floats(a.t * a.kv_stride, 4), a.out = out;
    a.scratch = take(gp_attention_scratch(a.t, a.e) * 4, 0);
    k->attend(&a);
    double weight[600], wanted[128];
    for (size_t i = 0; is_twin(k) && i < a.rows; i++) {
        exact_attention(&a, i, weight, wanted);
        /* attention scores are floats, so their error grows with their size, which is loud * sqrt(e) */
        for (size_t c = 0; c < a.e; c++)
            near((double)out[i * a.out_stride + c], wanted[c], 1 + (double)loud, 2e-6); /* measured 4e-7 */
    }
    a.out = again;
    gp_kernel_table_c()->attend(&a);
    same(out, again, a.rows * a.out_stride * 4);
    /* A call with one query must give the same bits as a call with several queries, so the result of a query does not
     * depend on other queries. */
    size_t i = below(a.rows);
    a.q = q + i * a.q_stride, a.first_position += a.causal ? i : 0, a.rows = 1;
    memset(again, 0, a.e * 4);
    k->attend(&a);
    same(again, out + i * a.out_stride, a.e * 4);
}

static void check_reach(const gp_kernels *k)
{
    size_t rows = 1 + below(64), stride = GP_PANEL + below(20);
    float *tile = take_floats(rows * stride, 4), *offset = take_floats(64, 4), *thresholds = take_floats(64, 4);
    uint64_t by_rows = 0, by_columns = 0;
    /* the thresholds are chosen so that no column, one column or many columns reach them */
    for (size_t i = 0; i < 64; i++) thresholds[i] += below(4) ? 1.2f : -0.5f;
    for (size_t i = 0; i < 64; i++)
        thresholds[i] = below(9) ? thresholds[i] : (float[]){-INFINITY, INFINITY, NAN}[below(3)];
    for (size_t i = 0; i < rows; i++)
        for (size_t o = 0; o < GP_PANEL; o++) {
            if (below(50) == 0) thresholds[i] = tile[i * stride + o] + offset[o]; /* exactly at the threshold */
            if (below(999) == 0) tile[i * stride + o] = NAN;
        }
    for (size_t i = 0; i < rows; i++)
        for (size_t o = 0; o < GP_PANEL; o++) {
            by_rows |= (uint64_t)(tile[i * stride + o] + offset[o] >= thresholds[i]) << i;
            by_columns |= (uint64_t)(tile[i * stride + o] + offset[i] >= thresholds[o]) << i;
        }
    if (k->mask_rows(tile, stride, rows, offset, thresholds) != by_rows) complain("other rows");
    if (k->mask_columns(tile, stride, rows, offset, thresholds) != by_columns) complain("other columns");
}

/* Computes the gradient of one lane in double, by the formulas of the paper; d^2 is at least 1e-12. */
static void exact_forces(const gp_umap_gradient *f, const float *head, const float *tail, const float *others,
                         size_t lane, double *moved, double *tail_moved)
{
    double a = (double)f->a, b = (double)f->b;
    for (size_t l = 0; l <= f->negatives; l++) {
        const float *at = l ? others + (l - 1) * f->dims * 8 : tail;
        double s = 0;
        for (size_t k = 0; k < f->dims; k++) {
            double gap = (double)head[k * 8 + lane] - (double)at[k * 8 + lane];
            s += gap * gap;
        }
        s = fmax(s, 1e-12);
        double p = pow(s, b), force = l ? 2 * b / ((0.001 + s) * (1 + a * p)) : -2 * a * b * p / (s * (1 + a * p));
        for (size_t k = 0; k < f->dims; k++) {
            double move = force * ((double)head[k * 8 + lane] - (double)at[k * 8 + lane]);
            move = (double)f->alpha * fmin(fmax(move, -4), 4);
            if (l == 0) tail_moved[k] = -move;
            moved[k] = l ? moved[k] + move : move;
        }
    }
}

static void check_forces(const gp_kernels *k)
{
    gp_umap_gradient f = {
        .a = 0.05f + 5 * fabsf(draw_float()), .b = 0.4f + fabsf(draw_float()), .alpha = fabsf(draw_float())};
    f.negatives = below(8), f.dims = below(2) ? 2 : 1 + below(64);
    size_t bytes = f.dims * 8 * sizeof(float);
    float *head = take_floats(f.dims * 8, 4), *tail = take_floats(f.dims * 8, 4);
    float *others = take_floats(f.negatives * f.dims * 8 + 1, 4);
    float *moved = take(bytes, 4), *tail_moved = take(bytes, 4), *again = take(bytes, 4), *tail_again = take(bytes, 4);
    float size = (float[]){1e-7f, 1e-3f, 1, 30, 1000}[below(5)];
    double wanted[64], tail_wanted[64];
    for (size_t i = 0; i < f.dims * 8; i++) head[i] *= size, tail[i] = i % 8 == 3 ? head[i] : tail[i] * size;
    for (size_t i = 0; i < f.negatives * f.dims * 8; i++) others[i] *= size;
    k->umap_gradient(&f, head, tail, others, moved, tail_moved);
    for (size_t lane = 0; is_twin(k) && lane < 8; lane++) {
        exact_forces(&f, head, tail, others, lane, wanted, tail_wanted);
        for (size_t c = 0; c < f.dims; c++) {
            near((double)moved[c * 8 + lane], wanted[c], 4 * (double)(1 + f.negatives), 2e-5); /* measured 5e-6 */
            near((double)tail_moved[c * 8 + lane], tail_wanted[c], 4, 2e-5);
        }
    }
    gp_kernel_table_c()->umap_gradient(&f, head, tail, others, again, tail_again);
    same(moved, again, bytes);
    same(tail_moved, tail_again, bytes);
}

/* ------------------------------------------------------------------ timing */

double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench_bytes(const gp_kernels *k)
{
    enum { W = 1024, ROWS = 256, OUT = 224, TAPS = 20 };
    uint8_t *in = take(W * 3 * ROWS, 1), *out = take(OUT * 3 * ROWS, 1);
    int32_t first[OUT], count[OUT], weight[OUT * TAPS];
    float *planes = take(3 * W * 4, 4), *table = take_floats(768, 4);
    for (size_t i = 0; i < W * 3 * ROWS; i++) in[i] = (uint8_t)draw();
    for (size_t x = 0; x < OUT; x++) {
        first[x] = (int32_t)(x * (W - TAPS) / OUT), count[x] = TAPS;
        draw_weights(weight + x * TAPS, TAPS);
    }
    const char *names[] = {"unfilter none", "unfilter sub", "unfilter up", "unfilter average", "unfilter paeth"};
    for (int type = 1; type < 5; type++)
        BENCH(names[type], W * 3 * (ROWS - 1), "GB/s",
              for (size_t r = 1; r < ROWS; r++)
                  k->unfilter(in + r * W * 3, in + r * W * 3, in + (r - 1) * W * 3, W * 3, 3, type));
    BENCH("resample_h", W * 3 * ROWS, "GB/s",
          k->resample_h(in, W * 3, W, out, OUT * 3, ROWS, OUT, first, count, weight, TAPS));
    BENCH("resample_v", OUT * 3 * ROWS, "GB/s",
          for (int r = 0; r + TAPS <= ROWS; r += TAPS) k->resample_v(in, W * 3, out, OUT * 3, r, TAPS, weight));
    BENCH("normalise", W * 3 * ROWS, "GB/s",
          for (size_t r = 0; r < ROWS; r++) k->normalise(in + r * W * 3, W, table, planes, W));
    buffers_done();
}

static void bench_floats(const gp_kernels *k)
{
    enum { N = 1 << 18, D = 768 };
    float *x = take_floats(N, 0), *y = take_floats(N, 0), *gain = take_floats(D, 0);
    uint16_t *half = take(N * 2, 0);
    BENCH("f32_to_bf16", N * 6, "GB/s", k->f32_to_bf16(x, half, N));
    BENCH("bf16_to_f32", N * 6, "GB/s", k->bf16_to_f32(half, y, N));
    BENCH("f16_to_f32", N * 6, "GB/s", k->f16_to_f32(half, y, N));
    for (size_t i = 0; i < N; i++) y[i] = draw_float();
    BENCH("quick_gelu", N, "Gnumbers/s", k->quick_gelu(x, N));
    BENCH("gelu", N, "Gnumbers/s", k->gelu(x, N));
    BENCH("add", (double)N * 12.0, "GB/s", k->add(x, y, N));
    BENCH("layer_norm", N, "Gnumbers/s", k->layer_norm(x, y, N / D, D, gain, gain, 1e-5f));
    BENCH("l2_normalise", N, "Gnumbers/s", k->l2_normalise(x, N / D, D));
    volatile double sink;
    BENCH("dot", N, "Gnumbers/s", sink = k->dot(x, y, N));
    BENCH("distance2", N, "Gnumbers/s", sink = k->distance2(x, y, N));
    (void)sink;
    buffers_done();
}

static void bench_multiply(const gp_kernels *k)
{
    enum { ROWS = 192, IN = 384 };
    float *x = take_floats(ROWS * IN, 0), *panel = take_floats(IN * GP_PANEL, 0), *y = take_floats(ROWS * GP_PANEL, 0);
    BENCH("multiply", 2.0 * (double)ROWS * (double)IN * (double)GP_PANEL * 10, "GFLOP/s",
          for (int i = 0; i < 10; i++) k->gemm(x, IN, panel, IN, y, GP_PANEL, ROWS));
    buffers_done();
}

static void bench_attend(const gp_kernels *k)
{
    static const size_t shapes[][3] = {{50, 64, 0}, {257, 64, 0}, {257, 80, 0}, {577, 64, 0}, {12, 64, 1}, {77, 64, 1}};
    for (size_t s = 0; s < 6; s++) {
        size_t t = shapes[s][0], e = shapes[s][1];
        const size_t d = 12 * e; /* the rows have the same stride as in a tower with twelve attention heads */
        float *qkv = take_floats(t * 3 * d, 0), *out = take_floats(t * d, 0);
        float *scratch = take(gp_attention_scratch(t, e) * 4, 0);
        gp_attention a = {qkv, qkv + d, qkv + 2 * d,       out,    3 * d,  3 * d, d, t, t,
                          e,   0,       shapes[s][2] != 0, 0.125f, scratch};
        char label[32];
        snprintf(label, sizeof label, "attend %zux%zu%s", t, e, a.causal ? " causal" : "");
        BENCH(label, 4.0 * (double)(t * t * e) * (a.causal ? 0.5 : 1.0) * 4, "GFLOP/s",
              for (int i = 0; i < 4; i++) k->attend(&a));
        buffers_done();
    }
}

static void bench_forces(const gp_kernels *k)
{
    enum { CALLS = 20000 };
    float *head = take_floats(16, 4), *tail = take_floats(16, 4), *others = take_floats(5 * 16, 4);
    float *moved = take(64, 4), *tail_moved = take(64, 4);
    gp_umap_gradient f = {.a = 1.58f, .b = 0.9f, .alpha = 0.5f, .dims = 2, .negatives = 5};
    BENCH("forces of 8 edges", (double)CALLS * 8.0, "G edges/s",
          for (int i = 0; i < CALLS; i++) k->umap_gradient(&f, head, tail, others, moved, tail_moved));
    buffers_done();
}

/* ------------------------------------------------------------------ the run */

static const struct entry {
    const char *name;
    void (*check)(const gp_kernels *k);
    int rounds; /* number of rounds with random data (default: 100) */
} entries[] = {
    {"unfilter", check_unfilter, 100},
    {"resample_h", check_resample_h, 100},
    {"resample_v", check_resample_v, 100},
    {"normalise", check_normalise, 50},
    {"f16_to_f32", check_f16_to_f32, 4},
    {"bf16_to_f32", check_bf16_to_f32, 20},
    {"f32_to_bf16", check_f32_to_bf16, 20},
    {"exp", check_exp, 5},
    {"quick_gelu", check_quick_gelu, 50},
    {"gelu", check_gelu, 50},
    {"add", check_add, 20},
    {"layer_norm", check_layer_norm, 50},
    {"l2_normalise", check_l2_normalise, 50},
    {"dot", check_dot, 100},
    {"distance2", check_distance2, 100},
    {"multiply", check_multiply, 30},
    {"dot_float", check_dot_float, 100},
    {"quantise", check_quantise, 60},
    {"multiply8", check_multiply8, 30},
    {"dequantise", check_dequantise, 60},
    {"attend", check_attend, 60},
    {"forces", check_forces, 100},
    {"reach", check_reach, 100},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static sigjmp_buf escape;
static void on_signal(int number)
{
    siglongjmp(escape, number);
}

static void no_null(const gp_kernels *k)
{
    table_name = k->name, entry_name = "table";
    for (size_t i = offsetof(gp_kernels, unfilter); i < sizeof *k; i += sizeof(void (*)(void)))
        if (memcmp((const char *)k + i, &(void (*)(void)){NULL}, sizeof(void (*)(void))) == 0)
            complain("an entry is NULL");
}

static void check_table(const gp_kernels *k, int rounds)
{
    no_null(k);
    for (size_t i = 0; i < ENTRIES; i++) {
        table_name = k->name, entry_name = entries[i].name, worst = 0;
        int before = failures, number = sigsetjmp(escape, 1);
        if (number) {
            complain(strsignal(number));
            buffer_count = 0;
            continue;
        }
        for (int r = 0; r < rounds * entries[i].rounds / 100 + 1 && failures == before; r++) {
            entries[i].check(k);
            buffers_done();
        }
        printf("%-12s %-6s %s", entry_name, table_name, failures == before ? "ok" : "FAILED");
        if (worst > 0) printf(", worst error %.1e", worst);
        printf("\n");
    }
}

/* A loop that measures a machine's peak must perform every product that it counts. */
static void check_peak(const gp_peak_loop *loop, int rounds)
{
    int before = failures, number = sigsetjmp(escape, 1);
    if (number) {
        complain(strsignal(number));
        return;
    }
    for (int r = 0; r < rounds && failures == before; r++) {
        uint64_t n = r == 0 ? 0 : r == 1 ? 1u << 18 : below(2000);
        if (loop->run(n) != (double)n * loop->products) complain("did not compute the expected number of products");
    }
    printf("peak %-7s %-12s %s\n", entry_name, table_name, failures == before ? "ok" : "FAILED");
}

static void check_peaks(int rounds)
{
    for (int kind = 0; kind < GP_PEAK_KINDS; kind++)
        for (size_t i = 0; gp_peak_loop_at((gp_peak_kind)kind, i); i++) {
            table_name = gp_peak_loop_at((gp_peak_kind)kind, i)->name;
            entry_name = gp_peak_kind_name((gp_peak_kind)kind);
            check_peak(gp_peak_loop_at((gp_peak_kind)kind, i), rounds);
        }
}

int main(int argc, char **argv)
{
    int rounds = 300;
    bool bench = false;
    seed = (uint64_t)time(NULL);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) bench = true;
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) seed = strtoull(argv[++i], NULL, 10);
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) rounds = atoi(argv[++i]);
    }
    printf("seed %llu\n", (unsigned long long)seed);
    signal(SIGILL, on_signal);
    for (size_t i = 0; gp_kernel_table_at(i); i++) {
        const gp_kernels *k = gp_kernel_table_at(i);
        if (!bench)
            check_table(k, rounds);
        else
            bench_bytes(k), bench_floats(k), bench_multiply(k), bench_eight(k), bench_attend(k), bench_forces(k);
    }
    if (!bench) check_peaks(rounds);
    printf("%d failures; this machine uses '%s'\n", failures, gp_kernel_table()->name);
    return failures != 0;
}
