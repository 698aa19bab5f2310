/* SPDX-License-Identifier: MIT
 * y = x W^T + b, with W packed once for the engine.  linear.c selects the engine: goldpan's C kernels
 * (matmul_plain.c, matmul_int8.c) or oneDNN (matmul_onednn.c, the only file that includes dnnl.h).
 * All threads may share a packed matrix, which is read-only; each call runs on the calling thread alone. */
#ifndef GP_TENSOR_LINEAR_H
#define GP_TENSOR_LINEAR_H

#include "base/status.h"

typedef enum gp_dtype { GP_F32, GP_F16, GP_BF16 } gp_dtype;
size_t gp_dtype_size(gp_dtype dtype);
const char *gp_dtype_name(gp_dtype dtype); /* "F32" ... */

/* Replaces GP_PRECISION_AUTO and GP_ENGINE_AUTO by the values for this machine. */
void gp_linear_resolve(gp_precision *precision, gp_engine *engine);
/* Describes the engine, like "oneDNN 2.6.3", "plain C", "plain C, avx2" (compiled for AVX2) or "8 bits, avx2". */
void gp_linear_describe(gp_engine engine, gp_precision precision, char *out, size_t size);
const char *gp_precision_name(gp_precision precision); /* "fp32" ... */

typedef struct gp_linear gp_linear;
/* Packs weight [out, in] of `dtype`, which may be unaligned, and bias [out], which may be NULL.  Both are copied. bf16:
 * weight and x are rounded to bf16 (nearest even), sums and y are fp32. int8: see matmul_int8.c; at most GP_INT8_K_MAX
 * columns.  The caller frees *linear with gp_linear_free. */
gp_status gp_linear_new(const void *weight, gp_dtype dtype, const float *bias, size_t out_features, size_t in_features,
                        gp_precision precision, gp_engine engine, gp_linear **linear, gp_error *err);
void gp_linear_free(gp_linear *linear);
/* Returns the bytes of the packed weight.  Only tests call it, to check that packing wastes no memory. */
size_t gp_linear_bytes(const gp_linear *linear);

/* Returns the number of rows that buffers for m rows must have: m rounded up, so that few different matrix shapes
 * occur. */
size_t gp_linear_padded_rows(size_t m);
/* Returns the bytes of scratch that gp_linear_run needs for at most m rows. */
size_t gp_linear_scratch(const gp_linear *linear, size_t m);
/* Epilogue: applied in place to each part of y while it is still in cache.  Used for activations. */
typedef void gp_epilogue(float *x, size_t n);
/* Computes x [m, in] -> y [m, out]; applies `epilogue` unless it is NULL. x and y have memory for
 * gp_linear_padded_rows(m) rows; x, y and scratch are 64-byte aligned.  A row's result does not depend on the other
 * rows or on m. Threads: any. */
gp_status gp_linear_run(const gp_linear *linear, const float *x, float *y, size_t m, gp_epilogue *epilogue,
                        void *scratch, gp_error *err);

#endif
