/* SPDX-License-Identifier: MIT
 * Private to tensor: the interface of a matrix engine, which packs a matrix once and then multiplies rows by it.
 *
 * Every engine must compute a row's result from that row alone, whatever the number and order of rows.  Otherwise an
 * image's score would depend on the other images of the batch. */
#ifndef GP_TENSOR_MATMUL_H
#define GP_TENSOR_MATMUL_H

#include "tensor/linear.h"

/* linear.c calls run() with at most engine->block rows.  Unless `row_multiple` is set, the number of rows is a
 * multiple of GP_MATMUL_STEP. */
enum { GP_MATMUL_STEP = 16 };

typedef struct gp_matmul_engine {
    /* Packs weight [out, in] and bias [out]. bf16: all weights are bf16 values, and run() will get x as bf16; an engine
     * without bf16 returns GP_ERR_UNSUPPORTED.  The caller releases *packed with `free`. */
    gp_status (*pack)(const float *weight, const float *bias, size_t out, size_t in, bool bf16, void **packed,
                      gp_error *err);
    void (*free)(void *packed);
    size_t (*bytes)(const void *packed);
    size_t (*scratch)(const void *packed); /* bytes of scratch that run() needs, for any number of rows */
    /* Computes x [rows, in], float or bf16, -> y [rows, out]; applies `epilogue` unless it is NULL. x, y and scratch
     * are 64-byte aligned.  Threads: any. */
    gp_status (*run)(const void *packed, const void *x, float *y, size_t rows, gp_epilogue *epilogue, void *scratch,
                     gp_error *err);
    size_t block; /* maximum number of rows of run(): a multiple of GP_MATMUL_STEP and of `row_multiple` */
    /* If 0, linear.c divides x into blocks of `block` rows and a smaller last block.  Otherwise it divides x into
     * blocks of equal size, which is a multiple of this number of rows. */
    size_t row_multiple;
} gp_matmul_engine;

const gp_matmul_engine *gp_matmul_plain(void);
const gp_matmul_engine *gp_matmul_int8(void); /* multiplies in int8; x and y are still floats */
#ifdef GP_HAVE_ONEDNN
const gp_matmul_engine *gp_matmul_onednn(void);
/* Returns whether a row of an fp32 product has the same result with any number of rows, tested with a usual matrix
 * size.  The first call tests this.  Threads: any. */
bool gp_matmul_onednn_keeps_rows(void);
void gp_matmul_onednn_version(char *out, size_t size);
#endif

#endif
