/* SPDX-License-Identifier: MIT
 * CLIP as an encoder type: opening, facts, workers, running.  A worker allocates the memory of a forward pass once,
 * when it is created, so encoding allocates nothing. */
#include "model/clip.h"

#include "base/hash.h"
#include "model/tower.h"

#include <math.h>
#include <string.h>

#define MAX_ROWS ((size_t)1 << 31)

typedef struct gp_clip {
    gp_encoder base; /* first */
    gp_weights weights;
} gp_clip;

typedef struct gp_clip_worker {
    gp_encoder_worker base; /* first */
    gp_arena arena;
    gp_workspace pass;
    size_t images, tokens;
    size_t *used; /* [tokens] for each text: number of tokens that are computed */
} gp_clip_worker;

static gp_clip *clip_of(gp_encoder *encoder)
{
    return (gp_clip *)(void *)encoder;
}

static const gp_weights *weights_of(const gp_encoder *encoder)
{
    return &((const gp_clip *)(const void *)encoder)->weights;
}

static gp_clip_worker *worker_of(gp_encoder_worker *worker)
{
    return (gp_clip_worker *)(void *)worker;
}

/* ------------------------------------------------------------------ opening */

static gp_status clip_open(gp_encoder *encoder, const gp_json *json, const char *file, gp_error *err)
{
    gp_clip *clip = clip_of(encoder);
    gp_tensors *tensors = NULL;
    gp_clip_config config;
    /* Reads the small files first, so that errors in them are reported before gigabytes are read. */
    const bool open_clip = gp_open_clip_is(json);
    GP_TRY((open_clip ? gp_open_clip_config_read : gp_clip_config_read)(json, file, &config, err));
    encoder->dims = config.embedding;
    if (open_clip)
        GP_TRY(gp_encoder_read_open_clip(encoder, json, file, config.side, err));
    else if (config.has_image)
        GP_TRY(gp_encoder_read_preprocess(encoder, config.side, err));
    if (config.has_text) GP_TRY(gp_encoder_read_tokenizer(encoder, config.vocabulary, err));
    GP_TRY((open_clip ? gp_tensors_open_open_clip : gp_tensors_open_folder)(encoder->folder, &tensors, err));
    gp_status st = gp_weights_load(tensors, &config, encoder->precision, encoder->engine, &clip->weights, err);
    if (st == GP_OK) gp_hash_hex(clip->weights.hash, encoder->hash);
    gp_tensors_close(tensors);
    return st;
}

static void clip_clear(gp_encoder *encoder)
{
    gp_weights_clear(&clip_of(encoder)->weights);
}

static void clip_facts(const gp_encoder *encoder, gp_model_facts *facts)
{
    const gp_weights *w = weights_of(encoder);
    const gp_clip_config *c = &w->config;
    facts->dtype = w->dtype;
    facts->activation = gp_activation_name(c->has_image ? c->image.activation : c->text.activation);
    facts->has_image_tower = c->has_image;
    facts->has_text_tower = c->has_text;
    facts->image_side = c->side, facts->patch = c->patch;
    facts->image_width = c->image.width, facts->image_layers = c->image.layers, facts->image_heads = c->image.heads;
    facts->text_width = c->text.width, facts->text_layers = c->text.layers, facts->text_heads = c->text.heads;
    facts->context = c->context, facts->vocabulary = c->vocabulary;
    facts->parameters = w->parameters;
    facts->logit_scale = w->logit_scale;
    facts->image_flop = gp_clip_image_flop(c, false), facts->image_flop_done = gp_clip_image_flop(c, true);
}

/* Counts the tokens up to the pooled token.  If eos_token_id is 2 in the config, the pooled token is the first of the
 * tokens with the largest id.  Otherwise it is the first token with the id eos_token_id.  If the text has no such
 * token, the pooled token is the first token of the text. */
static size_t clip_tokens_used(const gp_encoder *encoder, const int32_t *ids, size_t count)
{
    const int64_t eos = weights_of(encoder)->config.eos;
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (eos != 2 && ids[i] == eos) return i + 1;
        if (ids[i] > ids[largest]) largest = i;
    }
    return eos == 2 ? largest + 1 : 1;
}

/* ------------------------------------------------------------------ workers */

/* Sizes of a worker's buffers: for each buffer, the maximum over both towers. */
typedef struct needs {
    size_t x, wide, attend; /* number of floats of each buffer; y has the size of x */
    size_t scratch;         /* bytes */
    bool overflow;
} needs;

static void raise_to(needs *n, size_t *most, size_t rows, size_t width)
{
    size_t floats;
    if (!gp_size_mul(rows, width, &floats))
        n->overflow = true;
    else if (floats > *most)
        *most = floats;
}

static void need_linear(needs *n, const gp_linear *linear, size_t rows)
{
    size_t bytes = gp_linear_scratch(linear, rows);
    if (bytes > n->scratch) n->scratch = bytes;
}

static void need_tower(needs *n, const gp_tower *tower, size_t embedding, size_t rows, size_t longest)
{
    const size_t d = tower->size.width, padded = gp_linear_padded_rows(rows);
    raise_to(n, &n->x, padded, d);
    raise_to(n, &n->wide, padded, 3 * d);
    raise_to(n, &n->wide, padded, tower->size.mlp);
    raise_to(n, &n->wide, padded, embedding);
    raise_to(n, &n->wide, gp_pooled_attention_floats(tower), 1);
    /* in the last block each head computes with the full width d (pooled_attention.c) */
    raise_to(n, &n->attend, gp_attention_scratch(longest, d), 1);
    need_linear(n, tower->projection, rows);
    for (size_t i = 0; i < tower->size.layers; i++) {
        const gp_block *b = &tower->blocks[i];
        const gp_linear *each[] = {b->out, b->fc1, b->fc2};
        for (size_t k = 0; k < sizeof each / sizeof *each; k++) need_linear(n, each[k], rows);
        if (b->pooled)
            raise_to(n, &n->scratch, gp_pooled_attention_scratch(b->pooled), 1);
        else
            need_linear(n, b->qkv, rows);
    }
}

/* Takes memory from the arena and fills it with 0, so that unused rows have finite numbers. */
static void *take_zero(gp_arena *arena, size_t count, size_t size)
{
    void *part = gp_arena_take(arena, count, size);
    if (part) memset(part, 0, count * size);
    return part;
}

static gp_status reserve(gp_clip_worker *w, const needs *n, gp_error *err)
{
    const size_t parts[] = {gp_arena_part(n->x, 4),       gp_arena_part(n->x, 4),
                            gp_arena_part(n->wide, 4),    gp_arena_part(n->attend, 4),
                            gp_arena_part(n->scratch, 1), gp_arena_part(w->tokens, sizeof *w->used)};
    size_t total = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (n->overflow || !gp_size_add(total, parts[i], &total))
            return gp_fail(err, GP_ERR_LIMIT, "a batch of %zu images and %zu tokens is too large", w->images,
                           w->tokens);
    GP_TRY(gp_arena_init(&w->arena, total, err));
    w->pass.x = take_zero(&w->arena, n->x, sizeof(float));
    w->pass.y = take_zero(&w->arena, n->x, sizeof(float));
    w->pass.wide = take_zero(&w->arena, n->wide, sizeof(float));
    w->pass.attend_scratch = take_zero(&w->arena, n->attend, sizeof(float));
    w->pass.linear_scratch = take_zero(&w->arena, n->scratch, 1);
    w->used = take_zero(&w->arena, w->tokens, sizeof *w->used);
    return GP_OK;
}

static gp_status clip_worker_new(const gp_encoder *encoder, size_t images, size_t tokens, gp_encoder_worker **out,
                                 gp_error *err)
{
    const gp_weights *m = weights_of(encoder);
    const gp_clip_config *c = &m->config;
    needs n = {0};
    if ((images && !c->has_image) || (tokens && !c->has_text))
        return gp_fail_path(err, GP_ERR_USAGE, "'%s' has no %s tower", encoder->folder,
                            images && !c->has_image ? "image" : "text");
    if (images > MAX_ROWS / 20000 || tokens > MAX_ROWS) /* an image has at most 20000 tokens (config.c) */
        return gp_fail(err, GP_ERR_LIMIT, "a batch of %zu images and %zu tokens is too large", images, tokens);
    if (images) {
        size_t t = gp_clip_image_tokens(c), patches = images * (t - 1);
        need_tower(&n, &m->image, c->embedding, images * t, t);
        raise_to(&n, &n.wide, gp_linear_padded_rows(patches), 3 * (size_t)c->patch * c->patch);
        need_linear(&n, m->patch, patches);
    }
    if (tokens) need_tower(&n, &m->text, c->embedding, tokens, c->context);
    gp_clip_worker *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail_memory(err, "a worker");
    w->base.encoder = encoder, w->images = images, w->tokens = tokens;
    w->pass.kernels = gp_kernel_table();
    gp_status st = reserve(w, &n, err);
    if (st == GP_OK)
        *out = &w->base;
    else
        gp_mem_free(w);
    return st;
}

static void clip_worker_free(gp_encoder_worker *worker)
{
    gp_arena_clear(&worker_of(worker)->arena);
    gp_mem_free(worker);
}

/* ------------------------------------------------------------------ running */

/* Fails if an embedding is not finite.  This is possible although all weights are finite: products of very large
 * weights can overflow. */
static gp_status check_finite(const gp_clip_worker *w, const char *what, const float *rows, size_t n, size_t width,
                              gp_error *err)
{
    for (size_t i = 0; i < n * width; i++)
        if (!isfinite(rows[i]))
            return gp_fail(err, GP_ERR_FORMAT,
                           "model '%s' gives %s embeddings that are not finite (NaN or infinite): its weights are "
                           "damaged, or too large for this precision",
                           w->base.encoder->folder, what);
    return GP_OK;
}

static gp_status run_images(gp_clip_worker *w, const float *planes, size_t n, bool pooled, float *out, gp_error *err)
{
    const gp_weights *m = weights_of(w->base.encoder);
    if (n > w->images)
        return gp_fail(err, GP_ERR_USAGE, "%zu images are more than this worker's limit of %zu", n, w->images);
    if (n == 0) return GP_OK;
    w->pass.task = w->base.task;
    GP_TRY(gp_image_tower_run(m, planes, n, &w->pass, err));
    GP_TRY(gp_projection_run(&m->image, m->config.embedding, n, pooled, &w->pass, out, err));
    return check_finite(w, "image", out, n, pooled ? m->image.size.width : m->config.embedding, err);
}

static gp_status run_texts(gp_clip_worker *w, const int32_t *ids, const size_t *counts, size_t n, bool pooled,
                           float *out, gp_error *err)
{
    const gp_weights *m = weights_of(w->base.encoder);
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t *row = ids + sum;
        if (counts[i] == 0 || counts[i] > m->config.context)
            return gp_fail(err, GP_ERR_USAGE, "text %zu has %zu tokens; it must have 1 to %u", i, counts[i],
                           m->config.context);
        if (counts[i] > w->tokens - sum)
            return gp_fail(err, GP_ERR_USAGE, "the texts have more tokens than this worker's limit of %zu", w->tokens);
        for (size_t k = 0; k < counts[i]; k++)
            if (row[k] < 0 || (uint32_t)row[k] >= m->config.vocabulary)
                return gp_fail(err, GP_ERR_USAGE, "text %zu has the token id %d; ids must be 0 to %u", i, (int)row[k],
                               m->config.vocabulary - 1);
        w->used[i] = clip_tokens_used(w->base.encoder, row, counts[i]);
        sum += counts[i];
    }
    if (n == 0) return GP_OK;
    w->pass.task = w->base.task;
    GP_TRY(gp_text_tower_run(m, ids, counts, w->used, n, &w->pass, err));
    GP_TRY(gp_projection_run(&m->text, m->config.embedding, n, pooled, &w->pass, out, err));
    return check_finite(w, "text", out, n, pooled ? m->text.size.width : m->config.embedding, err);
}

static gp_status clip_run_images(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err)
{
    return run_images(worker_of(worker), planes, n, false, out, err);
}

static gp_status clip_run_texts(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n,
                                float *out, gp_error *err)
{
    return run_texts(worker_of(worker), ids, counts, n, false, out, err);
}

gp_status gp_clip_pooled_images(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err)
{
    return run_images(worker_of(worker), planes, n, true, out, err);
}

gp_status gp_clip_pooled_texts(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n,
                               float *out, gp_error *err)
{
    return run_texts(worker_of(worker), ids, counts, n, true, out, err);
}

const gp_encoder_type gp_clip_type = {.architectures = gp_clip_architectures,
                                      .tokenizer_kind = &gp_tokenizer_clip_bpe,
                                      .size = sizeof(gp_clip),
                                      .open = clip_open,
                                      .clear = clip_clear,
                                      .facts = clip_facts,
                                      .tokens_used = clip_tokens_used,
                                      .worker_new = clip_worker_new,
                                      .worker_free = clip_worker_free,
                                      .run_images = clip_run_images,
                                      .run_texts = clip_run_texts};
