/* SPDX-License-Identifier: MIT
 * Names -> shapes -> pointers -> packed weights.  Two tables say what a model holds, in Hugging Face's names and with a
 * letter for each dimension; everything is found and checked against them before anything is packed.  Matrices are
 * packed for the matrix products (query, key and value as one), vectors become floats once, the token table is copied
 * as it is stored: afterwards the files may change or go.  Packing is spread over threads, the hash runs beside it. */
#include "model/tower.h"

#include "base/thread.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Letters of shapes: d width, m MLP width, e common space, t positions, v vocabulary, p patch side, 3 itself. */
typedef struct entry {
    const char *name, *shape;
} entry;

enum {
    NORM1_GAIN,
    NORM1_BIAS,
    Q,
    K,
    V,
    OUT,
    Q_BIAS,
    K_BIAS,
    V_BIAS,
    OUT_BIAS,
    NORM2_GAIN,
    NORM2_BIAS,
    FC1,
    FC1_BIAS,
    FC2,
    FC2_BIAS,
    BLOCK_TENSORS
};
static const entry block_table[BLOCK_TENSORS] = {
    [NORM1_GAIN] = {"layer_norm1.weight", "d"},
    [NORM1_BIAS] = {"layer_norm1.bias", "d"},
    [Q] = {"self_attn.q_proj.weight", "dd"},
    [Q_BIAS] = {"self_attn.q_proj.bias", "d"},
    [K] = {"self_attn.k_proj.weight", "dd"},
    [K_BIAS] = {"self_attn.k_proj.bias", "d"},
    [V] = {"self_attn.v_proj.weight", "dd"},
    [V_BIAS] = {"self_attn.v_proj.bias", "d"},
    [OUT] = {"self_attn.out_proj.weight", "dd"},
    [OUT_BIAS] = {"self_attn.out_proj.bias", "d"},
    [NORM2_GAIN] = {"layer_norm2.weight", "d"},
    [NORM2_BIAS] = {"layer_norm2.bias", "d"},
    [FC1] = {"mlp.fc1.weight", "md"},
    [FC1_BIAS] = {"mlp.fc1.bias", "m"},
    [FC2] = {"mlp.fc2.weight", "dm"},
    [FC2_BIAS] = {"mlp.fc2.bias", "d"},
};

enum {
    POSITIONS,
    LAST_GAIN,
    LAST_BIAS,
    PROJECTION,
    CLASS,
    PATCH,
    FIRST_GAIN,
    FIRST_BIAS,
    IMAGE_TENSORS,
    TOKENS = CLASS,
    TEXT_TENSORS
};
static const entry image_table[IMAGE_TENSORS] = {
    [POSITIONS] = {"vision_model.embeddings.position_embedding.weight", "td"},
    [LAST_GAIN] = {"vision_model.post_layernorm.weight", "d"},
    [LAST_BIAS] = {"vision_model.post_layernorm.bias", "d"},
    [PROJECTION] = {"visual_projection.weight", "ed"},
    [CLASS] = {"vision_model.embeddings.class_embedding", "d"},
    [PATCH] = {"vision_model.embeddings.patch_embedding.weight", "d3pp"},
    [FIRST_GAIN] = {"vision_model.pre_layrnorm.weight", "d"}, /* so spelt in every checkpoint */
    [FIRST_BIAS] = {"vision_model.pre_layrnorm.bias", "d"},
};
static const entry text_table[TEXT_TENSORS] = {
    [POSITIONS] = {"text_model.embeddings.position_embedding.weight", "td"},
    [LAST_GAIN] = {"text_model.final_layer_norm.weight", "d"},
    [LAST_BIAS] = {"text_model.final_layer_norm.bias", "d"},
    [PROJECTION] = {"text_projection.weight", "ed"},
    [TOKENS] = {"text_model.embeddings.token_embedding.weight", "vd"},
};

typedef struct sizes {
    uint64_t d, m, e, t, v, p;
} sizes;

typedef const gp_tensor *block_tensors[BLOCK_TENSORS];

typedef struct loader {
    const gp_tensors *set;
    gp_weights *w;
    gp_precision precision;
    gp_engine engine;
    const gp_tensor *image[IMAGE_TENSORS], *text[TEXT_TENSORS];
    block_tensors *blocks; /* [image layers + text layers] */
    gp_error *err;
} loader;

/* ---- finding ---- */

static uint64_t size_of(const sizes *s, char letter)
{
    switch (letter) {
    case 'd': return s->d;
    case 'm': return s->m;
    case 'e': return s->e;
    case 't': return s->t;
    case 'v': return s->v;
    case 'p': return s->p;
    default: assert(letter == '3'); return 3;
    }
}

static void shape_text(const uint64_t *shape, size_t dims, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "[");
    for (size_t i = 0; i < dims && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%llu", i ? ", " : "", (unsigned long long)shape[i]);
    if (used < size) snprintf(out + used, size - used, "]");
}

static bool dtype_of(const gp_tensor *t, gp_dtype *out)
{
    for (int i = GP_F32; i <= GP_BF16; i++)
        if (strcmp(t->dtype, gp_dtype_name((gp_dtype)i)) == 0) return *out = (gp_dtype)i, true;
    return false;
}

/* The tensor `name`, if it has the wanted shape and a kind of number that goldpan computes with. */
static gp_status find(loader *l, const char *name, const char *letters, const sizes *s, const gp_tensor **out)
{
    uint64_t shape[GP_TENSOR_DIMS] = {0};
    char wanted[120], found[240];
    size_t dims = strlen(letters), count = 1;
    for (size_t i = 0; i < dims; i++) shape[i] = size_of(s, letters[i]), count *= (size_t)shape[i];
    shape_text(shape, dims, wanted, sizeof wanted);
    const gp_tensor *t = gp_tensors_find(l->set, name);
    if (!t) {
        const gp_tensor *any = gp_tensors_at(l->set, 0);
        return gp_fail(l->err, GP_ERR_FORMAT, "'%s': tensor '%s' %s is missing", any ? any->file : "(no file)", name,
                       wanted);
    }
    bool scalar = dims == 0 && t->dims == 1 && t->shape[0] == 1; /* [1] for [] is harmless */
    if (!scalar && (t->dims != dims || memcmp(t->shape, shape, dims * sizeof *shape) != 0)) {
        shape_text(t->shape, t->dims, found, sizeof found);
        return gp_fail(l->err, GP_ERR_FORMAT, "'%s': tensor '%s' has the shape %s, config.json says %s", t->file, name,
                       found, wanted);
    }
    gp_dtype dtype;
    if (!dtype_of(t, &dtype))
        return gp_fail(l->err, GP_ERR_UNSUPPORTED, "'%s': tensor '%s' is stored as %s; goldpan reads F32, F16 and BF16",
                       t->file, name, t->dtype);
    l->w->dtype = !l->w->dtype || strcmp(l->w->dtype, t->dtype) == 0 ? t->dtype : "mixed";
    l->w->parameters += count;
    *out = t;
    return GP_OK;
}

static gp_status find_tower(loader *l, const char *prefix, const entry *table, size_t entries, const sizes *s,
                            size_t layers, const gp_tensor **tensors, block_tensors *blocks)
{
    char name[120];
    for (size_t i = 0; i < entries; i++) GP_TRY(find(l, table[i].name, table[i].shape, s, &tensors[i]));
    for (size_t i = 0; i < layers; i++)
        for (size_t k = 0; k < BLOCK_TENSORS; k++) {
            snprintf(name, sizeof name, "%s.encoder.layers.%zu.%s", prefix, i, block_table[k].name);
            GP_TRY(find(l, name, block_table[k].shape, s, &blocks[i][k]));
        }
    return GP_OK;
}

static void to_floats(const gp_tensor *t, float *out, size_t count);

static gp_status find_all(loader *l)
{
    const gp_clip_config *c = &l->w->config;
    if (c->has_image) {
        sizes s = {c->image.width, c->image.mlp, c->embedding, gp_clip_image_tokens(c), 0, c->patch};
        GP_TRY(find_tower(l, "vision_model", image_table, IMAGE_TENSORS, &s, c->image.layers, l->image, l->blocks));
    }
    if (c->has_text) {
        sizes s = {c->text.width, c->text.mlp, c->embedding, c->context, c->vocabulary, 0};
        GP_TRY(find_tower(l, "text_model", text_table, TEXT_TENSORS, &s, c->text.layers, l->text,
                          l->blocks + l->w->image.size.layers));
    }
    if (c->has_image && c->has_text) {
        const gp_tensor *scale;
        float value;
        GP_TRY(find(l, "logit_scale", "", NULL, &scale));
        to_floats(scale, &value, 1);
        l->w->logit_scale = exp((double)value);
    }
    return GP_OK;
}

/* ---- converting and packing ---- */

static void to_floats(const gp_tensor *t, float *out, size_t count)
{
    enum { PIECE = 1024 };
    const gp_kernels *kernels = gp_kernel_table();
    uint16_t half[PIECE]; /* the file's bytes may be unaligned */
    gp_dtype dtype = GP_F32;
    dtype_of(t, &dtype);
    assert(t->bytes == count * gp_dtype_size(dtype));
    if (dtype == GP_F32) {
        memcpy(out, t->data, t->bytes);
        return;
    }
    for (size_t at = 0; at < count; at += PIECE) {
        size_t n = count - at < PIECE ? count - at : PIECE;
        memcpy(half, t->data + 2 * at, 2 * n);
        if (dtype == GP_F16)
            kernels->f16_to_f32(half, out + at, n);
        else
            kernels->bf16_to_f32(half, out + at, n);
    }
}

/* A vector or small table, from the arena (sized by float_bytes). */
static float *floats(loader *l, const gp_tensor *t)
{
    size_t count = 1;
    for (size_t i = 0; i < t->dims; i++) count *= (size_t)t->shape[i];
    float *out = gp_arena_take(&l->w->floats, count, sizeof *out);
    assert(out);
    to_floats(t, out, count);
    return out;
}

static size_t float_bytes(const gp_clip_config *c)
{
    size_t total = 0;
    if (c->has_image)
        total += gp_arena_part(c->image.width, 4) * (5 + 4 * (size_t)c->image.layers) +
                 gp_arena_part(gp_clip_image_tokens(c) * c->image.width, 4);
    if (c->has_text)
        total += gp_arena_part(c->text.width, 4) * (2 + 4 * (size_t)c->text.layers) +
                 gp_arena_part((size_t)c->context * c->text.width, 4);
    return total;
}

/* One matrix of the checkpoint, bias (may be NULL) [out]. */
static gp_status pack(const loader *l, const gp_tensor *weight, const gp_tensor *bias, gp_linear **out, gp_error *err)
{
    gp_dtype dtype = GP_F32;
    size_t rows = (size_t)weight->shape[0], columns = 1;
    for (size_t i = 1; i < weight->dims; i++) columns *= (size_t)weight->shape[i];
    float *b = NULL;
    dtype_of(weight, &dtype);
    if (bias) {
        GP_TRY(gp_alloc((void **)&b, rows, sizeof *b, "a bias", err));
        to_floats(bias, b, rows);
    }
    gp_status st = gp_linear_new(weight->data, dtype, b, rows, columns, l->precision, l->engine, out, err);
    gp_tensors_forget(l->set, weight);
    gp_mem_free(b);
    return st;
}

/* Memory that a thread keeps from block to block: fresh pages cost more than what is copied into them. */
typedef struct room {
    uint8_t *bytes;
    size_t size;
} room;

static gp_status need(room *r, size_t size, gp_error *err)
{
    if (r->size >= size) return GP_OK;
    gp_mem_free(r->bytes);
    *r = (room){NULL, 0};
    GP_TRY(gp_alloc_aligned((void **)&r->bytes, size, 1, "a matrix", err));
    r->size = size;
    return GP_OK;
}

/* Query, key and value as one matrix [3d, d]; kept in the stored kind of number if all three agree.  As pooled.c wants
 * them if `heads` is given. */
static gp_status pack_qkv(const loader *l, const block_tensors b, size_t heads, room *r, gp_block *out, gp_error *err)
{
    size_t d = (size_t)b[Q]->shape[0];
    gp_dtype dtype = GP_F32;
    dtype_of(b[Q], &dtype);
    if (heads || strcmp(b[Q]->dtype, b[K]->dtype) != 0 || strcmp(b[Q]->dtype, b[V]->dtype) != 0) dtype = GP_F32;
    const char *name = gp_dtype_name(dtype);
    size_t part = d * d * gp_dtype_size(dtype);
    float *bias = NULL;
    gp_status st;
    GP_GO(need(r, 3 * part, err));
    uint8_t *weight = r->bytes;
    GP_GO(gp_alloc((void **)&bias, 3 * d, sizeof *bias, "a bias", err));
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(b[Q + i]->dtype, name) == 0)
            memcpy(weight + i * part, b[Q + i]->data, part);
        else
            to_floats(b[Q + i], (float *)(void *)(weight + i * part), d * d);
        to_floats(b[Q_BIAS + i], bias + i * d, d);
        gp_tensors_forget(l->set, b[Q + i]);
    }
    if (heads)
        st = gp_pooled_pack((const float *)(const void *)weight, bias, heads, d, l->precision, l->engine, &out->pooled,
                            err);
    else
        st = gp_linear_new(weight, dtype, bias, 3 * d, d, l->precision, l->engine, &out->qkv, err);
out:
    gp_mem_free(bias);
    return st;
}

/* heads: of the last block, else 0. */
static gp_status pack_block(const loader *l, const block_tensors b, size_t heads, room *r, gp_block *out, gp_error *err)
{
    GP_TRY(pack_qkv(l, b, heads, r, out, err));
    GP_TRY(pack(l, b[OUT], b[OUT_BIAS], &out->out, err));
    GP_TRY(pack(l, b[FC1], b[FC1_BIAS], &out->fc1, err));
    return pack(l, b[FC2], b[FC2_BIAS], &out->fc2, err);
}

/* Small things and the three matrices outside blocks; block norms too, so that the arena is used by one thread. */
static gp_status load_outside(loader *l, gp_tower *tower, const gp_tensor **tensors, block_tensors *blocks)
{
    tower->positions = floats(l, tensors[POSITIONS]);
    tower->last = (gp_norm){floats(l, tensors[LAST_GAIN]), floats(l, tensors[LAST_BIAS])};
    for (size_t i = 0; i < tower->size.layers; i++) {
        gp_block *b = &tower->blocks[i];
        b->norm1 = (gp_norm){floats(l, blocks[i][NORM1_GAIN]), floats(l, blocks[i][NORM1_BIAS])};
        b->norm2 = (gp_norm){floats(l, blocks[i][NORM2_GAIN]), floats(l, blocks[i][NORM2_BIAS])};
    }
    loader exact =
        *l; /* the projection costs nothing, one row an image, and its rounding would go straight into the score */
    exact.precision = GP_PRECISION_FP32;
    return pack(&exact, tensors[PROJECTION], NULL, &tower->projection, l->err);
}

static gp_status load_rest(loader *l)
{
    gp_weights *w = l->w;
    if (w->config.has_image) {
        GP_TRY(load_outside(l, &w->image, l->image, l->blocks));
        w->class_token = floats(l, l->image[CLASS]);
        w->first = (gp_norm){floats(l, l->image[FIRST_GAIN]), floats(l, l->image[FIRST_BIAS])};
        GP_TRY(pack(l, l->image[PATCH], NULL, &w->patch, l->err));
    }
    if (w->config.has_text) {
        GP_TRY(load_outside(l, &w->text, l->text, l->blocks + w->image.size.layers));
        const gp_tensor *tokens = l->text[TOKENS];
        dtype_of(tokens, &w->token_dtype);
        GP_TRY(gp_alloc_aligned((void **)&w->token_table, tokens->bytes, 1, "the token table", l->err));
        memcpy(w->token_table, tokens->data, tokens->bytes);
    }
    return GP_OK;
}

/* ---- threads: task 0 is the hash, task 1 all that lies outside the blocks, then one task a block ---- */

typedef struct job {
    loader *l;
    atomic_size_t next;
    size_t tasks;
    struct {
        size_t task;
        gp_error error; /* of the first task that failed on this thread */
    } * failed;         /* [threads] */
} job;

static gp_status run_task(loader *l, size_t task, room *r, gp_error *err)
{
    gp_weights *w = l->w;
    if (task == 0) return gp_tensors_hash(l->set, &w->hash, err);
    if (task == 1) {
        loader own = *l;
        own.err = err;
        return load_rest(&own);
    }
    size_t i = task - 2, images = w->image.size.layers;
    const gp_tower *tower = i < images ? &w->image : &w->text;
    const size_t k = i < images ? i : i - images, heads = k + 1 == tower->size.layers ? tower->size.heads : 0;
    return pack_block(l, l->blocks[i], heads, r, &tower->blocks[k], err);
}

static void work(void *user, int index)
{
    job *j = user;
    room r = {NULL, 0};
    for (size_t task; (task = atomic_fetch_add(&j->next, 1)) < j->tasks;) {
        gp_error *error = &j->failed[index].error;
        if (run_task(j->l, task, &r, error) == GP_OK) continue;
        j->failed[index].task = task;
        atomic_store(&j->next, j->tasks); /* nobody starts another */
        break;
    }
    gp_mem_free(r.bytes);
}

static gp_status load_all(loader *l)
{
    job j = {.l = l};
    atomic_init(&j.next, 0);
    j.tasks = 2 + (size_t)l->w->image.size.layers + l->w->text.size.layers;
    int threads = gp_thread_processors();
    if (threads > 32) threads = 32;
    if ((size_t)threads > j.tasks) threads = (int)j.tasks;
    gp_threads *group = NULL;
    j.failed = gp_mem_zero((size_t)threads, sizeof *j.failed);
    if (!j.failed) return gp_fail(l->err, GP_ERR_MEMORY, "out of memory opening a model");
    gp_status st = gp_threads_start(threads, work, &j, &group, l->err);
    gp_threads_join(group);
    size_t first = SIZE_MAX;
    for (int i = 0; i < threads; i++)
        if (j.failed[i].error.status != GP_OK && j.failed[i].task < first) {
            first = j.failed[i].task;
            st = gp_fail(l->err, j.failed[i].error.status, "%s", j.failed[i].error.message);
        }
    gp_mem_free(j.failed);
    return st;
}

/* ---- the whole ---- */

static gp_status make_room(loader *l)
{
    gp_weights *w = l->w;
    size_t layers = (size_t)w->image.size.layers + w->text.size.layers;
    GP_TRY(gp_alloc((void **)&l->blocks, layers, sizeof *l->blocks, "a list of tensors", l->err));
    w->image.blocks = gp_mem_zero(w->image.size.layers, sizeof *w->image.blocks);
    w->text.blocks = gp_mem_zero(w->text.size.layers, sizeof *w->text.blocks);
    if (!w->image.blocks || !w->text.blocks)
        return gp_fail(l->err, GP_ERR_MEMORY, "out of memory for a list of layers");
    return GP_OK;
}

gp_status gp_weights_load(const gp_tensors *set, const gp_clip_config *config, gp_precision precision, gp_engine engine,
                          gp_weights *out, gp_error *err)
{
    gp_weights w = {.config = *config};
    loader l = {.set = set, .w = &w, .precision = precision, .engine = engine, .err = err};
    w.image.size = config->image;
    w.text.size = config->text;
    gp_status st;
    GP_GO(make_room(&l));
    GP_GO(find_all(&l)); /* from here on every size is that of bytes in the files */
    GP_GO(gp_arena_init(&w.floats, float_bytes(config), err));
    GP_GO(load_all(&l));
    *out = w;
    memset(&w, 0, sizeof w);
out:
    gp_mem_free(l.blocks);
    gp_weights_clear(&w);
    return st;
}

static void clear_tower(gp_tower *tower)
{
    for (size_t i = 0; tower->blocks && i < tower->size.layers; i++) {
        gp_linear_free(tower->blocks[i].qkv);
        gp_pooled_free(tower->blocks[i].pooled);
        gp_linear_free(tower->blocks[i].out);
        gp_linear_free(tower->blocks[i].fc1);
        gp_linear_free(tower->blocks[i].fc2);
    }
    gp_mem_free(tower->blocks);
    gp_linear_free(tower->projection);
}

void gp_weights_clear(gp_weights *w)
{
    clear_tower(&w->image);
    clear_tower(&w->text);
    gp_linear_free(w->patch);
    gp_mem_free(w->token_table);
    gp_arena_clear(&w->floats);
    memset(w, 0, sizeof *w);
}
