/* SPDX-License-Identifier: MIT
 * The product y = x W^T + b by goldpan's own tile (kernel/multiply.c), fp32; with the plain kernel table it is the
 * reference for everything faster.
 *
 *     W [out, in] -- packed once -> panels [ceil(out/16)][in][16], the last one filled up with zeros
 *     for 384 of `in` at a time (a panel's part stays in the first-level cache, x's in the second)
 *         for each panel: y [rows, 16] += x part by panel part
 *
 * Every number of y is bias + the sum of its products in order: rows cannot influence each other. */
#include "tensor/matmul.h"

#include "base/mem.h"
#include "kernel/kernel.h"

#include <string.h>

enum { OUTS = GP_PANEL, DEPTH = 384 };

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

/* y [rows, 16] += x part by panel part, begun with the bias. */
static void panel_part(const plain *p, size_t first, size_t from, const float *x, float *y, size_t y_stride,
                       size_t rows)
{
    size_t depth = p->in - from < DEPTH ? p->in - from : DEPTH;
    if (from == 0)
        for (size_t r = 0; r < rows; r++) memcpy(y + r * y_stride, p->bias + first, OUTS * sizeof *y);
    gp_kernel_table()->multiply(x + from, p->in, p->panels + first * p->in + from * OUTS, depth, y, y_stride, rows);
}

/* The last outputs, when they do not fill a panel: into a block of their own, then copied. */
static void last_panel(const plain *p, size_t first, const float *x, float *y, size_t rows)
{
    float block[GP_MATMUL_BLOCK * OUTS];
    for (size_t from = 0; from < p->in; from += DEPTH) panel_part(p, first, from, x, block, OUTS, rows);
    for (size_t r = 0; r < rows; r++) memcpy(y + r * p->out + first, block + r * OUTS, (p->out - first) * sizeof *y);
}

static gp_status plain_run(const void *packed, const void *x, float *y, size_t rows, void *scratch, gp_error *err)
{
    (void)scratch, (void)err;
    const plain *p = packed;
    size_t full = p->out / OUTS * OUTS;
    for (size_t from = 0; from < p->in; from += DEPTH)
        for (size_t first = 0; first < full; first += OUTS) panel_part(p, first, from, x, y + first, p->out, rows);
    if (full < p->out) last_panel(p, full, x, y, rows);
    return GP_OK;
}

static size_t plain_bytes(const void *packed)
{
    return ((const plain *)packed)->bytes;
}

static size_t plain_scratch(const void *packed)
{
    (void)packed;
    return 0;
}

const gp_matmul_engine *gp_matmul_plain(void)
{
    static const gp_matmul_engine engine = {plain_pack, plain_free, plain_bytes, plain_scratch, plain_run};
    return &engine;
}
