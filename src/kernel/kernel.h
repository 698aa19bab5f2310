/* SPDX-License-Identifier: MIT
 * Kernels: the inner loops of image, tensor and model, behind one table of function pointers.
 * Never allocate, never fail, no globals but the table; the caller has checked sizes.  Every entry has a C reference
 * kernel in src/kernel/<family>.c (suffix _c, no intrinsics, no -ffast-math); variants for an instruction set go into
 * src/kernel/x86 or arm (suffix _avx2 ...) and are chosen in dispatch.c.  tests/kernels compares both.
 * Letters: n rows, d width, t tokens, h heads, e = head size. */
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
    size_t first_position; /* causal: row i sees k[0 .. first_position + i]; first_position + rows <= t */
    bool causal;           /* else every row sees all of k */
    float scale;
    float *scratch; /* gp_attention_scratch(t, e) floats, 64-byte aligned; overwritten */
} gp_attention;

enum {
    GP_PANEL = 16,
    GP_ATTENTION_QUERIES = 6,
    GP_INT8_PAIR_MAX = 128, /* 255 * 128 = 32640 fits in 16 bits */
    GP_INT8_K_MAX = 65536   /* largest K of an int8 product: its sums fit in 32 bits */
};

/* Returns the floats of scratch: k and v in panels, and the scores of a few queries. */
static inline size_t gp_attention_scratch(size_t t, size_t e)
{
    const size_t panel = GP_PANEL, queries = GP_ATTENTION_QUERIES;
    return (e + queries) * ((t + panel - 1) / panel * panel) + (e + panel - 1) / panel * panel * t;
}

/* Parameters of the UMAP gradient. */
typedef struct gp_umap_gradient {
    float a, b;             /* of the curve 1 / (1 + a d^2b) */
    float alpha;            /* length of the step */
    size_t dims, negatives; /* negatives: points drawn at random for every edge */
} gp_umap_gradient;

typedef struct gp_kernels {
    const char *name; /* "c", "avx2", ... */
    bool prefer_int8; /* gemm_int8 is faster than gemm */

    /* PNG filters, RFC 2083 section 6: undo filter `type` (0..4) of one row.
     * row [bytes] filtered -> out [bytes], which may be row or begin before it, as it is written from left to right;
     * prior [bytes] the unfiltered row above (zeros for the first), apart from out; bpp bytes per pixel. */
    void (*unfilter)(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type);

    /* Resampling, Pillow's rules: out pixel x = clamp8((2^21 + sum_j in[first[x] + j] * weight[x*taps + j]) >> 22),
     * j < count[x]; no sum leaves 32 bits, no weight 30.  `h`: rows of RGB, in [rows,in_w,3] -> out [rows,out_w,3],
     * rows in_stride and out_stride bytes apart. `v`: in rows [.., width] bytes of stride `stride`, one output row
     * [width] from rows first..first+count-1. */
    void (*resample_h)(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                       size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps);
    void (*resample_v)(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                       const int32_t *weight);

    /* Crop of RGB pixels to normalised planes: plane[c][i] = table[c][rgb[3*i + c]] for one row of n pixels;
     * table [3][256] holds (float32(v/255) - mean[c]) / std[c]; planes are `plane` floats apart. */
    void (*normalise)(const uint8_t *rgb, size_t n, const float *table, float *out, size_t plane);

    /* Numbers between kinds; exact, subnormals, infinities and NaN included.  in and out may be unaligned
     * only as their types allow. */
    void (*f16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*bf16_to_f32)(const uint16_t *in, float *out, size_t n);
    void (*f32_to_bf16)(const float *in, uint16_t *out, size_t n); /* nearest even; NaN stays NaN (quiet) */

    /* Layer norm of rows: y = (x - mean) / sqrt(var + eps) * gain + bias; x, y [n,d], may be the same;
     * gain, bias [d].  Mean and variance in two passes, sums in double. */
    void (*layer_norm)(const float *x, float *y, size_t n, size_t d, const float *gain, const float *bias, float eps);
    /* In place on n numbers. quick: x*sigmoid(1.702x); gelu: x/2*(1+erf(x/sqrt 2)).  Error <= 1e-6 * max(1, |x|). */
    void (*quick_gelu)(float *x, size_t n);
    void (*gelu)(float *x, size_t n);
    /* x += y */
    void (*add)(float *x, const float *y, size_t n);
    /* The tile of a matrix product: y[r][o] += sum_i x[r][i] * panel[i][o] for o < GP_PANEL, in order of i; x [rows,
     * in] and y [rows, GP_PANEL] with strides in floats, panel [in, GP_PANEL].  A row depends on no other; variants may
     * fuse multiplication and addition. */
    void (*gemm)(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride,
                 size_t rows);
    /* sum a[i]*b[i] in float, in any order */
    float (*dot_float)(const float *a, const float *b, size_t n);
    /* Eight bits.  quantise: x [n] -> q [n], returns the scale: x = scale * (q - *zero) within half of it, of the range
     * that x and 0 have; NaN if x has a number that is not finite.
     * gemm_int8: y[r][16 p + o] = sum_i x[r][i] * panel p[i/4][o][i%4] in 32 bits, `in` a multiple of 4 and at most
     * GP_INT8_K_MAX; panels of numbers of which each pair (i even, i + 1) has |a| + |b| <= GP_INT8_PAIR_MAX,
     * panel_stride bytes apart.
     * dequantise: y = (sums - zeros[row] * weight_sums) * (scales[row] * weight_scales) + bias, by column; columns is
     * a multiple of 16. */
    float (*quantise)(const float *x, size_t n, uint8_t *q, int32_t *zero);
    void (*gemm_int8)(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                      size_t in, int32_t *y, size_t y_stride, size_t rows);
    void (*dequantise)(const int32_t *sums, size_t sums_stride, size_t rows, size_t columns, const int32_t *zeros,
                       const float *scales, const int32_t *weight_sums, const float *weight_scales, const float *bias,
                       float *y, size_t y_stride);
    /* Of a tile [rows, GP_PANEL], rows <= 64 and stride floats apart: bit i is set if tile[i][o] + offset >= threshold
     * for any o.  `rows`: offset [GP_PANEL] by column, thresholds [rows]; `columns`: offset [rows], thresholds
     * [GP_PANEL] by column.  NaN never passes. */
    uint64_t (*mask_rows)(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds);
    uint64_t (*mask_columns)(const float *tile, size_t stride, size_t rows, const float *offset,
                             const float *thresholds);
    /* See gp_attention. */
    void (*attend)(const gp_attention *attention);
    /* L2-normalise rows in place, x [n,d], norm in double; a zero row stays zero. */
    void (*l2_normalise)(float *x, size_t n, size_t d);
    /* Eight edges at once: head, tail [dims, 8] where their ends are, others [negatives, dims, 8] the negatives;
     * moved, tail_moved [dims, 8] = alpha * the sum of the forces, each cut at -4 .. 4.  All are computed from the
     * heads' positions; lanes do not mix.  The same in every bit in every table. */
    void (*umap_gradient)(const gp_umap_gradient *parameters, const float *head, const float *tail, const float *others,
                          float *moved, float *tail_moved);
    /* sum a[i]*b[i] in double, products exact */
    double (*dot)(const float *a, const float *b, size_t n);
    /* sum (a[i] - b[i])^2 in double; the same in every bit with a and b exchanged, and in every table */
    double (*distance2)(const float *a, const float *b, size_t n);
} gp_kernels;

/* The table chosen for this machine (GOLDPAN_CPU considered), never with a NULL entry.  Any thread. */
const gp_kernels *gp_kernel_table(void);
/* Returns the table of C reference kernels. */
const gp_kernels *gp_kernel_table_c(void);
/* Every table this machine can run, slowest first (0: the reference); NULL after the last.  For tests. */
const gp_kernels *gp_kernel_table_at(size_t i);

#endif
