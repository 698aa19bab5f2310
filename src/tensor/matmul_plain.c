/* SPDX-License-Identifier: MIT
 * The readable product y = x W^T + b, fp32, and the reference for the other engines.
 *
 *     W [out, in] -- packed once -> panels [ceil(out/8)][in][8], the last one filled up with zeros
 *     tile of y: 4 rows x 8 outputs, kept in registers, one step of `in` at a time
 *
 * Every number of y is bias + the sum of in products in order: rows cannot influence each other.  A panel stays in the
 * first-level cache while all rows of the block pass. */
#include "tensor/matmul.h"

#include "base/mem.h"
#include "kernel/lanes.h"

enum { ROWS = 4, OUTS = 2 * GP_LANES };

typedef struct plain {
    size_t out, in, bytes;
    float *panels; /* [ceil(out/8), in, 8] */
    float *bias;   /* [ceil(out/8) * 8] */
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

/* bias + x panel for four rows x [4, in] and the eight outputs of one panel [in, 8]. */
static void tile(const float *x, const float *panel, const float *bias, size_t in, float sum[ROWS][OUTS])
{
    gp_lanes low[ROWS], high[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        low[r] = GP_LANES_AT(bias);
        high[r] = GP_LANES_AT(bias + GP_LANES);
    }
    for (size_t i = 0; i < in; i++) {
        gp_lanes w_low = GP_LANES_AT(panel + i * OUTS), w_high = GP_LANES_AT(panel + i * OUTS + GP_LANES);
        for (size_t r = 0; r < ROWS; r++) {
            low[r] += x[r * in + i] * w_low;
            high[r] += x[r * in + i] * w_high;
        }
    }
    for (size_t r = 0; r < ROWS; r++) {
        GP_LANES_PUT(sum[r], low[r]);
        GP_LANES_PUT(sum[r] + GP_LANES, high[r]);
    }
}

static gp_status plain_run(const void *packed, const void *x, float *y, size_t rows, void *scratch, gp_error *err)
{
    (void)scratch, (void)err;
    const plain *p = packed;
    for (size_t first = 0; first < p->out; first += OUTS) {
        size_t width = p->out - first < OUTS ? p->out - first : OUTS;
        for (size_t row = 0; row < rows; row += ROWS) {
            float sum[ROWS][OUTS];
            tile((const float *)x + row * p->in, p->panels + first * p->in, p->bias + first, p->in, sum);
            for (size_t r = 0; r < ROWS; r++)
                for (size_t o = 0; o < width; o++) y[(row + r) * p->out + first + o] = sum[r][o];
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
    return 0;
}

const gp_matmul_engine *gp_matmul_plain(void)
{
    static const gp_matmul_engine engine = {plain_pack, plain_free, plain_bytes, plain_scratch, plain_run};
    return &engine;
}
