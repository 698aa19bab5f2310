/* SPDX-License-Identifier: MIT
 * The product y = x W^T + b by goldpan's own tile (kernel/multiply.c), fp32; with the plain kernel table it is the
 * reference for everything faster.
 *
 *     W [out, in] -- packed once -> panels [ceil(out/16)][in][16], the last one filled up with zeros
 *     for each panel: near [rows, 16] = bias
 *         for 256 of `in` at a time (which stay in the first-level cache): near += x part by panel part
 *         activation while it is near -> y
 *
 * Every number of y is bias + the sum of its products in order: rows cannot influence each other. */
#include "tensor/matmul.h"

#include "base/mem.h"
#include "kernel/kernel.h"

#include <string.h>

/* BLOCK: eight pictures of 50 tokens are two; FEW: rows, a multiple of every tile's. */
enum { OUTS = GP_PANEL, DEPTH = 256, BLOCK = 240, FEW = 12 };

typedef struct plain {
    size_t out, in, bytes;
    float *panels; /* [ceil(out/16), in, 16] */
    float *bias;   /* [ceil(out/16) * 16] */
} plain;

static void plain_free(void *packed)
{
    plain *p = packed;
    if (!p) return;
    gp_mem_free(p->panels);
    gp_mem_free(p->bias);
    gp_mem_free(p);
}

static gp_status plain_pack(const float *weight, const float *bias, size_t out, size_t in, bool bf16, void **packed,
                            gp_error *err)
{
    if (bf16) return gp_fail(err, GP_ERR_UNSUPPORTED, "the plain engine multiplies floats only");
    size_t outs = (out + OUTS - 1) / OUTS * OUTS, count;
    if (!gp_size_mul(outs, in, &count))
        return gp_fail(err, GP_ERR_LIMIT, "a matrix of %zu x %zu is too large", out, in);
    plain *p = NULL;
    void *part = NULL;
    gp_status st;
    GP_GO(gp_alloc(&part, 1, sizeof *p, "a packed matrix", err));
    p = part;
    *p = (plain){.out = out, .in = in, .bytes = (count + outs) * sizeof(float)};
    GP_GO(gp_alloc_aligned(&part, count, sizeof(float), "a packed matrix", err));
    p->panels = part;
    GP_GO(gp_alloc_aligned(&part, outs, sizeof(float), "a packed matrix", err));
    p->bias = part;
    for (size_t o = 0; o < outs; o++) {
        float *to = p->panels + o / OUTS * OUTS * in + o % OUTS;
        for (size_t i = 0; i < in; i++) to[i * OUTS] = o < out ? weight[o * in + i] : 0.0f;
        p->bias[o] = o < out ? bias[o] : 0.0f;
    }
    *packed = p;
    return GP_OK;
out:
    plain_free(p);
    return st;
}

/* y [rows, 16] += x [rows, depth] by a part of a panel, while `after` lines after it come nearer: they are asked for a
 * few at a time, between a few rows and the next. */
static void panel_part(const gp_kernels *kernels, const float *x, size_t x_stride, const float *part, size_t depth,
                       size_t after, float *y, size_t rows)
{
    const float *next = part + depth * OUTS;
    size_t asked = 0; /* lines of next */
    for (size_t row = 0; row < rows; row += FEW) {
        size_t some = rows - row < FEW ? rows - row : FEW;
        size_t until = (row + some) * after / rows;
        for (; asked < until; asked++) __builtin_prefetch(next + asked * OUTS);
        kernels->multiply(x + row * x_stride, x_stride, part, depth, y + row * OUTS, OUTS, some);
    }
}

static gp_status plain_run(const void *packed, const void *x, float *y, size_t rows, gp_then *then, void *scratch,
                           gp_error *err)
{
    (void)err;
    const gp_kernels *kernels = gp_kernel_table();
    const plain *p = packed;
    const size_t lines = (p->out + OUTS - 1) / OUTS * p->in;
    const float *from = x;
    float *near = scratch; /* [rows, 16] */
    for (size_t first = 0; first < p->out; first += OUTS) {
        const float *panel = p->panels + first * p->in;
        size_t columns = p->out - first < OUTS ? p->out - first : OUTS;
        for (size_t r = 0; r < rows; r++) memcpy(near + r * OUTS, p->bias + first, OUTS * sizeof *near);
        for (size_t at = 0; at < p->in; at += DEPTH) {
            size_t depth = p->in - at < DEPTH ? p->in - at : DEPTH;
            size_t left = lines - (first / OUTS * p->in + at + depth), after = left < DEPTH ? left : DEPTH;
            panel_part(kernels, from + at, p->in, panel + at * OUTS, depth, after, near, rows);
        }
        if (then) then(near, rows * OUTS);
        float *to = y + first;
        if (columns == OUTS)
            for (size_t r = 0; r < rows; r++) memcpy(to + r * p->out, near + r * OUTS, OUTS * sizeof *y);
        else
            for (size_t r = 0; r < rows; r++) memcpy(to + r * p->out, near + r * OUTS, columns * sizeof *y);
    }
    return GP_OK;
}

static size_t plain_bytes(const void *packed)
{
    return ((const plain *)packed)->bytes;
}

static size_t plain_scratch(const void *packed)
{
    (void)packed;
    return BLOCK * OUTS * sizeof(float);
}

const gp_matmul_engine *gp_matmul_plain(void)
{
    static const gp_matmul_engine engine = {plain_pack, plain_free, plain_bytes, plain_scratch, plain_run, BLOCK, FEW};
    return &engine;
}
