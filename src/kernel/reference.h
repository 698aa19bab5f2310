/* SPDX-License-Identifier: MIT
 * The C reference kernels, for dispatch.c and the files that define them.  kernel.h describes what they do. */
#ifndef GP_KERNEL_REFERENCE_H
#define GP_KERNEL_REFERENCE_H

#include "kernel/kernel.h"

/* unfilter.c */
void gp_unfilter_c(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type);
/* resample.c */
void gp_resample_h_c(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                     size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps);
void gp_resample_v_c(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                     const int32_t *weight);
/* normalise.c */
void gp_normalise_c(const uint8_t *rgb, size_t n, const float *table, float *out, size_t plane);
/* convert.c */
void gp_f16_to_f32_c(const uint16_t *in, float *out, size_t n);
void gp_bf16_to_f32_c(const uint16_t *in, float *out, size_t n);
void gp_f32_to_bf16_c(const float *in, uint16_t *out, size_t n);
/* norm.c */
void gp_layer_norm_c(const float *x, float *y, size_t n, size_t d, const float *gain, const float *bias, float eps);
void gp_l2_normalise_c(float *x, size_t n, size_t d);
double gp_dot_c(const float *a, const float *b, size_t n);
double gp_distance2_c(const float *a, const float *b, size_t n);
/* activate.c */
void gp_quick_gelu_c(float *x, size_t n);
void gp_gelu_c(float *x, size_t n);
void gp_add_c(float *x, const float *y, size_t n);
/* mask.c */
uint64_t gp_mask_rows_c(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds);
uint64_t gp_mask_columns_c(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds);
/* umap_gradient.c */
void gp_umap_gradient_c(const gp_umap_gradient *parameters, const float *head, const float *tail, const float *others,
                        float *moved, float *tail_moved);
/* gemm.c */
void gp_gemm_c(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride, size_t rows);
float gp_dot_float_c(const float *a, const float *b, size_t n);
/* gemm_int8.c */
void gp_gemm_int8_c(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                    size_t in, int32_t *y, size_t y_stride, size_t rows);
/* quantise.c */
float gp_quantise_c(const float *x, size_t n, uint8_t *q, int32_t *zero);
void gp_dequantise_c(const int32_t *sums, size_t sums_stride, size_t rows, size_t columns, const int32_t *zeros,
                     const float *scales, const int32_t *weight_sums, const float *weight_scales, const float *bias,
                     float *y, size_t y_stride);
/* attention.c */
void gp_attend_c(const gp_attention *attention);

#endif
