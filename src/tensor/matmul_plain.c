/* SPDX-License-Identifier: MIT
 * fp32 GEMM: y = x W^T + b with goldpan's micro-kernel (kernel/gemm.c).  With the table of C reference kernels it is
 * the reference for the other engines.
 *
 *     W [out, in] -- packed once -> panels [ceil(out/16)][in][16]; the last panel is padded with zeros
 *     for each panel: sums [rows, 16] = bias
 *         for 256 columns of x at a time, so that this part of the panel stays in the L1 cache:
 *             sums += part of x by part of the panel
 *         epilogue while the sums are in the cache, then sums -> y
 *
 * Each number of y is the bias plus its products in a fixed order, so rows do not influence each other. */
#include "tensor/matmul.h"

#include "base/mem.h"
#include "kernel/kernel.h"

#include <string.h>

enum {
    OUTS = GP_PANEL,
    DEPTH = 256, /* columns of x that are multiplied at a time */
    BLOCK = 240, /* rows of a block; eight images of 50 tokens are 400 rows, which fit into two blocks */
    ROWS = 12    /* rows that are multiplied at a time: a multiple of the row count of every micro-kernel */
};

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

/* The state of multiplying x by one panel. */
typedef struct panel_job {
    const plain *p;
    size_t first, columns; /* columns of y */
    const float *x;        /* [rows, in] */
    float *sums;           /* [rows, 16] */
    float *y;              /* [rows, out] */
    size_t rows;
    gp_epilogue *epilogue;
} panel_job;

/* Applies the epilogue to `some` rows and copies them to y. The CPU overlaps these stores with the products of the
 * next rows. */
static void store_rows(const panel_job *s, size_t row, size_t some)
{
    const float *from = s->sums + row * OUTS;
    float *to = s->y + row * s->p->out + s->first;
    if (s->epilogue) s->epilogue(s->sums + row * OUTS, some * OUTS);
    if (s->columns == OUTS)
        for (size_t r = 0; r < some; r++) memcpy(to + r * s->p->out, from + r * OUTS, OUTS * sizeof *to);
    else
        for (size_t r = 0; r < some; r++) memcpy(to + r * s->p->out, from + r * OUTS, s->columns * sizeof *to);
}

/* Adds the product of x and a part of the panel to `sums`; the part begins at column `at` of x. Also prefetches the
 * `after` cache lines of weights that follow this part: a few of these lines before each group of rows. */
static void panel_part(const gp_kernels *kernels, const panel_job *s, size_t at, size_t depth, size_t after)
{
    const plain *p = s->p;
    const float *part = p->panels + s->first * p->in + at * OUTS, *next = part + depth * OUTS;
    size_t fetched = 0; /* number of cache lines of `next` that were prefetched */
    for (size_t row = 0; row < s->rows; row += ROWS) {
        size_t some = s->rows - row < ROWS ? s->rows - row : ROWS, until = (row + some) * after / s->rows;
        float *sums = s->sums + row * OUTS;
        for (; fetched < until; fetched++) __builtin_prefetch(next + fetched * OUTS);
        for (size_t r = 0; at == 0 && r < some; r++) memcpy(sums + r * OUTS, p->bias + s->first, OUTS * sizeof *sums);
        kernels->gemm(s->x + row * p->in + at, p->in, part, depth, sums, OUTS, some);
        if (at + depth == p->in) store_rows(s, row, some);
    }
}

static gp_status plain_run(const void *packed, const void *x, float *y, size_t rows, gp_epilogue *epilogue,
                           void *scratch, gp_error *err)
{
    (void)err;
    const gp_kernels *kernels = gp_kernel_table();
    const plain *p = packed;
    const size_t lines = (p->out + OUTS - 1) / OUTS * p->in;
    panel_job s = {.p = p, .x = x, .sums = scratch, .y = y, .rows = rows, .epilogue = epilogue};
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
    static const gp_matmul_engine engine = {plain_pack, plain_free, plain_bytes, plain_scratch, plain_run, BLOCK, ROWS};
    return &engine;
}
