/* SPDX-License-Identifier: MIT
 * Checks the int8 kernels: exact sums against sums in 64 bits, rounding against its definition in double, and every
 * table against the C reference, bit for bit. */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_quantise(const gp_kernels *k)
{
    size_t n = 1 + below(700);
    float *x = take_floats(n, 4), size = ldexpf(1, (int)below(40) - 20);
    uint8_t *q = take(n, 1), *twin = take(n, 1);
    int32_t zero, twin_zero;
    double least = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        x[i] = (x[i] + (float)below(3) - 1) * size;
        least = fmin(least, (double)x[i]), most = fmax(most, (double)x[i]);
    }
    if (below(50) == 0) memset(x, 0, n * sizeof *x), least = most = 0;
    float scale = k->quantise(x, n, q, &zero), twin_scale = gp_kernel_table_c()->quantise(x, n, twin, &twin_zero);
    same(&scale, &twin_scale, sizeof scale);
    same(&zero, &twin_zero, sizeof zero);
    same(q, twin, n);
    near((double)scale, (most - least) / 255, (most - least) / 255 + 1e-30, 1e-6);
    if (zero < 0 || zero > 255) complain("zero lies outside");
    /* the rounding error is at most half a step; at the ends of the range it is at most one step, because the zero
     * point is rounded too */
    for (size_t i = 0; i < n; i++)
        near((double)scale * (q[i] - zero), (double)x[i], (double)scale + 1e-30,
             q[i] == 0 || q[i] == 255 ? 1.001 : 0.501); /* measured 0.9999, 0.5000 */
    x[below(n)] = below(2) ? NAN : INFINITY;
    if (!isnan(k->quantise(x, n, q, &zero))) complain("a number that is not finite is not told");
}

void check_multiply8(const gp_kernels *k)
{
    size_t rows = 1 + below(20), in = 4 * (1 + below(150)), count = 1 + below(7), x_stride = in + below(9);
    size_t panel_stride = in * GP_PANEL + 64 * below(3), y_stride = count * GP_PANEL + below(20);
    bool full = below(8) == 0; /* the largest possible sums */
    uint8_t *x = take(rows * x_stride, 1);
    int8_t *panels = take(count * panel_stride, 1);
    int32_t *y = take(rows * y_stride * 4, 4), *start = take(rows * y_stride * 4, 4);
    for (size_t i = 0; i < rows * x_stride; i++) x[i] = full ? 255 : (uint8_t)draw();
    for (size_t i = 0; i + 1 < count * panel_stride; i += 2) {
        panels[i] = (int8_t)(full ? 64 : (int)below(255) - 127);
        int left = GP_INT8_PAIR_MAX - abs(panels[i]);
        panels[i + 1] = (int8_t)(full                       ? 64
                                 : left == GP_INT8_PAIR_MAX ? -127
                                                            : (int)below(2 * (unsigned)left + 1) - left);
    }
    for (size_t i = 0; full && below(2) && i < count * panel_stride; i++) panels[i] = -64;
    memcpy(start, y, rows * y_stride * 4);
    k->gemm_int8(x, x_stride, panels, panel_stride, count, in, y, y_stride, rows);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < y_stride; o++) {
            int64_t sum = o < count * GP_PANEL ? 0 : start[r * y_stride + o];
            const int8_t *panel = panels + o / GP_PANEL * panel_stride + o % GP_PANEL * 4;
            for (size_t i = 0; o < count * GP_PANEL && i < in; i++)
                sum += x[r * x_stride + i] * panel[i / 4 * 4 * GP_PANEL + i % 4];
            if (y[r * y_stride + o] != sum) complain("a sum is not exact");
        }
}

void check_dequantise(const gp_kernels *k)
{
    size_t rows = 1 + below(12), columns = GP_PANEL * (1 + below(6)), sums_stride = columns + below(5);
    size_t y_stride = columns + below(5);
    int32_t *sums = take(rows * sums_stride * 4, 4), *zeros = take(rows * 4, 4), *weight_sums = take(columns * 4, 4);
    float *scales = take_floats(rows, 4), *weight_scales = take_floats(columns, 4), *bias = take_floats(columns, 4);
    float *y = take_floats(rows * y_stride, 4), *twin = take(rows * y_stride * 4, 4);
    for (size_t i = 0; i < rows * sums_stride; i++) sums[i] = (int32_t)below(1u << 25) - (1 << 24);
    for (size_t i = 0; i < columns; i++) weight_sums[i] = (int32_t)below(1u << 16) - (1 << 15);
    for (size_t i = 0; i < rows; i++) zeros[i] = (int32_t)below(256);
    memcpy(twin, y, rows * y_stride * 4);
    k->dequantise(sums, sums_stride, rows, columns, zeros, scales, weight_sums, weight_scales, bias, y, y_stride);
    gp_kernel_table_c()->dequantise(sums, sums_stride, rows, columns, zeros, scales, weight_sums, weight_scales, bias,
                                    twin, y_stride);
    same(y, twin, rows * y_stride * 4);
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < columns; o++) {
            double whole = (double)sums[r * sums_stride + o] - (double)zeros[r] * (double)weight_sums[o];
            double wanted = whole * (double)scales[r] * (double)weight_scales[o] + (double)bias[o];
            near((double)y[r * y_stride + o], wanted, fabs(wanted) + fabs((double)bias[o]), 4e-7); /* measured 2e-7 */
        }
}

void bench_eight(const gp_kernels *k)
{
    enum { ROWS = 192, IN = 768, COUNT = 6, COLUMNS = COUNT * GP_PANEL };
    uint8_t *x = take(ROWS * IN, 0);
    int8_t *panels = take(COUNT * IN * GP_PANEL, 0);
    int32_t *sums = take(ROWS * COLUMNS * 4, 0), *zeros = take(ROWS * 4, 0);
    float *from = take_floats(ROWS * IN, 0), *y = take_floats(ROWS * COLUMNS, 0), *scales = take_floats(ROWS, 0);
    for (size_t i = 0; i < COUNT * IN * GP_PANEL; i++) panels[i] = (int8_t)((int)below(129) - 64);
    BENCH("quantise", ROWS * IN, "Gnumbers/s",
          for (size_t r = 0; r < ROWS; r++) scales[r] = k->quantise(from + r * IN, IN, x + r * IN, zeros + r));
    BENCH("multiply8", 2.0 * (double)ROWS * (double)IN * (double)COLUMNS, "GOP/s",
          k->gemm_int8(x, IN, panels, IN * GP_PANEL, COUNT, IN, sums, COLUMNS, ROWS));
    BENCH("dequantise", ROWS * COLUMNS, "Gnumbers/s",
          k->dequantise(sums, COLUMNS, ROWS, COLUMNS, zeros, scales, sums, from, from, y, COLUMNS));
    buffers_done();
}
