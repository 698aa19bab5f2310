/* SPDX-License-Identifier: MIT
 * The transformer blocks of both towers.  The rows of all sequences form one matrix, so each of the four matrix
 * products of a block processes all sequences at once; only attention separates the sequences.  The last block computes
 * only the pooled tokens (pooled_attention.c), so its matrices are [n, d] after norm1.
 * The result of a row does not depend on the number of rows. */
#include "model/tower.h"

#include <math.h>
#include <string.h>

/* wide [r,3d] -> y [r,d] */
static void attend_all(const gp_tower *tower, const gp_batch *batch, gp_workspace *pass)
{
    const size_t d = tower->size.width, e = d / tower->size.heads;
    gp_attention a = {.q_stride = 3 * d,
                      .kv_stride = 3 * d,
                      .out_stride = d,
                      .e = e,
                      .causal = batch->causal,
                      .scale = 1.0f / sqrtf((float)e),
                      .scratch = pass->attend_scratch};
    size_t row = 0;
    for (size_t i = 0; i < batch->n; i++) {
        a.t = a.rows = gp_batch_tokens(batch, i);
        for (size_t h = 0; h < tower->size.heads; h++) {
            a.q = pass->wide + row * 3 * d + h * e;
            a.k = a.q + d;
            a.v = a.k + d;
            a.out = pass->y + row * d + h * e;
            pass->kernels->attend(&a);
        }
        row += a.t;
    }
}

/* Moves the pooled rows to the front: x [r,d] -> x [n,d].  Each row moves to the same or a lower index, so no pooled
 * row is overwritten before it is moved. */
static void gather(const gp_batch *batch, size_t d, float *x)
{
    size_t row = 0;
    for (size_t i = 0; i < batch->n; i++) {
        memmove(x + i * d, x + gp_batch_pooled(batch, i, row) * d, d * sizeof *x);
        row += gp_batch_tokens(batch, i);
    }
}

static gp_status run_block(const gp_tower *tower, const gp_block *block, const gp_batch *batch, size_t rows,
                           gp_workspace *p, gp_error *err)
{
    const size_t d = tower->size.width;
    const gp_kernels *k = p->kernels;
    gp_epilogue *act = tower->size.activation == GP_GELU ? k->gelu : k->quick_gelu;
    k->layer_norm(p->x, p->y, rows, d, block->norm1.gain, block->norm1.bias, tower->size.eps);
    if (block->pooled) {
        GP_TRY(gp_pooled_attention_run(tower, block->pooled, batch, p, err));
        gather(batch, d, p->x);
        rows = batch->n;
    } else {
        GP_TRY(gp_linear_run(block->qkv, p->y, p->wide, rows, NULL, p->linear_scratch, err)); /* [r,3d] */
        attend_all(tower, batch, p);
    }
    GP_TRY(gp_linear_run(block->out, p->y, p->wide, rows, NULL, p->linear_scratch, err)); /* [r,d] */
    k->add(p->x, p->wide, rows * d);

    k->layer_norm(p->x, p->y, rows, d, block->norm2.gain, block->norm2.bias, tower->size.eps);
    GP_TRY(gp_linear_run(block->fc1, p->y, p->wide, rows, act, p->linear_scratch, err));  /* [r,m] */
    GP_TRY(gp_linear_run(block->fc2, p->wide, p->y, rows, NULL, p->linear_scratch, err)); /* [r,d] */
    k->add(p->x, p->y, rows * d);
    return GP_OK;
}

gp_status gp_blocks_run(const gp_tower *tower, const gp_batch *batch, gp_workspace *pass, gp_error *err)
{
    size_t rows = 0, layers = tower->size.layers;
    for (size_t i = 0; i < batch->n; i++) rows += gp_batch_tokens(batch, i);
    for (size_t i = 0; i < layers; i++) {
        GP_TRY(gp_task_check(pass->task, err));
        GP_TRY(run_block(tower, &tower->blocks[i], batch, rows, pass, err));
    }
    return GP_OK;
}
