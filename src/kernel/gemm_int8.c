/* SPDX-License-Identifier: MIT
 * int8 GEMM micro-kernel, exact in 32 bits:  x [rows, in] by panels [in/4][16][4]  ->  y [rows, 16] each.
 *
 * A panel stores four consecutive numbers of `in` side by side for each column, the layout of the CPU's byte products.
 * AVX2 adds two products in 16 bits and saturates at 32767; 255 * 128 = 32640 just fits.  So the absolute values of the
 * first two of four weights, and of the last two, sum to at most 128 (GP_INT8_PAIR_MAX).  With this limit no kernel
 * saturates, and int8 results are the same on every machine. */
#include "kernel/reference.h"

void gp_gemm_int8_c(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                    size_t in, int32_t *y, size_t y_stride, size_t rows)
{
    for (size_t p = 0; p < count; p++, panels += panel_stride, y += GP_PANEL)
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *row = x + r * x_stride;
            int32_t sum[GP_PANEL] = {0};
            for (size_t i = 0; i < in; i += 4)
                for (size_t o = 0; o < GP_PANEL; o++) {
                    const int8_t *w = panels + i * GP_PANEL + o * 4;
                    sum[o] += row[i] * w[0] + row[i + 1] * w[1] + row[i + 2] * w[2] + row[i + 3] * w[3];
                }
            for (size_t o = 0; o < GP_PANEL; o++) y[r * y_stride + o] = sum[o];
        }
}
