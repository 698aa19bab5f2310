/* SPDX-License-Identifier: MIT
 * Attention in the last block.  Only the pooled token of each sequence is needed, so each head has one query q per
 * sequence.  Then keys K x + k and values V x + v of the tokens x need not be computed:
 *
 *     q . (K x_j + k)       = (K^T q) . x_j + q . k, and softmax ignores q . k, which is the same for all tokens
 *     sum_j a_j (V x_j + v) = V (sum_j a_j x_j) + v, because the weights a_j sum to 1
 *
 * So each sequence needs three matrix products with one row, instead of three with all its tokens.  In exchange, the
 * queries of all heads have width d and attend to the rows x.  Sequences are processed in groups, so that the memory
 * does not depend on their number. */
#include "model/tower.h"

#include <math.h>
#include <string.h>

/* sequences that are processed together; a multiple of 16, so that gp_linear_padded_rows(n) never exceeds it */
enum { GROUP = 32 };

/* Buffers inside pass->wide.  G is GROUP. */
typedef struct places {
    float *in;        /* [G, d] rows of the pooled tokens */
    float *query;     /* [G, d] */
    float *part;      /* [G, e] columns of one head: first of the queries, later of the output */
    float *key_query; /* [h, G, d] K^T q */
    float *mean;      /* [h, G, d] sum_j a_j x_j */
} places;

static size_t head_width(const gp_tower *tower)
{
    return tower->size.width / tower->size.heads;
}

size_t gp_pooled_attention_floats(const gp_tower *tower)
{
    return GROUP * (tower->size.width * (2 + 2 * (size_t)tower->size.heads) + head_width(tower));
}

size_t gp_pooled_attention_scratch(const gp_pooled_attention *pooled)
{
    size_t most = gp_linear_scratch(pooled->query, GROUP);
    for (size_t h = 0; h < pooled->heads; h++) {
        const size_t some[] = {gp_linear_scratch(pooled->keys[h], GROUP), gp_linear_scratch(pooled->values[h], GROUP)};
        for (size_t i = 0; i < 2; i++) most = some[i] > most ? some[i] : most;
    }
    return most;
}

gp_status gp_pooled_attention_pack(const float *weight, const float *bias, size_t heads, size_t d,
                                   gp_precision precision, gp_engine engine, gp_pooled_attention **out, gp_error *err)
{
    const size_t e = d / heads;
    const float *key = weight + d * d, *value = key + d * d;
    gp_pooled_attention *p = NULL;
    float *transposed = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_alloc((void **)&p, 1, sizeof *p, "a block", err));
    *p = (gp_pooled_attention){.heads = heads};
    p->keys = gp_mem_zero(heads, sizeof *p->keys);
    p->values = gp_mem_zero(heads, sizeof *p->values);
    if (!p->keys || !p->values) GP_TRY_GOTO(gp_fail_memory(err, "a block"));
    GP_TRY_GOTO(gp_alloc((void **)&transposed, d * e, sizeof *transposed, "a matrix", err));
    GP_TRY_GOTO(gp_linear_new(weight, GP_F32, bias, d, d, precision, engine, &p->query, err));
    for (size_t h = 0; h < heads; h++) {
        for (size_t o = 0; o < d; o++)
            for (size_t i = 0; i < e; i++) transposed[o * e + i] = key[(h * e + i) * d + o];
        GP_TRY_GOTO(gp_linear_new(transposed, GP_F32, NULL, d, e, precision, engine, &p->keys[h], err));
        GP_TRY_GOTO(gp_linear_new(value + h * e * d, GP_F32, bias + 2 * d + h * e, e, d, precision, engine,
                                  &p->values[h], err));
    }
    *out = p;
    p = NULL;
out:
    gp_mem_free(transposed);
    gp_pooled_attention_free(p);
    return st;
}

void gp_pooled_attention_free(gp_pooled_attention *pooled)
{
    if (!pooled) return;
    for (size_t h = 0; h < pooled->heads; h++) {
        if (pooled->keys) gp_linear_free(pooled->keys[h]);
        if (pooled->values) gp_linear_free(pooled->values[h]);
    }
    gp_linear_free(pooled->query);
    gp_mem_free(pooled->keys);
    gp_mem_free(pooled->values);
    gp_mem_free(pooled);
}

/* take_head copies columns first .. first + e - 1 of x [n, d] to part [n, e]; put_head copies them back. */
static void take_head(const float *x, size_t d, size_t first, float *part, size_t e, size_t n)
{
    for (size_t i = 0; i < n; i++) memcpy(part + i * e, x + i * d + first, e * sizeof *part);
}

static void put_head(const float *part, size_t e, float *x, size_t d, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++) memcpy(x + i * d + first, part + i * e, e * sizeof *part);
}

static places places_of(const gp_tower *tower, float *at)
{
    const size_t d = tower->size.width, all = GROUP * d;
    places p = {.in = at, .query = at + all, .key_query = at + 2 * all};
    p.mean = p.key_query + tower->size.heads * all;
    p.part = p.mean + tower->size.heads * all;
    return p;
}

/* Computes the attention output of a group of n sequences: out [n, d].  Before the call, *row is the row in pass->y at
 * which the group begins; after the call, the row at which the next group begins. */
static gp_status run_group(const gp_tower *tower, const gp_pooled_attention *pooled, const gp_batch *batch,
                           size_t first, size_t n, size_t *row, gp_workspace *pass, float *out, gp_error *err)
{
    const size_t d = tower->size.width, e = head_width(tower), heads = tower->size.heads, apart = GROUP * d;
    const places p = places_of(tower, pass->wide);
    gp_attention a = {.q_stride = apart,
                      .kv_stride = d,
                      .out_stride = apart,
                      .rows = heads,
                      .e = d,
                      .scale = 1.0f / sqrtf((float)e),
                      .scratch = pass->attend_scratch};
    size_t at = *row;
    for (size_t i = 0; i < n; i++) {
        memcpy(p.in + i * d, pass->y + gp_batch_pooled(batch, first + i, at) * d, d * sizeof *p.in);
        at += gp_batch_tokens(batch, first + i);
    }
    GP_TRY(gp_linear_run(pooled->query, p.in, p.query, n, NULL, pass->linear_scratch, err));
    for (size_t h = 0; h < heads; h++) {
        take_head(p.query, d, h * e, p.part, e, n);
        GP_TRY(gp_linear_run(pooled->keys[h], p.part, p.key_query + h * apart, n, NULL, pass->linear_scratch, err));
    }
    for (size_t i = 0; i < n; i++) {
        a.t = gp_batch_tokens(batch, first + i);
        a.q = p.key_query + i * d;
        a.k = a.v = pass->y + *row * d;
        a.out = p.mean + i * d;
        pass->kernels->attend(&a);
        *row += a.t;
    }
    for (size_t h = 0; h < heads; h++) {
        GP_TRY(gp_linear_run(pooled->values[h], p.mean + h * apart, p.part, n, NULL, pass->linear_scratch, err));
        put_head(p.part, e, out, d, h * e, n);
    }
    return GP_OK;
}

gp_status gp_pooled_attention_run(const gp_tower *tower, const gp_pooled_attention *pooled, const gp_batch *batch,
                                  gp_workspace *pass, gp_error *err)
{
    size_t row = 0;
    for (size_t i = 0; i < batch->n; i += GROUP) {
        size_t n = batch->n - i < GROUP ? batch->n - i : GROUP;
        /* The output overwrites rows i..i+n-1 of pass->y.  Each sequence has at least one token, so these rows belong
         * to this group or to earlier groups.  run_group has read all of these rows before it writes the output. */
        GP_TRY(run_group(tower, pooled, batch, i, n, &row, pass, pass->y + i * tower->size.width, err));
    }
    return GP_OK;
}
