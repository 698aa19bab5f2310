/* SPDX-License-Identifier: MIT
 * A model folder opened, its facts, and workers.  The model is read-only once open and shared by all threads; a worker
 * owns the memory of one thread's forward pass, one block sized at creation, so that nothing is allocated per image. */
#include "model/clip.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "model/tower.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_LIMIT 10000000u
#define MOST_ROWS    ((size_t)1 << 31)

struct gp_clip {
    gp_weights weights;
    gp_precision precision;
    gp_engine engine;
    gp_preprocess_config preprocess;
    gp_bpe *bpe; /* may be NULL */
    char *folder;
    char hash[33], engine_name[64];
};

struct gp_clip_worker {
    const gp_clip *clip;
    gp_arena arena;
    gp_workspace pass;
    size_t images, tokens;
    size_t *used; /* [tokens] tokens run of each text */
};

/* ------------------------------------------------------------------ opening */

/* Whole text of folder/name; GP_OK with data NULL if there is no such file. */
static gp_status read_optional(const char *folder, const char *name, gp_bytes *out, char **path, gp_error *err)
{
    *path = gp_path_join(folder, name);
    if (!*path) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a path");
    if (access(*path, F_OK) != 0) return GP_OK;
    return gp_file_read(*path, CONFIG_LIMIT, out, err);
}

static gp_status read_config(const char *folder, gp_clip_config *out, gp_error *err)
{
    gp_bytes text = {0};
    char *path = NULL, *other = NULL;
    gp_status st;
    GP_TRY_GOTO(read_optional(folder, "config.json", &text, &path, err));
    if (!text.data) {
        other = gp_path_join(folder, "open_clip_config.json");
        if (other && access(other, F_OK) == 0)
            GP_TRY_GOTO(gp_fail(err, GP_ERR_UNSUPPORTED,
                                "'%s' is a model in open_clip's layout, which goldpan does not read: use its "
                                "transformers version (with config.json)",
                                folder));
        GP_TRY_GOTO(gp_fail(err, GP_ERR_NOT_FOUND,
                            access(folder, F_OK) == 0 ? "'%s' has no config.json" : "no folder '%s'", folder));
    }
    GP_TRY_GOTO(gp_clip_config_parse((const char *)text.data, text.size, path, out, err));
out:
    gp_mem_free(other);
    gp_mem_free(path);
    gp_bytes_clear(&text);
    return st;
}

/* What transformers does without a preprocessor file: CLIP's defaults at the model's own size. */
static gp_status default_preprocess(uint32_t side, gp_preprocess_config *out, gp_error *err)
{
    char text[120];
    int n = snprintf(text, sizeof text,
                     "{\"size\": {\"shortest_edge\": %u}, \"crop_size\": {\"height\": %u, \"width\": %u}}", side, side,
                     side);
    return gp_preprocess_parse(text, (size_t)n, out, err);
}

/* transformers 5 saves the processors of a model in one file, the pictures' under "image_processor". */
static gp_status parse_nested(const gp_bytes *text, gp_preprocess_config *out, gp_error *err)
{
    gp_json *root = NULL;
    gp_str part = GP_STR_INIT;
    gp_status st;
    GP_TRY_GOTO(gp_json_parse((const char *)text->data, text->size, false, 0, &root, err));
    const gp_json *image = gp_json_get(root, "image_processor");
    if (gp_json_kind_of(image) != GP_JSON_OBJECT) GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "no image_processor"));
    gp_json_write(&part, image);
    if (part.failed) GP_TRY_GOTO(gp_fail(err, GP_ERR_MEMORY, "out of memory for JSON"));
    GP_TRY_GOTO(gp_preprocess_parse(part.data, part.size, out, err));
out:
    gp_str_clear(&part);
    gp_json_free(root);
    return st;
}

static gp_status read_preprocess(const char *folder, uint32_t side, gp_preprocess_config *out, gp_error *err)
{
    gp_bytes text = {0};
    char *path = NULL, *nested = NULL;
    gp_status st;
    GP_TRY_GOTO(read_optional(folder, "preprocessor_config.json", &text, &path, err));
    if (text.data) {
        st = gp_preprocess_parse((const char *)text.data, text.size, out, err);
    } else {
        GP_TRY_GOTO(read_optional(folder, "processor_config.json", &text, &nested, err));
        st = text.data ? parse_nested(&text, out, err) : default_preprocess(side, out, err);
    }
    const char *file = nested && text.data ? nested : path;
    if (st != GP_OK) {
        gp_fail_within(err, st, "'%s'", file);
        goto out;
    }
    if (out->crop_w != side || out->crop_h != side)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "'%s' makes pictures of %u x %u, the model reads %u x %u", file,
                            out->crop_w, out->crop_h, side, side));
out:
    gp_mem_free(nested);
    gp_mem_free(path);
    gp_bytes_clear(&text);
    return st;
}

static gp_status read_tokenizer(gp_clip *clip, gp_error *err)
{
    gp_error own = {0};
    gp_status st = gp_bpe_open(clip->folder, &clip->bpe, &own);
    if (st == GP_ERR_NOT_FOUND) return GP_OK; /* images alone need none */
    if (st != GP_OK) return gp_fail(err, st, "%s", own.message);
    uint32_t vocabulary = clip->weights.config.vocabulary;
    if (gp_bpe_size(clip->bpe) > vocabulary)
        return gp_fail(err, GP_ERR_FORMAT, "'%s': the tokenizer has ids up to %zu, the model only %u", clip->folder,
                       gp_bpe_size(clip->bpe) - 1, vocabulary);
    return GP_OK;
}

gp_status gp_clip_open(const char *folder, gp_precision precision, gp_engine engine, gp_clip **out, gp_error *err)
{
    gp_tensors *tensors = NULL;
    gp_clip_config config;
    gp_clip *clip = gp_mem_zero(1, sizeof *clip);
    gp_status st;
    if (!clip) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a model");
    clip->folder = gp_str_dup(folder);
    if (!clip->folder) GP_TRY_GOTO(gp_fail(err, GP_ERR_MEMORY, "out of memory for a model"));
    clip->precision = precision, clip->engine = engine;
    gp_linear_resolve(&clip->precision, &clip->engine);
    gp_linear_describe(clip->engine, clip->precision, clip->engine_name, sizeof clip->engine_name);

    /* Small files first: what is wrong there is told before gigabytes are read. */
    GP_TRY_GOTO(read_config(folder, &config, err));
    clip->weights.config = config;
    if (config.has_image) GP_TRY_GOTO(read_preprocess(folder, config.side, &clip->preprocess, err));
    if (config.has_text) GP_TRY_GOTO(read_tokenizer(clip, err));
    GP_TRY_GOTO(gp_tensors_open_folder(folder, &tensors, err));
    GP_TRY_GOTO(gp_weights_load(tensors, &config, clip->precision, clip->engine, &clip->weights, err));
    gp_hash_hex(clip->weights.hash, clip->hash);
    *out = clip;
    clip = NULL;
out:
    gp_tensors_close(tensors);
    gp_clip_close(clip);
    return st;
}

void gp_clip_close(gp_clip *clip)
{
    if (!clip) return;
    gp_weights_clear(&clip->weights);
    gp_bpe_free(clip->bpe);
    gp_mem_free(clip->folder);
    gp_mem_free(clip);
}

void gp_clip_facts(const gp_clip *clip, gp_model_facts *facts)
{
    const gp_weights *w = &clip->weights;
    const gp_clip_config *c = &w->config;
    memset(facts, 0, sizeof *facts);
    facts->folder = clip->folder;
    facts->weight_hash = clip->hash;
    facts->preprocess_id = clip->preprocess.id;
    facts->precision = gp_precision_name(clip->precision);
    facts->engine = clip->engine_name;
    facts->dtype = w->dtype;
    facts->activation = gp_activation_name(c->has_image ? c->image.activation : c->text.activation);
    facts->has_image_tower = c->has_image;
    facts->has_text_tower = c->has_text;
    facts->image_side = c->side, facts->patch = c->patch;
    facts->image_width = c->image.width, facts->image_layers = c->image.layers, facts->image_heads = c->image.heads;
    facts->text_width = c->text.width, facts->text_layers = c->text.layers, facts->text_heads = c->text.heads;
    facts->context = c->context, facts->vocabulary = c->vocabulary, facts->embedding = c->embedding;
    facts->parameters = w->parameters;
    facts->logit_scale = w->logit_scale;
    facts->image_flop = gp_clip_image_flop(c, false), facts->image_flop_done = gp_clip_image_flop(c, true);
}

void gp_clip_set_fast_decode(gp_clip *clip)
{
    if (clip->weights.config.has_image) gp_preprocess_set_fast(&clip->preprocess);
}

const gp_preprocess_config *gp_clip_preprocess(const gp_clip *clip)
{
    return clip->weights.config.has_image ? &clip->preprocess : NULL;
}

const char *gp_clip_folder(const gp_clip *clip)
{
    return clip->folder;
}

const gp_bpe *gp_clip_tokenizer(const gp_clip *clip)
{
    return clip->bpe;
}

size_t gp_clip_pooled_position(const gp_clip *clip, const int32_t *ids, size_t count)
{
    const int64_t eos = clip->weights.config.eos;
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        if (eos != 2 && ids[i] == eos) return i;
        if (ids[i] > ids[largest]) largest = i;
    }
    return eos == 2 ? largest : 0;
}

/* ------------------------------------------------------------------ workers */

/* What a worker needs, in floats: the largest over both towers. */
typedef struct needs {
    size_t x, wide, attend; /* y is as x */
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
    raise_to(n, &n->attend, gp_attention_scratch(longest, d), 1); /* heads of the last block are as wide as the tower */
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

/* All zero, so that rows beyond those in use hold ordinary numbers. */
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

gp_status gp_clip_worker_new(const gp_clip *clip, size_t images, size_t tokens, gp_clip_worker **out, gp_error *err)
{
    const gp_weights *m = &clip->weights;
    const gp_clip_config *c = &m->config;
    needs n = {0};
    if ((images && !c->has_image) || (tokens && !c->has_text))
        return gp_fail(err, GP_ERR_USAGE, "'%s' has no %s tower", clip->folder,
                       images && !c->has_image ? "image" : "text");
    if (images > MOST_ROWS / 20000 || tokens > MOST_ROWS) /* 20000: most tokens of an image, see config.c */
        return gp_fail(err, GP_ERR_LIMIT, "a batch of %zu images and %zu tokens is too large", images, tokens);
    if (images) {
        size_t t = gp_clip_image_tokens(c), patches = images * (t - 1);
        need_tower(&n, &m->image, c->embedding, images * t, t);
        raise_to(&n, &n.wide, gp_linear_padded_rows(patches), 3 * (size_t)c->patch * c->patch);
        need_linear(&n, m->patch, patches);
    }
    if (tokens) need_tower(&n, &m->text, c->embedding, tokens, c->context);
    gp_clip_worker *w = gp_mem_zero(1, sizeof *w);
    if (!w) return gp_fail(err, GP_ERR_MEMORY, "out of memory for a worker");
    w->clip = clip, w->images = images, w->tokens = tokens;
    w->pass.kernels = gp_kernel_table();
    gp_status st = reserve(w, &n, err);
    if (st == GP_OK)
        *out = w;
    else
        gp_mem_free(w);
    return st;
}

void gp_clip_worker_free(gp_clip_worker *worker)
{
    if (!worker) return;
    gp_arena_clear(&worker->arena);
    gp_mem_free(worker);
}

/* ------------------------------------------------------------------ running */

/* Weights are finite when they are opened, but sums of huge weights may not be: such rows are not embeddings. */
static gp_status check_finite(const gp_clip_worker *w, const char *what, const float *rows, size_t n, size_t width,
                              gp_error *err)
{
    for (size_t i = 0; i < n * width; i++)
        if (!isfinite(rows[i]))
            return gp_fail(err, GP_ERR_FORMAT,
                           "model '%s' gives %s embeddings that are not finite (NaN or infinite): its weights are "
                           "damaged, or too large for this precision",
                           w->clip->folder, what);
    return GP_OK;
}

static gp_status run_images(gp_clip_worker *w, const float *planes, size_t n, bool pooled, float *out, gp_error *err)
{
    const gp_weights *m = &w->clip->weights;
    if (n > w->images) return gp_fail(err, GP_ERR_USAGE, "%zu images for a worker of %zu", n, w->images);
    if (n == 0) return GP_OK;
    GP_TRY(gp_vision_run(m, planes, n, &w->pass, err));
    GP_TRY(gp_projection_run(&m->image, m->config.embedding, n, pooled, &w->pass, out, err));
    return check_finite(w, "image", out, n, pooled ? m->image.size.width : m->config.embedding, err);
}

static gp_status run_texts(gp_clip_worker *w, const int32_t *ids, const size_t *counts, size_t n, bool pooled,
                           float *out, gp_error *err)
{
    const gp_weights *m = &w->clip->weights;
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const int32_t *row = ids + sum;
        if (counts[i] == 0 || counts[i] > m->config.context)
            return gp_fail(err, GP_ERR_USAGE, "text %zu has %zu tokens; the model reads 1 to %u", i, counts[i],
                           m->config.context);
        if (counts[i] > w->tokens - sum)
            return gp_fail(err, GP_ERR_USAGE, "more tokens than the worker's %zu", w->tokens);
        for (size_t k = 0; k < counts[i]; k++)
            if (row[k] < 0 || (uint32_t)row[k] >= m->config.vocabulary)
                return gp_fail(err, GP_ERR_USAGE, "text %zu has the token id %d; the model knows 0 to %u", i,
                               (int)row[k], m->config.vocabulary - 1);
        w->used[i] = gp_clip_pooled_position(w->clip, row, counts[i]) + 1;
        sum += counts[i];
    }
    if (n == 0) return GP_OK;
    GP_TRY(gp_text_tower_run(m, ids, counts, w->used, n, &w->pass, err));
    GP_TRY(gp_projection_run(&m->text, m->config.embedding, n, pooled, &w->pass, out, err));
    return check_finite(w, "text", out, n, pooled ? m->text.size.width : m->config.embedding, err);
}

gp_status gp_clip_run_images(gp_clip_worker *w, const float *planes, size_t n, float *out, gp_error *err)
{
    return run_images(w, planes, n, false, out, err);
}

gp_status gp_clip_pooled_images(gp_clip_worker *w, const float *planes, size_t n, float *out, gp_error *err)
{
    return run_images(w, planes, n, true, out, err);
}

gp_status gp_clip_run_texts(gp_clip_worker *w, const int32_t *ids, const size_t *counts, size_t n, float *out,
                            gp_error *err)
{
    return run_texts(w, ids, counts, n, false, out, err);
}

gp_status gp_clip_pooled_texts(gp_clip_worker *w, const int32_t *ids, const size_t *counts, size_t n, float *out,
                               gp_error *err)
{
    return run_texts(w, ids, counts, n, true, out, err);
}
