/* SPDX-License-Identifier: MIT
 * Kernels: the inner loops of image, tensor, model and analyze, behind one table of function pointers.
 * Kernels never allocate memory and never fail; the caller has checked all sizes.  Each kernel has a C reference kernel
 * in src/kernel/<family>.c (suffix _c, no intrinsics, no -ffast-math).  Variants for an instruction set are in
 * src/kernel/x86 and src/kernel/arm (suffixes like _avx2); dispatch.c chooses among them, and tests/kernels compares
 * them with the reference.
 * Letters: n rows, d width, t tokens, h heads, e head size. */
#ifndef GP_KERNEL_KERNEL_H
#define GP_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Softmax attention of one head over one sequence:  out[i] = sum_j softmax_j(scale * q[i].k[j]) * v[j].
 * Row i of q and out is the token at position first_position + i, so the caller can omit queries it does not need (the
 * last layer of a tower needs one token: rows = 1). */
typedef struct gp_attention {
    const float *q;                         /* [rows, e], row i at q + i * q_stride */
    const float *k, *v;                     /* [t, e], row j at k + j * kv_stride */
    float *out;                             /* [rows, e], row i at out + i * out_stride; may not overlap q, k, v */
    size_t q_stride, kv_stride, out_stride; /* floats */
    size_t rows, t, e;                      /* all >= 1 */
    size_t first_position; /* causal: row i attends to k[0 .. first_position + i]; first_position + rows <= t */
    bool causal;           /* else each row attends to all of k */
    float scale;
    float *scratch; /* gp_attention_scratch(t, e) floats, 64-byte aligned; overwritten */
} gp_attention;

enum {
    GP_PANEL = 16,
    GP_ATTENTION_QUERIES = 6,
    /* Largest |a| + |b| of a pair of int8 weights.  The products of the pair with two uint8 numbers sum to at most
     * 255 * 128 = 32640, which fits in 16 bits. */
    GP_INT8_PAIR_MAX = 128,
    /* Largest K of an int8 product.  32768 pairs of at most 32640 sum to less than 2^30.  dequantise subtracts
     * zero * weight sum, which is also less than 2^30, so the difference fits in 32 bits. */
    GP_INT8_K_MAX = 65536
};

/* Number of floats of scratch: k and v packed in panels, and the scores of GP_ATTENTION_QUERIES queries. */
static inline size_t gp_attention_scratch(size_t t, size_t e)
{
    const size_t panel = GP_PANEL, queries = GP_ATTENTION_QUERIES;
    return (e + queries) * ((t + panel - 1) / panel * panel) + (e + panel - 1) / panel * panel * t;
}

/* Parameters of the UMAP gradient. */
typedef struct gp_umap_gradient {
    float a, b;             /* parameters of the curve 1 / (1 + a d^2b) */
    float alpha;            /* learning rate */
    size_t dims, negatives; /* negatives: random points for each edge (negative samples) */
} gp_umap_gradient;

typedef struct gp_kernels {
    const char *name; /* "c", "avx2", ... */
    bool prefer_int8; /* whether gemm_int8 is faster than gemm on this CPU */

    /* Undoes PNG filter `type` (0..4) of one row (RFC 2083, section 6).
     * row [bytes]: filtered; out [bytes] may be `row`, or begin before `row` and overlap it, as it is written from left
     * to right; prior [bytes]: the unfiltered row above (zeros for the first row), no overlap with out; bpp: bytes per
     * pixel. */
    void (*unfilter)(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type);

    /* Resampling as in Pillow: out pixel x = clamp8((2^21 + sum_j in[first[x] + j] * weight[x*taps + j]) >> 22), for j
     * < count[x].  Sums fit in 32 bits, and weights in 30 bits. resample_h: RGB rows in [rows,in_w,3] -> out
     * [rows,out_w,3]; rows are in_stride and out_stride bytes apart. resample_v: rows first..first+count-1 of in,
     * `stride` bytes apart -> one row out [width] bytes. */
    void (*resample_h)(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                       size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps);
    void (*resample_v)(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                       const int32_t *weight);

    /* Converts a row of n RGB pixels to normalised planes: plane c gets out[c * plane + i] = table[c][rgb[3*i + c]],
     * with table[c][v] = (float32(v/255) - mean[c]) / std[c]. */
    void (*normalise)(const uint8_t *rgb, size_t n, const float *table, float *out, size_t plane);

    /* Conversions of n numbers; exact also for subnormals, infinities and NaN. */
    void (*f16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*bf16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f32_to_bf16)(const float *in, uint16_t *out, size_t n); /* rounds to nearest even; NaN stays NaN (quiet) */

    /* Layer norm of rows: y = (x - mean) / sqrt(var + eps) * gain + bias.  x, y [n,d] may be the same array; gain,
     * bias [d].  Mean and variance are computed in two passes, with sums in double. */
    void (*layer_norm)(const float *x, float *y, size_t n, size_t d, const float *gain, const float *bias, float eps);
    /* Activations of n numbers in place.  quick_gelu: x * sigmoid(1.702 x); gelu: x/2 * (1 + erf(x / sqrt 2)).
     * Error <= 1e-6 * max(1, |x|). */
    void (*quick_gelu)(float *x, size_t n);
    void (*gelu)(float *x, size_t n);
    /* x[i] += y[i] */
    void (*add)(float *x, const float *y, size_t n);
    /* GEMM micro-kernel: y[r][o] += sum_i x[r][i] * panel[i][o] for o < GP_PANEL, summed in order of i.  x [rows, in]
     * and y [rows, GP_PANEL] with strides in floats, panel [in, GP_PANEL].  Rows do not influence each other.  Variants
     * may use fused multiply-add. */
    void (*gemm)(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride,
                 size_t rows);
    /* Dot product in float, summed in any order. */
    float (*dot_float)(const float *a, const float *b, size_t n);
    /* int8.
     * quantise: x [n] -> q [n] and *zero, with x = scale * (q - *zero) up to scale / 2.  q covers the range of x and 0.
     * Returns the scale, or NaN if x has a number that is not finite.
     * gemm_int8: y[r][16 p + o] = sum_i x[r][i] * panel p[i/4][o][i%4] in 32 bits.  `in`: a multiple of 4, at most
     * GP_INT8_K_MAX.  In each panel, the weights of i and i + 1 (i even) have |a| + |b| <= GP_INT8_PAIR_MAX.  Panels
     * are panel_stride bytes apart.
     * dequantise: y = (sums - zeros[row] * weight_sums[o]) * (scales[row] * weight_scales[o]) + bias[o] for each column
     * o; columns is a multiple of 16. */
    float (*quantise)(const float *x, size_t n, uint8_t *q, int32_t *zero);
    void (*gemm_int8)(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                      size_t in, int32_t *y, size_t y_stride, size_t rows);
    void (*dequantise)(const int32_t *sums, size_t sums_stride, size_t rows, size_t columns, const int32_t *zeros,
                       const float *scales, const int32_t *weight_sums, const float *weight_scales, const float *bias,
                       float *y, size_t y_stride);
    /* Threshold masks of a tile [rows, GP_PANEL], rows <= 64, `stride` floats apart.  Bit i of the result is set if
     * tile[i][o] + offset >= threshold for at least one column o.  NaN never passes.
     * mask_rows: offset [GP_PANEL] of each column, thresholds [rows] of each row.
     * mask_columns: offset [rows] of each row, thresholds [GP_PANEL] of each column. */
    uint64_t (*mask_rows)(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds);
    uint64_t (*mask_columns)(const float *tile, size_t stride, size_t rows, const float *offset,
                             const float *thresholds);
    /* See gp_attention. */
    void (*attend)(const gp_attention *attention);
    /* L2-normalises the rows of x [n,d] in place, with norms in double.  A zero row stays zero. */
    void (*l2_normalise)(float *x, size_t n, size_t d);
    /* Computes how far the ends of eight edges move.  head, tail [dims, 8]: positions of the ends; others [negatives,
     * dims, 8]: the negative samples.  moved, tail_moved [dims, 8] = alpha * sum of the forces on head and tail, each
     * force clipped to -4 .. 4.  Only the head is pushed away from negative samples.  Edges do not influence each
     * other.  The result is bit-identical in every table. */
    void (*umap_gradient)(const gp_umap_gradient *parameters, const float *head, const float *tail, const float *others,
                          float *moved, float *tail_moved);
    /* Dot product in double.  Each product of two floats is exact in double. */
    double (*dot)(const float *a, const float *b, size_t n);
    /* Returns the sum of (a[i] - b[i])^2 in double.  The result is bit-identical if a and b are exchanged, and in
     * every table. */
    double (*distance2)(const float *a, const float *b, size_t n);
} gp_kernels;

/* Returns the best table for this machine; the variable GOLDPAN_CPU may limit it.  No entry is NULL.  Threads: any. */
const gp_kernels *gp_kernel_table(void);
/* Returns the table of the reference kernels, which are written in C. */
const gp_kernels *gp_kernel_table_c(void);
/* For tests: returns table i. The tables that this machine can run are numbered from the slowest (0, the reference) to
 * the fastest. Returns NULL after the last table. */
const gp_kernels *gp_kernel_table_at(size_t i);

#endif
