/* SPDX-License-Identifier: MIT
 * Private to model: the two towers in memory, and the steps of a forward pass.
 * Letters: n sequences (images or texts), t tokens of a sequence, r rows (tokens of all sequences), d width, m hidden
 * width of the MLP, h heads, e width of the shared embedding space (in pooled_attention.c: head size).
 *
 *   image: planes [n,3,s,s] -> patches -> [r,d] + class token + positions -> layer norm -> blocks -> token 0
 *   text:  ids -> [r,d] + positions -> blocks (causal) -> the pooled token
 *   both:  [n,d] -> post-norm ("pooled") -> projection [n,e] -> L2 normalisation
 *   block: x += out(attention(qkv(norm1 x)));  x += fc2(act(fc1(norm2 x)))
 *
 * Source: "Learning Transferable Visual Models From Natural Language Supervision" (Radford et al. 2021), and the
 * modelling code of transformers.  tests/golden/towers has embeddings computed by transformers. */
#ifndef GP_MODEL_TOWER_H
#define GP_MODEL_TOWER_H

#include "base/mem.h"
#include "base/task.h"
#include "kernel/kernel.h"
#include "model/config.h"
#include "model/safetensors.h"
#include "tensor/linear.h"

typedef struct gp_norm {
    float *gain, *bias; /* [d] */
} gp_norm;

/* Attention of the last block, for the pooled token only (pooled_attention.c). query [d, d].  For each head, with head
 * size e: the transposed key matrix [d, e] and the value matrix [e, d]. */
typedef struct gp_pooled_attention {
    size_t heads;
    gp_linear *query;
    gp_linear **keys, **values; /* [heads] */
} gp_pooled_attention;

typedef struct gp_block {
    gp_norm norm1, norm2;
    gp_linear *qkv;              /* [3d, d]: weights of query, key and value, stacked; NULL in the last block */
    gp_pooled_attention *pooled; /* only in the last block, else NULL */
    gp_linear *out;              /* [d, d] */
    gp_linear *fc1;              /* [m, d] */
    gp_linear *fc2;              /* [d, m] */
} gp_block;

typedef struct gp_tower {
    gp_tower_config size;
    gp_block *blocks;      /* [layers] */
    gp_norm last;          /* post-norm; in checkpoints post_layernorm (image) or final_layer_norm (text) */
    gp_linear *projection; /* [e, d], no bias */
    float *positions;      /* [t, d] image, [context, d] text */
} gp_tower;

typedef struct gp_weights {
    gp_clip_config config;
    gp_tower image, text;
    gp_linear *patch;     /* [d, 3*p*p], no bias */
    float *class_token;   /* [d] */
    gp_norm first;        /* pre-norm of the image tower; in checkpoints pre_layrnorm */
    uint8_t *token_table; /* [vocabulary, d] as stored, because it is large and few rows are read at a time */
    gp_dtype token_dtype;
    gp_arena floats;    /* memory of all float arrays above */
    double logit_scale; /* exp of the stored value; 0 if the model has only one tower */
    uint64_t parameters;
    const char *dtype; /* "F32", "F16", "BF16" or "mixed" */
    gp_hash hash;      /* of all tensors */
} gp_weights;

/* Finds, checks, converts and packs all tensors that the config needs; the caller may close the set afterwards.  If
 * the needed names have a common prefix, removes this prefix from the names in the set.  Error FORMAT: a tensor is
 * missing, has the wrong shape, or has numbers that are not finite. */
gp_status gp_weights_load(gp_tensors *set, const gp_clip_config *config, gp_precision precision, gp_engine engine,
                          gp_weights *out, gp_error *err);
void gp_weights_clear(gp_weights *weights);

/* Memory of a forward pass.  Each buffer has gp_linear_padded_rows(rows) rows. */
typedef struct gp_workspace {
    const gp_kernels *kernels;
    const gp_task *task;   /* may be NULL; checked for a stop before each block */
    float *x;              /* [r, d] the residual stream */
    float *y;              /* [r, d] */
    float *wide;           /* [r, 3d or m]; also the patches [n*(t-1), 3*p*p], and memory of gp_pooled_attention_run */
    float *attend_scratch; /* gp_attention_scratch(longest t, d), sufficient for any head size */
    void *linear_scratch;
} gp_workspace;

/* A batch of sequences; their rows in x follow each other. */
typedef struct gp_batch {
    size_t n;
    const size_t *counts; /* [n] tokens of each sequence; NULL: all have `each` tokens */
    size_t each;
    bool causal;
    bool pool_last; /* the pooled token is the last token of a sequence; else it is the first */
} gp_batch;

static inline size_t gp_batch_tokens(const gp_batch *batch, size_t i)
{
    return batch->counts ? batch->counts[i] : batch->each;
}

/* Returns the row of the pooled token of sequence i, whose first token is in row `row`. */
static inline size_t gp_batch_pooled(const gp_batch *batch, size_t i, size_t row)
{
    return batch->pool_last ? row + gp_batch_tokens(batch, i) - 1 : row;
}

/* Packs weight [3d, d] and bias [3d] of query, key and value.  The caller frees *out with gp_pooled_attention_free. */
gp_status gp_pooled_attention_pack(const float *weight, const float *bias, size_t heads, size_t d,
                                   gp_precision precision, gp_engine engine, gp_pooled_attention **out, gp_error *err);
void gp_pooled_attention_free(gp_pooled_attention *pooled);
/* gp_pooled_attention_run needs gp_pooled_attention_floats floats of `wide`, gp_pooled_attention_scratch bytes of
 * linear_scratch, and gp_attention_scratch(longest t, d) floats of attend_scratch. */
size_t gp_pooled_attention_floats(const gp_tower *tower);
size_t gp_pooled_attention_scratch(const gp_pooled_attention *pooled);
/* Input: y [r, d], normalised by norm1.  Output: y [n, d], the attention output of each pooled token, before the
 * output projection `out`. */
gp_status gp_pooled_attention_run(const gp_tower *tower, const gp_pooled_attention *pooled, const gp_batch *batch,
                                  gp_workspace *pass, gp_error *err);

/* Runs all blocks on x [r,d].  The last block computes only the pooled tokens, so x is [n,d] afterwards. */
gp_status gp_blocks_run(const gp_tower *tower, const gp_batch *batch, gp_workspace *pass, gp_error *err);

/* Runs the image tower: planes [n,3,s,s] -> x [n,d], before the post-norm. */
gp_status gp_image_tower_run(const gp_weights *weights, const float *planes, size_t n, gp_workspace *pass,
                             gp_error *err);
/* Runs the text tower -> x [n,d], before the post-norm. ids: one text after another, text i with counts[i] ids.  Of
 * text i, only the first used[i] tokens are computed; the last of these is pooled. */
gp_status gp_text_tower_run(const gp_weights *weights, const int32_t *ids, const size_t *counts, const size_t *used,
                            size_t n, gp_workspace *pass, gp_error *err);
/* Normalises x [n,d] by the post-norm.  If `pooled` is true, writes the result to out [n,d].  Otherwise projects and
 * L2-normalises the result, and writes it to out [n,e]. */
gp_status gp_projection_run(const gp_tower *tower, size_t embedding, size_t n, bool pooled, gp_workspace *pass,
                            float *out, gp_error *err);

#endif
