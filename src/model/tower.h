/* SPDX-License-Identifier: MIT
 * The two towers in memory, and the steps that run them; inner header of the model room.
 * Letters: n sequences (images, texts), t tokens of one, r rows (tokens of all), d width, m hidden width of the MLP,
 * h heads, e width of the common space.
 *
 *   image: planes [n,3,s,s] -> patches -> [r,d] + class token + positions -> layer norm -> blocks -> token 0
 *   text:  ids -> [r,d] + positions -> blocks (causal) -> the pooled token
 *   both:  [n,d] -> last layer norm ("pooled") -> projection [n,e] -> L2
 *   block: x += out(attention(qkv(norm1 x)));  x += fc2(act(fc1(norm2 x)))
 *
 * Source: "Learning Transferable Visual Models From Natural Language Supervision" (Radford et al. 2021) and the
 * modelling code of transformers, whose numbers tests/golden/towers holds. */
#ifndef GP_MODEL_TOWER_H
#define GP_MODEL_TOWER_H

#include "base/mem.h"
#include "kernel/kernel.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "tensor/linear.h"

typedef struct gp_norm {
    float *gain, *bias; /* [d] */
} gp_norm;

/* Attention of the last block (pooled_attention.c): of head h keys [d, e], transposed, and values [e, d]; query [d, d]. */
typedef struct gp_pooled_attention {
    size_t heads;
    gp_linear *query;
    gp_linear **keys, **values; /* [heads] */
} gp_pooled_attention;

typedef struct gp_block {
    gp_norm norm1, norm2;
    gp_linear *qkv;              /* [3d, d]: query, key and value weights one under the other; NULL in the last block */
    gp_pooled_attention *pooled; /* of the last block alone */
    gp_linear *out;              /* [d, d] */
    gp_linear *fc1;              /* [m, d] */
    gp_linear *fc2;              /* [d, m] */
} gp_block;

typedef struct gp_tower {
    gp_tower_config size;
    gp_block *blocks;      /* [layers] */
    gp_norm last;          /* post_layernorm, final_layer_norm */
    gp_linear *projection; /* [e, d], no bias */
    float *positions;      /* [t, d] image, [context, d] text */
} gp_tower;

typedef struct gp_weights {
    gp_clip_config config;
    gp_tower image, text;
    gp_linear *patch;     /* [d, 3*p*p], no bias */
    float *class_token;   /* [d] */
    gp_norm first;        /* pre_layrnorm */
    uint8_t *token_table; /* [vocabulary, d] of token_dtype: the one large table that is only looked up in */
    gp_dtype token_dtype;
    gp_arena floats;    /* every [..] of floats above */
    double logit_scale; /* exp of the stored value; 0 for a tower alone */
    uint64_t parameters;
    const char *dtype; /* "F32", "F16", "BF16" or "mixed" */
    gp_hash hash;      /* of all tensors */
} gp_weights;

/* Finds, checks, converts and packs all tensors of the config; the set may be closed afterwards. A prefix common to all
 * names is removed from the names in the set. FORMAT: a tensor is missing, has the wrong shape, or has numbers that are
 * not finite. */
gp_status gp_weights_load(gp_tensors *set, const gp_clip_config *config, gp_precision precision, gp_engine engine,
                          gp_weights *out, gp_error *err);
void gp_weights_clear(gp_weights *weights);

/* Memory of a forward pass.  Every buffer has as many rows as gp_linear_padded_rows(rows it is used with). */
typedef struct gp_workspace {
    const gp_kernels *kernels;
    float *x;              /* [r, d] the residual stream */
    float *y;              /* [r, d] */
    float *wide;           /* [r, 3d or m], the patches [n*(t-1), 3*p*p], or what gp_pooled_attention_run needs */
    float *attend_scratch; /* gp_attention_scratch(longest t, head size or d) */
    void *linear_scratch;
} gp_workspace;

/* Sequences that lie in x one after the other. */
typedef struct gp_batch {
    size_t n;
    const size_t *counts; /* [n] tokens of each; NULL: `each` tokens */
    size_t each;
    bool causal;
    bool pool_last; /* the last token is wanted of each, else the first */
} gp_batch;

static inline size_t gp_batch_tokens(const gp_batch *batch, size_t i)
{
    return batch->counts ? batch->counts[i] : batch->each;
}

/* The row of the wanted token of sequence i, whose first is at `row`. */
static inline size_t gp_batch_pooled(const gp_batch *batch, size_t i, size_t row)
{
    return batch->pool_last ? row + gp_batch_tokens(batch, i) - 1 : row;
}

/* weight [3d, d], bias [3d] of query, key and value.  Owns: *out, gp_pooled_attention_free. */
gp_status gp_pooled_attention_pack(const float *weight, const float *bias, size_t heads, size_t d,
                                   gp_precision precision, gp_engine engine, gp_pooled_attention **out, gp_error *err);
void gp_pooled_attention_free(gp_pooled_attention *pooled);
/* What gp_pooled_attention_run needs: floats of `wide`, bytes of linear_scratch; and gp_attention_scratch(longest t, d). */
size_t gp_pooled_attention_floats(const gp_tower *tower);
size_t gp_pooled_attention_scratch(const gp_pooled_attention *pooled);
/* y [r, d] after the first norm -> y [n, d]: what attention gives the pooled token of each. */
gp_status gp_pooled_attention_run(const gp_tower *tower, const gp_pooled_attention *pooled, const gp_batch *batch,
                                  gp_workspace *pass, gp_error *err);

/* Run all blocks on x [r,d]; the last one only for the wanted token of each: x [n,d] afterwards. */
gp_status gp_blocks_run(const gp_tower *tower, const gp_batch *batch, gp_workspace *pass, gp_error *err);

/* planes [n,3,s,s] -> x [n,d], before the last norm. */
gp_status gp_vision_run(const gp_weights *weights, const float *planes, size_t n, gp_workspace *pass, gp_error *err);
/* Texts packed in ids, counts[i] tokens each, of which the first used[i] are run and the last of these is pooled
 * -> x [n,d], before the last norm. */
gp_status gp_text_tower_run(const gp_weights *weights, const int32_t *ids, const size_t *counts, const size_t *used,
                            size_t n, gp_workspace *pass, gp_error *err);
/* x [n,d] -> last norm -> out [n,d] if pooled, else projected and normalised out [n,e]. */
gp_status gp_projection_run(const gp_tower *tower, size_t embedding, size_t n, bool pooled, gp_workspace *pass,
                            float *out, gp_error *err);

#endif
