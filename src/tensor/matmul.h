/* SPDX-License-Identifier: MIT
 * The interface of a matrix engine: packs a matrix once, then multiplies rows by the matrix.  Private to tensor.
 *
 * Every engine must compute a row's result from that row alone, whatever the number and order of rows.  Otherwise an
 * image's score would depend on the other images of the batch. */
#ifndef GP_TENSOR_MATMUL_H
#define GP_TENSOR_MATMUL_H

#include "tensor/linear.h"

/* linear.c calls run() with at most engine->block rows, a multiple of STEP unless `row_multiple` is set. */
enum { GP_MATMUL_STEP = 16 };

typedef struct gp_matmul_engine {
    /* weight [out, in], bias [out]; bf16: weight holds bf16 values, and run() will get x as bf16; an engine that cannot
     * says UNSUPPORTED.  Owns: *packed, released with `free`. */
    gp_status (*pack)(const float *weight, const float *bias, size_t out, size_t in, bool bf16, void **packed,
                      gp_error *err);
    void (*free)(void *packed);
    size_t (*bytes)(const void *packed);
    size_t (*scratch)(const void *packed); /* bytes that run() needs, any number of rows */
    /* x [rows, in] float or bf16 -> y [rows, out], `epilogue` applied unless NULL; 64-byte aligned, scratch too.  Any
     * thread. */
    gp_status (*run)(const void *packed, const void *x, float *y, size_t rows, gp_epilogue *epilogue, void *scratch,
                     gp_error *err);
    size_t block; /* a multiple of STEP, and of `row_multiple` */
    /* 0: larger blocks are faster.  Else all blocks have equally many rows, rounded up to this multiple. */
    size_t row_multiple;
} gp_matmul_engine;

const gp_matmul_engine *gp_matmul_plain(void);
const gp_matmul_engine *gp_matmul_int8(void); /* int8 product; x and y are still floats */
#ifdef GP_HAVE_ONEDNN
const gp_matmul_engine *gp_matmul_onednn(void);
/* Is a row of an fp32 product of usual size the same with any number of rows? The first call tests this. Any thread may
 * call. */
bool gp_matmul_onednn_keeps_rows(void);
void gp_matmul_onednn_version(char *out, size_t size);
#endif

#endif
