/* SPDX-License-Identifier: MIT
 * GEMM micro-kernel: multiplies rows of x by one panel of packed weights and adds the products to y.
 *
 *     x [rows, in] by panel [in, 16]  ->  y [rows, 16] +=
 *
 * The sums of a tile stay in registers during the loop over `in`.  The tile size follows the registers:
 *   16 registers of 8 floats: 6 rows by 2 vectors (12 sums, 2 weights, 1 number of x)
 *   16 registers of 4 floats: 4 rows by 2 vectors
 *   32 registers of 4 floats: 6 rows by 4 vectors (24 sums, 4 weights, 1 number of x)
 * Every number of y is y + a sum in order of `in`, in every tile, so rows cannot influence each other.  The tile is
 * inlined for each number of rows, so that compilers unroll the loops. */
#include "kernel/simd.h"
#include "kernel/reference.h"

/* files that are built for more registers define GP_TILE_VECTORS and GP_TILE_ROWS before they include this file */
#ifndef GP_TILE_VECTORS
#define GP_TILE_VECTORS 2
#define GP_TILE_ROWS    (GP_LANES == 4 ? 4 : 6)
#endif

enum { COLUMNS = GP_PANEL, VECTORS = GP_TILE_VECTORS, TILE = VECTORS * GP_LANES, MOST = GP_TILE_ROWS };

static inline __attribute__((always_inline)) void tile(const float *x, size_t x_stride, const float *panel, size_t in,
                                                       float *y, size_t y_stride, size_t rows)
{
    gp_vec sum[MOST][VECTORS];
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECTORS; v++) sum[r][v] = GP_LANES_AT(y + r * y_stride + v * GP_LANES);
    for (size_t i = 0; i < in; i++) {
        gp_vec w[VECTORS];
        for (size_t v = 0; v < VECTORS; v++) w[v] = GP_LANES_AT(panel + i * COLUMNS + v * GP_LANES);
        for (size_t r = 0; r < rows; r++)
            for (size_t v = 0; v < VECTORS; v++) sum[r][v] += x[r * x_stride + i] * w[v];
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t v = 0; v < VECTORS; v++) GP_LANES_PUT(y + r * y_stride + v * GP_LANES, sum[r][v]);
}

void gp_gemm_c(const float *x, size_t x_stride, const float *panel, size_t in, float *y, size_t y_stride, size_t rows)
{
    for (size_t column = 0; column < COLUMNS; column += TILE) {
        size_t row = 0;
        for (; row + MOST <= rows; row += MOST)
            tile(x + row * x_stride, x_stride, panel + column, in, y + row * y_stride + column, y_stride, MOST);
        for (; row + 4 <= rows; row += 4)
            tile(x + row * x_stride, x_stride, panel + column, in, y + row * y_stride + column, y_stride, 4);
        for (; row + 2 <= rows; row += 2)
            tile(x + row * x_stride, x_stride, panel + column, in, y + row * y_stride + column, y_stride, 2);
        for (; row < rows; row++)
            tile(x + row * x_stride, x_stride, panel + column, in, y + row * y_stride + column, y_stride, 1);
    }
}

float gp_dot_float_c(const float *a, const float *b, size_t n)
{
    enum { SUMS = 4 };
    gp_vec sums[SUMS] = {{0}};
    size_t i = 0;
    for (; i + SUMS * GP_LANES <= n; i += SUMS * GP_LANES)
        for (size_t s = 0; s < SUMS; s++)
            sums[s] += GP_LANES_AT(a + i + s * GP_LANES) * GP_LANES_AT(b + i + s * GP_LANES);
    gp_vec all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float sum = 0;
    for (; i < n; i++) sum += a[i] * b[i];
    for (size_t l = 0; l < GP_LANES; l++) sum += all[l];
    return sum;
}
