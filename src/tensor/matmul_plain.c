/* SPDX-License-Identifier: MIT
 * The product y = x W^T + b by goldpan's own tile (kernel/gemm.c), fp32; with the plain kernel table it is the
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
    if (bf16) return gp_fail(err, GP_ERR_UNSUPPORTED, "the plain engine supports only fp32");
    size_t outs = (out + OUTS - 1) / OUTS * OUTS, count;
    if (!gp_size_mul(outs, in, &count))
        return gp_fail(err, GP_ERR_LIMIT, "a matrix of %zu x %zu is too large", out, in);
    plain *p = NULL;
    void *part = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_alloc(&part, 1, sizeof *p, "a packed matrix", err));
    p = part;
    *p = (plain){.out = out, .in = in, .bytes = (count + outs) * sizeof(float)};
    GP_TRY_GOTO(gp_alloc_aligned(&part, count, sizeof(float), "a packed matrix", err));
    p->panels = part;
    GP_TRY_GOTO(gp_alloc_aligned(&part, outs, sizeof(float), "a packed matrix", err));
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

/* A panel and what is made of it. */
typedef struct strip {
    const plain *p;
    size_t first, columns; /* outputs */
    const float *x;        /* [rows, in] */
    float *near;           /* [rows, 16] sums */
    float *y;              /* [rows, out] */
    size_t rows;
    gp_epilogue *epilogue;
} strip;

/* Results of a few rows, to y: their stores overlap with the products of the next few. */
static void put(const strip *s, size_t row, size_t some)
{
    const float *from = s->near + row * OUTS;
    float *to = s->y + row * s->p->out + s->first;
    if (s->epilogue) s->epilogue(s->near + row * OUTS, some * OUTS);
    if (s->columns == OUTS)
        for (size_t r = 0; r < some; r++) memcpy(to + r * s->p->out, from + r * OUTS, OUTS * sizeof *to);
    else
        for (size_t r = 0; r < some; r++) memcpy(to + r * s->p->out, from + r * OUTS, s->columns * sizeof *to);
}

/* near += x by the part of the panel that begins at `at`, while `after` lines after it come nearer: they are asked for
 * a few at a time, between a few rows and the next. */
static void panel_part(const gp_kernels *kernels, const strip *s, size_t at, size_t depth, size_t after)
{
    const plain *p = s->p;
    const float *part = p->panels + s->first * p->in + at * OUTS, *next = part + depth * OUTS;
    size_t asked = 0; /* lines of next */
    for (size_t row = 0; row < s->rows; row += FEW) {
        size_t some = s->rows - row < FEW ? s->rows - row : FEW, until = (row + some) * after / s->rows;
        float *near = s->near + row * OUTS;
        for (; asked < until; asked++) __builtin_prefetch(next + asked * OUTS);
        for (size_t r = 0; at == 0 && r < some; r++) memcpy(near + r * OUTS, p->bias + s->first, OUTS * sizeof *near);
        kernels->gemm(s->x + row * p->in + at, p->in, part, depth, near, OUTS, some);
        if (at + depth == p->in) put(s, row, some);
    }
}

static gp_status plain_run(const void *packed, const void *x, float *y, size_t rows, gp_epilogue *epilogue,
                           void *scratch, gp_error *err)
{
    (void)err;
    const gp_kernels *kernels = gp_kernel_table();
    const plain *p = packed;
    const size_t lines = (p->out + OUTS - 1) / OUTS * p->in;
    strip s = {.p = p, .x = x, .near = scratch, .y = y, .rows = rows, .epilogue = epilogue};
    for (s.first = 0; s.first < p->out; s.first += OUTS) {
        s.columns = p->out - s.first < OUTS ? p->out - s.first : OUTS;
        for (size_t at = 0; at < p->in; at += DEPTH) {
            size_t depth = p->in - at < DEPTH ? p->in - at : DEPTH;
            size_t left = lines - (s.first / OUTS * p->in + at + depth);
            panel_part(kernels, &s, at, depth, left < DEPTH ? left : DEPTH);
        }
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
