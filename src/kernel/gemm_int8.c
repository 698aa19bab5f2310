/* SPDX-License-Identifier: MIT
 * Products of 8-bit numbers, exact in 32 bits:  x [rows, in] by panels [in/4][16][4]  ->  y [rows, 16] each.
 *
 * Four numbers of `in` stand side by side for each column, as the instructions that gemm bytes want them.  AVX2
 * adds two products in 16 bits, where 255 * 128 just has room: so of the first two of the four, and of the last two,
 * the sizes add up to 128 at most.  Where all machines keep to that they give the same sums, and 8-bit results do not
 * depend on the machine. */
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
