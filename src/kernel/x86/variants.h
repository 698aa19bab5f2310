/* SPDX-License-Identifier: MIT
 * The variants for x86, for dispatch.c.  kernel.h describes what they do. */
#ifndef GP_KERNEL_X86_VARIANTS_H
#define GP_KERNEL_X86_VARIANTS_H

#include "kernel/kernel.h"

/* floats_avx2.c */
void gp_f16_to_f32_avx2(const uint16_t *in, float *out, size_t n);
void gp_bf16_to_f32_avx2(const uint16_t *in, float *out, size_t n);
void gp_f32_to_bf16_avx2(const float *in, uint16_t *out, size_t n);
void gp_layer_norm_avx2(const float *x, float *y, size_t n, size_t d, const float *gain, const float *bias, float eps);
void gp_l2_normalise_avx2(float *x, size_t n, size_t d);
double gp_dot_avx2(const float *a, const float *b, size_t n);
double gp_distance2_avx2(const float *a, const float *b, size_t n);
void gp_quick_gelu_avx2(float *x, size_t n);
void gp_gelu_avx2(float *x, size_t n);
void gp_add_avx2(float *x, const float *y, size_t n);
void gp_attend_avx2(const gp_attention *attention);
uint64_t gp_mask_rows_avx2(const float *tile, size_t stride, size_t rows, const float *offset, const float *thresholds);
uint64_t gp_mask_columns_avx2(const float *tile, size_t stride, size_t rows, const float *offset,
                              const float *thresholds);
void gp_umap_gradient_avx2(const gp_umap_gradient *parameters, const float *head, const float *tail,
                           const float *others, float *moved, float *tail_moved);
float gp_quantise_avx2(const float *x, size_t n, uint8_t *q, int32_t *zero);
void gp_dequantise_avx2(const int32_t *sums, size_t sums_stride, size_t rows, size_t columns, const int32_t *zeros,
                        const float *scales, const int32_t *weight_sums, const float *weight_scales, const float *bias,
                        float *y, size_t y_stride);
/* floats_avx512.c */
void gp_f16_to_f32_avx512(const uint16_t *in, float *out, size_t n);
void gp_bf16_to_f32_avx512(const uint16_t *in, float *out, size_t n);
void gp_f32_to_bf16_avx512(const float *in, uint16_t *out, size_t n);
void gp_layer_norm_avx512(const float *x, float *y, size_t n, size_t d, const float *gain, const float *bias,
                          float eps);
void gp_l2_normalise_avx512(float *x, size_t n, size_t d);
double gp_dot_avx512(const float *a, const float *b, size_t n);
double gp_distance2_avx512(const float *a, const float *b, size_t n);
void gp_quick_gelu_avx512(float *x, size_t n);
void gp_gelu_avx512(float *x, size_t n);
void gp_add_avx512(float *x, const float *y, size_t n);
uint64_t gp_mask_rows_avx512(const float *tile, size_t stride, size_t rows, const float *offset,
                             const float *thresholds);
uint64_t gp_mask_columns_avx512(const float *tile, size_t stride, size_t rows, const float *offset,
                                const float *thresholds);
float gp_quantise_avx512(const float *x, size_t n, uint8_t *q, int32_t *zero);
void gp_dequantise_avx512(const int32_t *sums, size_t sums_stride, size_t rows, size_t columns, const int32_t *zeros,
                          const float *scales, const int32_t *weight_sums, const float *weight_scales,
                          const float *bias, float *y, size_t y_stride);
/* resample_avx2.c */
void gp_resample_h_avx2(const uint8_t *in, size_t in_stride, size_t in_w, uint8_t *out, size_t out_stride, size_t rows,
                        size_t out_w, const int32_t *first, const int32_t *count, const int32_t *weight, size_t taps);
void gp_resample_v_avx2(const uint8_t *in, size_t stride, uint8_t *out, size_t width, int32_t first, int32_t count,
                        const int32_t *weight);
/* unfilter_avx2.c */
void gp_unfilter_avx2(const uint8_t *row, uint8_t *out, const uint8_t *prior, size_t bytes, size_t bpp, int type);
/* gemm_avx2.c */
void gp_gemm_avx2(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride,
                  size_t rows);
float gp_dot_float_avx2(const float *a, const float *b, size_t n);
/* functions of gemm_int8_avx2.c and gemm_int8_vnni.c */
void gp_gemm_int8_avx2(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                       size_t in, int32_t *y, size_t y_stride, size_t rows);
void gp_gemm_int8_vnni(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                       size_t in, int32_t *y, size_t y_stride, size_t rows);

#endif
