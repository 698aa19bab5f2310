/* SPDX-License-Identifier: MIT
 * int8 GEMM for AVX512-VNNI: one instruction multiplies and adds four bytes of sixteen columns.  A tile of eight rows
 * by three panels needs 28 of 32 registers: 24 sums, 3 vectors of the panels, 1 of x. */
#include "kernel/x86/variants.h"

#include <immintrin.h>
#include <string.h>

static inline __attribute__((always_inline)) void tile(const uint8_t *x, size_t x_stride, const int8_t *panels,
                                                       size_t panel_stride, size_t in, int32_t *y, size_t y_stride,
                                                       size_t rows, size_t count)
{
    __m512i sum[8][3];
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < count; p++) sum[r][p] = _mm512_setzero_si512();
    for (size_t i = 0; i < in; i += 4) {
        __m512i w[3];
        for (size_t p = 0; p < count; p++) w[p] = _mm512_loadu_si512(panels + p * panel_stride + i * GP_PANEL);
        for (size_t r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, x + r * x_stride + i, sizeof four);
            __m512i v = _mm512_set1_epi32(four);
            for (size_t p = 0; p < count; p++) sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], v, w[p]);
        }
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t p = 0; p < count; p++) _mm512_storeu_si512(y + r * y_stride + p * GP_PANEL, sum[r][p]);
}

static inline __attribute__((always_inline)) void multiply_panels(const uint8_t *x, size_t x_stride,
                                                                  const int8_t *panels, size_t panel_stride, size_t in,
                                                                  int32_t *y, size_t y_stride, size_t rows,
                                                                  size_t count)
{
    size_t row = 0;
    for (; row + 8 <= rows; row += 8)
        tile(x + row * x_stride, x_stride, panels, panel_stride, in, y + row * y_stride, y_stride, 8, count);
    for (; row < rows; row++)
        tile(x + row * x_stride, x_stride, panels, panel_stride, in, y + row * y_stride, y_stride, 1, count);
}

void gp_gemm_int8_vnni(const uint8_t *x, size_t x_stride, const int8_t *panels, size_t panel_stride, size_t count,
                       size_t in, int32_t *y, size_t y_stride, size_t rows)
{
    size_t p = 0;
    for (; p + 3 <= count; p += 3)
        multiply_panels(x, x_stride, panels + p * panel_stride, panel_stride, in, y + p * GP_PANEL, y_stride, rows, 3);
    if (count - p == 2)
        multiply_panels(x, x_stride, panels + p * panel_stride, panel_stride, in, y + p * GP_PANEL, y_stride, rows, 2);
    if (count - p == 1)
        multiply_panels(x, x_stride, panels + p * panel_stride, panel_stride, in, y + p * GP_PANEL, y_stride, rows, 1);
}
