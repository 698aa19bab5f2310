/* SPDX-License-Identifier: MIT
 * Loads the weights: tensor names -> checked tensors -> packed weights.  Tables list the tensors of a model, with the
 * names of Hugging Face and a letter for each dimension.  All tensors are found and checked against the tables before
 * the first one is packed.  Matrices are packed for the matrix products (query, key and value as one), vectors are
 * converted to floats, and the token table is copied as stored.  Every number must be finite.  Afterwards the files are
 * not needed. Threads pack in parallel, and one of them computes the hash.  A thread reads one matrix at a time, so it
 * holds at most one matrix that is not packed. */
#include "model/tower.h"

#include "base/thread.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Letters in shapes: d width, m MLP width, e width of the embedding space, t positions, v vocabulary, p patch side.  A
 * 3 in a shape is the number 3. */
typedef enum stored_as { WHOLE, FIRST, SECOND, THIRD, TURNED } stored_as;
/* `open` is the name in open_clip.  `part`: open_clip stores the matrix as one third of the rows of a larger matrix, or
 * turned (columns as rows). */
typedef struct entry {
    const char *name, *shape, *open;
    stored_as part;
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
    [NORM1_GAIN] = {"layer_norm1.weight", "d", "ln_1.weight", WHOLE},
    [NORM1_BIAS] = {"layer_norm1.bias", "d", "ln_1.bias", WHOLE},
    [Q] = {"self_attn.q_proj.weight", "dd", "attn.in_proj_weight", FIRST},
    [Q_BIAS] = {"self_attn.q_proj.bias", "d", "attn.in_proj_bias", FIRST},
    [K] = {"self_attn.k_proj.weight", "dd", "attn.in_proj_weight", SECOND},
    [K_BIAS] = {"self_attn.k_proj.bias", "d", "attn.in_proj_bias", SECOND},
    [V] = {"self_attn.v_proj.weight", "dd", "attn.in_proj_weight", THIRD},
    [V_BIAS] = {"self_attn.v_proj.bias", "d", "attn.in_proj_bias", THIRD},
    [OUT] = {"self_attn.out_proj.weight", "dd", "attn.out_proj.weight", WHOLE},
    [OUT_BIAS] = {"self_attn.out_proj.bias", "d", "attn.out_proj.bias", WHOLE},
    [NORM2_GAIN] = {"layer_norm2.weight", "d", "ln_2.weight", WHOLE},
    [NORM2_BIAS] = {"layer_norm2.bias", "d", "ln_2.bias", WHOLE},
    [FC1] = {"mlp.fc1.weight", "md", "mlp.c_fc.weight", WHOLE},
    [FC1_BIAS] = {"mlp.fc1.bias", "m", "mlp.c_fc.bias", WHOLE},
    [FC2] = {"mlp.fc2.weight", "dm", "mlp.c_proj.weight", WHOLE},
    [FC2_BIAS] = {"mlp.fc2.bias", "d", "mlp.c_proj.bias", WHOLE},
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
    [POSITIONS] = {"vision_model.embeddings.position_embedding.weight", "td", "positional_embedding", WHOLE},
    [LAST_GAIN] = {"vision_model.post_layernorm.weight", "d", "ln_post.weight", WHOLE},
    [LAST_BIAS] = {"vision_model.post_layernorm.bias", "d", "ln_post.bias", WHOLE},
    [PROJECTION] = {"visual_projection.weight", "ed", "proj", TURNED},
    [CLASS] = {"vision_model.embeddings.class_embedding", "d", "class_embedding", WHOLE},
    [PATCH] = {"vision_model.embeddings.patch_embedding.weight", "d3pp", "conv1.weight", WHOLE},
    /* "layrnorm" is no typing error here: checkpoints have this spelling */
    [FIRST_GAIN] = {"vision_model.pre_layrnorm.weight", "d", "ln_pre.weight", WHOLE},
    [FIRST_BIAS] = {"vision_model.pre_layrnorm.bias", "d", "ln_pre.bias", WHOLE},
};
static const entry text_table[TEXT_TENSORS] = {
    [POSITIONS] = {"text_model.embeddings.position_embedding.weight", "td", "positional_embedding", WHOLE},
    [LAST_GAIN] = {"text_model.final_layer_norm.weight", "d", "ln_final.weight", WHOLE},
    [LAST_BIAS] = {"text_model.final_layer_norm.bias", "d", "ln_final.bias", WHOLE},
    [PROJECTION] = {"text_projection.weight", "ed", "text_projection", TURNED},
    [TOKENS] = {"text_model.embeddings.token_embedding.weight", "vd", "token_embedding.weight", WHOLE},
};

typedef struct sizes {
    uint64_t d, m, e, t, v, p;
} sizes;

typedef const gp_tensor *block_tensors[BLOCK_TENSORS];

typedef struct loader {
    gp_tensors *set;
    const char *prefix; /* prefix that all names in the files have, usually ""; for messages */
    gp_weights *w;
    gp_precision precision;
    gp_engine engine;
    const gp_tensor *image[IMAGE_TENSORS], *text[TEXT_TENSORS];
    block_tensors *blocks; /* [image layers + text layers] tensors of each block */
    gp_tensor *made;       /* parts of stored tensors, and turned tensors; for open_clip */
    size_t made_count;
    uint8_t *turned[2]; /* the bytes of the turned tensors */
    gp_error *err;
} loader;

/* ------------------------------------------------------------------ finding */

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

/* Turns a matrix [columns, rows] of the file to [rows, columns]. */
static gp_status turn(loader *l, const gp_tensor *stored, gp_tensor *t)
{
    const size_t rows = (size_t)t->shape[0], columns = (size_t)t->shape[1], width = t->bytes / (rows * columns);
    uint8_t *bytes = NULL, *out = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_alloc((void **)&bytes, t->bytes, 1, "a matrix", l->err));
    GP_TRY_GOTO(gp_alloc((void **)&out, t->bytes, 1, "a matrix", l->err));
    GP_TRY_GOTO(gp_tensors_read(l->set, stored, 0, bytes, t->bytes, l->err));
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            memcpy(out + (r * columns + c) * width, bytes + (c * rows + r) * width, width);
    t->copy = out;
    l->turned[l->turned[0] ? 1 : 0] = out;
    out = NULL;
out:
    gp_mem_free(bytes);
    gp_mem_free(out);
    return st;
}

/* Makes the tensor of the shape that the tower needs from a stored tensor of open_clip. */
static gp_status make_part(loader *l, const gp_tensor *stored, stored_as part, const uint64_t *shape,
                           const gp_tensor **out)
{
    gp_tensor *t = &l->made[l->made_count++];
    *t = *stored;
    memcpy(t->shape, shape, sizeof t->shape);
    *out = t;
    if (part == TURNED) return turn(l, stored, t);
    t->bytes /= 3;
    t->offset += t->bytes * (part - FIRST);
    if (t->copy) t->copy += t->bytes * (part - FIRST);
    return GP_OK;
}

/* Finds the tensor `name` of the entry; fails if it is missing, has another shape than the entry says, or is not F32,
 * F16 or BF16. */
static gp_status find(loader *l, const char *name, const entry *e, const sizes *s, const gp_tensor **out)
{
    uint64_t shape[GP_TENSOR_DIMS] = {0}, stored[GP_TENSOR_DIMS];
    char wanted[120], found[240];
    const stored_as part = l->w->config.open_clip ? e->part : WHOLE;
    size_t dims = strlen(e->shape), count = 1;
    for (size_t i = 0; i < dims; i++) shape[i] = size_of(s, e->shape[i]), count *= (size_t)shape[i];
    memcpy(stored, shape, sizeof shape);
    if (part == TURNED)
        stored[0] = shape[1], stored[1] = shape[0];
    else if (part != WHOLE)
        stored[0] *= 3;
    shape_text(stored, dims, wanted, sizeof wanted);
    const gp_tensor *t = gp_tensors_find(l->set, name);
    if (!t) {
        const gp_tensor *any = gp_tensors_at(l->set, 0);
        return gp_fail(l->err, GP_ERR_FORMAT, "'%s': tensor '%s%s' %s is missing", any ? any->file : "(no file)",
                       l->prefix, name, wanted);
    }
    bool scalar = dims == 0 && t->dims == 1 && t->shape[0] == 1; /* a scalar may have the shape [1] instead of [] */
    if (!scalar && (t->dims != dims || memcmp(t->shape, stored, dims * sizeof *stored) != 0)) {
        shape_text(t->shape, t->dims, found, sizeof found);
        return gp_fail_path(l->err, GP_ERR_FORMAT, "'%s': tensor '%s%s' has the shape %s, but %sconfig.json needs %s",
                            t->file, l->prefix, name, found, l->w->config.open_clip ? "open_clip_" : "", wanted);
    }
    gp_dtype dtype;
    if (!gp_tensor_dtype(t, &dtype))
        return gp_fail_path(l->err, GP_ERR_UNSUPPORTED,
                            "'%s': tensor '%s%s' is stored as %s; goldpan reads F32, F16 and BF16", t->file, l->prefix,
                            name, t->dtype);
    l->w->dtype = !l->w->dtype || strcmp(l->w->dtype, t->dtype) == 0 ? t->dtype : "mixed";
    l->w->parameters += count;
    *out = t;
    return part == WHOLE ? GP_OK : make_part(l, t, part, shape, out);
}

/* The tensors of a tower: first the tensors of `table`, then the tensors of each block. */
typedef struct tower_list {
    const char *name;
    const entry *table;
    size_t entries;
    const char *open; /* NULL, or the beginning of the names in open_clip */
} tower_list;

static tower_list image_list(const gp_clip_config *c)
{
    return (tower_list){"vision_model", image_table, IMAGE_TENSORS, c->open_clip ? "visual." : NULL};
}

/* In open_clip, the names of the text tower may begin with "text.". */
static tower_list text_list(const gp_clip_config *c, const gp_tensors *set, const char *prefix)
{
    char name[1024];
    snprintf(name, sizeof name, "%stext.%s", prefix, text_table[POSITIONS].open);
    const char *open = gp_tensors_find(set, name) ? "text." : "";
    return (tower_list){"text_model", text_table, TEXT_TENSORS, c->open_clip ? open : NULL};
}

static size_t tower_count(const tower_list *w, size_t layers)
{
    return w->entries + layers * BLOCK_TENSORS;
}

/* Returns the table entry of tensor i of the tower.  Writes prefix and name of the tensor to `name`. */
static const entry *tower_at(const tower_list *w, size_t i, const char *prefix, char *name, size_t size)
{
    const entry *e = i < w->entries ? &w->table[i] : &block_table[(i - w->entries) % BLOCK_TENSORS];
    const size_t block = i < w->entries ? 0 : (i - w->entries) / BLOCK_TENSORS;
    if (i < w->entries)
        snprintf(name, size, "%s%s%s", prefix, w->open ? w->open : "", w->open ? e->open : e->name);
    else if (w->open)
        snprintf(name, size, "%s%stransformer.resblocks.%zu.%s", prefix, w->open, block, e->open);
    else
        snprintf(name, size, "%s%s.encoder.layers.%zu.%s", prefix, w->name, block, e->name);
    return e;
}

static gp_status find_tower(loader *l, const tower_list *w, const sizes *s, size_t layers, const gp_tensor **tensors,
                            block_tensors *blocks)
{
    char name[120];
    for (size_t i = 0; i < tower_count(w, layers); i++) {
        const entry *e = tower_at(w, i, "", name, sizeof name);
        size_t k = i < w->entries ? 0 : i - w->entries;
        GP_TRY(find(l, name, e, s, i < w->entries ? &tensors[i] : &blocks[k / BLOCK_TENSORS][k % BLOCK_TENSORS]));
    }
    return GP_OK;
}

static gp_status read_floats(const loader *l, const gp_tensor *t, float *out, gp_error *err);

static gp_status find_all(loader *l)
{
    const gp_clip_config *c = &l->w->config;
    if (c->has_image) {
        sizes s = {c->image.width, c->image.mlp, c->embedding, gp_clip_image_tokens(c), 0, c->patch};
        const tower_list list = image_list(c);
        GP_TRY(find_tower(l, &list, &s, c->image.layers, l->image, l->blocks));
    }
    if (c->has_text) {
        sizes s = {c->text.width, c->text.mlp, c->embedding, c->context, c->vocabulary, 0};
        const tower_list list = text_list(c, l->set, "");
        GP_TRY(find_tower(l, &list, &s, c->text.layers, l->text, l->blocks + l->w->image.size.layers));
    }
    if (c->has_image && c->has_text) {
        const gp_tensor *scale;
        float value;
        static const entry logit_scale = {"logit_scale", "", "logit_scale", WHOLE};
        GP_TRY(find(l, logit_scale.name, &logit_scale, NULL, &scale));
        GP_TRY(read_floats(l, scale, &value, l->err));
        l->w->logit_scale = exp((double)value);
        if (!isfinite(l->w->logit_scale))
            return gp_fail_path(l->err, GP_ERR_FORMAT,
                                "'%s': tensor '%slogit_scale' is %g, whose exponential is not finite", scale->file,
                                l->prefix, (double)value);
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ prefix of all names */

/* has_tower returns true if the set has all tensors of a tower under this prefix.  Some programs add a prefix, such as
 * "clip." or "module.", to all names when they save a model. */

static bool has_tower(const gp_tensors *set, const char *prefix, const tower_list *w, size_t layers)
{
    char name[1024];
    for (size_t i = 0; i < tower_count(w, layers); i++) {
        tower_at(w, i, prefix, name, sizeof name);
        if (!gp_tensors_find(set, name)) return false;
    }
    return true;
}

static bool has_all(const gp_tensors *set, const char *prefix, const gp_clip_config *c)
{
    const tower_list image = image_list(c), text = text_list(c, set, prefix);
    return (!c->has_image || has_tower(set, prefix, &image, (size_t)c->image.layers)) &&
           (!c->has_text || has_tower(set, prefix, &text, (size_t)c->text.layers));
}

/* Writes the prefix of `name` to `out`: "clip." of "clip.text_projection.weight". Returns false unless `name` is a
 * prefix that ends with '.', followed by `rest`. */
static bool prefix_of(const char *name, const char *rest, char *out, size_t size)
{
    size_t length = strlen(name), part = strlen(rest);
    if (length <= part || length - part >= size || strcmp(name + length - part, rest) != 0) return false;
    if (name[length - part - 1] != '.') return false;
    memcpy(out, name, length - part);
    out[length - part] = '\0';
    return true;
}

/* Finds the prefix for which all needed tensors exist, and removes it from the names.  Does nothing if the names have
 * no prefix.  Fails if there are two such prefixes, because then the file has two models.  If no prefix has all needed
 * tensors, but there is only one candidate, removes this candidate: a later message then names the missing tensor. */
static gp_status take_prefix(loader *l, char *prefix, size_t size)
{
    const gp_clip_config *c = &l->w->config;
    const char *anchor = c->open_clip   ? "visual.positional_embedding"
                         : c->has_image ? image_table[POSITIONS].name
                                        : text_table[POSITIONS].name;
    char found[600] = "", partial[600] = "", here[600];
    size_t candidates = 0;
    if (gp_tensors_find(l->set, anchor)) return GP_OK;
    for (size_t i = 0; i < gp_tensors_count(l->set); i++) {
        const gp_tensor *t = gp_tensors_at(l->set, i);
        if (!prefix_of(t->name, anchor, here, sizeof here)) continue;
        candidates++;
        snprintf(partial, sizeof partial, "%s", here);
        if (!has_all(l->set, here, c)) continue;
        if (*found)
            return gp_fail_path(
                l->err, GP_ERR_FORMAT,
                "'%s' contains two models, with the prefixes '%s' and '%s'; goldpan cannot tell which to use", t->file,
                found, here);
        snprintf(found, sizeof found, "%s", here);
    }
    if (*found || candidates == 1) snprintf(prefix, size, "%s", *found ? found : partial);
    return gp_tensors_strip(l->set, prefix, l->err);
}

/* ------------------------------------------------------------------ converting and packing */

/* Fails for a tensor with numbers that are not finite.  A single NaN makes all scores NaN. */
static gp_status bad_numbers(const loader *l, const gp_tensor *t, size_t bad, gp_error *err)
{
    return gp_fail_path(err, GP_ERR_FORMAT,
                        "'%s': tensor '%s%s' has %zu of %zu values that are not finite (NaN or infinite)", t->file,
                        l->prefix, t->name, bad, gp_tensor_numbers(t));
}

/* Reads all bytes of a tensor; every number must be finite. */
static gp_status read_raw(const loader *l, const gp_tensor *t, uint8_t *out, gp_error *err)
{
    gp_dtype dtype = GP_F32;
    gp_tensor_dtype(t, &dtype);
    GP_TRY(gp_tensors_read(l->set, t, 0, out, t->bytes, err));
    size_t bad = gp_tensor_not_finite(out, dtype, gp_tensor_numbers(t));
    return bad ? bad_numbers(l, t, bad, err) : GP_OK;
}

static gp_status read_floats(const loader *l, const gp_tensor *t, float *out, gp_error *err)
{
    size_t bad = 0;
    GP_TRY(gp_tensors_read_floats(l->set, t, out, &bad, err));
    return bad ? bad_numbers(l, t, bad, err) : GP_OK;
}

/* Reads a vector or small table into the arena, whose size float_bytes computed. */
static gp_status floats(loader *l, const gp_tensor *t, float **out)
{
    size_t count = gp_tensor_numbers(t);
    *out = gp_arena_take(&l->w->floats, count, sizeof **out);
    assert(*out);
    return read_floats(l, t, *out, l->err);
}

static gp_status norm(loader *l, const gp_tensor *gain, const gp_tensor *bias, gp_norm *out)
{
    GP_TRY(floats(l, gain, &out->gain));
    return floats(l, bias, &out->bias);
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

/* Memory that a thread uses for one matrix after another.  New memory for each matrix would cost more time than
 * copying the matrix, because the system must provide its pages. */
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

/* Packs one matrix of the checkpoint; bias [out] may be NULL. */
static gp_status pack(const loader *l, const gp_tensor *weight, const gp_tensor *bias, room *r, gp_linear **out,
                      gp_error *err)
{
    gp_dtype dtype = GP_F32;
    size_t rows = (size_t)weight->shape[0], columns = gp_tensor_numbers(weight) / rows;
    float *b = NULL;
    gp_status st = GP_OK;
    gp_tensor_dtype(weight, &dtype);
    GP_TRY_GOTO(need(r, weight->bytes, err));
    GP_TRY_GOTO(read_raw(l, weight, r->bytes, err));
    if (bias) {
        GP_TRY_GOTO(gp_alloc((void **)&b, rows, sizeof *b, "a bias", err));
        GP_TRY_GOTO(read_floats(l, bias, b, err));
    }
    st = gp_linear_new(r->bytes, dtype, b, rows, columns, l->precision, l->engine, out, err);
out:
    gp_mem_free(b);
    return st;
}

/* Packs query, key and value as one matrix [3d, d].  If all three have the same stored dtype, the matrix is packed from
 * that dtype, else from fp32.  If `heads` is not 0, packs query, key and value in the form that pooled_attention.c
 * needs. */
static gp_status pack_qkv(const loader *l, const block_tensors b, size_t heads, room *r, gp_block *out, gp_error *err)
{
    size_t d = (size_t)b[Q]->shape[0];
    gp_dtype dtype = GP_F32;
    gp_tensor_dtype(b[Q], &dtype);
    if (heads || strcmp(b[Q]->dtype, b[K]->dtype) != 0 || strcmp(b[Q]->dtype, b[V]->dtype) != 0) dtype = GP_F32;
    const char *name = gp_dtype_name(dtype);
    size_t part = d * d * gp_dtype_size(dtype);
    float *bias = NULL;
    gp_status st;
    GP_TRY_GOTO(need(r, 3 * part, err));
    uint8_t *weight = r->bytes;
    GP_TRY_GOTO(gp_alloc((void **)&bias, 3 * d, sizeof *bias, "a bias", err));
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(b[Q + i]->dtype, name) == 0)
            GP_TRY_GOTO(read_raw(l, b[Q + i], weight + i * part, err));
        else
            GP_TRY_GOTO(read_floats(l, b[Q + i], (float *)(void *)(weight + i * part), err));
        GP_TRY_GOTO(read_floats(l, b[Q_BIAS + i], bias + i * d, err));
    }
    if (heads)
        st = gp_pooled_attention_pack((const float *)(const void *)weight, bias, heads, d, l->precision, l->engine,
                                      &out->pooled, err);
    else
        st = gp_linear_new(weight, dtype, bias, 3 * d, d, l->precision, l->engine, &out->qkv, err);
out:
    gp_mem_free(bias);
    return st;
}

/* Packs the matrices of one block.  heads: number of heads in the last block, 0 in other blocks. */
static gp_status pack_block(const loader *l, const block_tensors b, size_t heads, room *r, gp_block *out, gp_error *err)
{
    GP_TRY(pack_qkv(l, b, heads, r, out, err));
    GP_TRY(pack(l, b[OUT], b[OUT_BIAS], r, &out->out, err));
    GP_TRY(pack(l, b[FC1], b[FC1_BIAS], r, &out->fc1, err));
    return pack(l, b[FC2], b[FC2_BIAS], r, &out->fc2, err);
}

/* Loads the tensors that both towers have outside their blocks: positions, post-norm, projection.  Also loads the norms
 * of the blocks, because only one thread may use the arena. */
static gp_status load_outside(loader *l, gp_tower *tower, const gp_tensor **tensors, block_tensors *blocks, room *r)
{
    GP_TRY(floats(l, tensors[POSITIONS], &tower->positions));
    GP_TRY(norm(l, tensors[LAST_GAIN], tensors[LAST_BIAS], &tower->last));
    for (size_t i = 0; i < tower->size.layers; i++) {
        GP_TRY(norm(l, blocks[i][NORM1_GAIN], blocks[i][NORM1_BIAS], &tower->blocks[i].norm1));
        GP_TRY(norm(l, blocks[i][NORM2_GAIN], blocks[i][NORM2_BIAS], &tower->blocks[i].norm2));
    }
    loader exact =
        *l; /* the projection stays fp32: it is cheap, and its rounding errors would directly change the score */
    exact.precision = GP_PRECISION_FP32;
    return pack(&exact, tensors[PROJECTION], NULL, r, &tower->projection, l->err);
}

static gp_status load_rest(loader *l, room *r)
{
    gp_weights *w = l->w;
    if (w->config.has_image) {
        GP_TRY(load_outside(l, &w->image, l->image, l->blocks, r));
        GP_TRY(floats(l, l->image[CLASS], &w->class_token));
        GP_TRY(norm(l, l->image[FIRST_GAIN], l->image[FIRST_BIAS], &w->first));
        GP_TRY(pack(l, l->image[PATCH], NULL, r, &w->patch, l->err));
    }
    if (w->config.has_text) {
        GP_TRY(load_outside(l, &w->text, l->text, l->blocks + w->image.size.layers, r));
        const gp_tensor *tokens = l->text[TOKENS];
        gp_tensor_dtype(tokens, &w->token_dtype);
        GP_TRY(gp_alloc_aligned((void **)&w->token_table, tokens->bytes, 1, "the token table", l->err));
        GP_TRY(read_raw(l, tokens, w->token_table, l->err));
    }
    return GP_OK;
}

/* ------------------------------------------------------------------ threads */

/* Loading is divided into tasks.  Task 0: the hash.  Task 1: all tensors outside the blocks.  Then one task for each
 * block. */

typedef struct job {
    loader *l;
    atomic_size_t next;
    size_t tasks;
    struct {
        size_t task;
        gp_error error; /* error of the task that failed on this thread */
    } * failed;         /* [threads] */
} job;

static gp_status run_task(loader *l, size_t task, room *r, gp_error *err)
{
    gp_weights *w = l->w;
    if (task == 0) return gp_tensors_hash(l->set, &w->hash, err);
    if (task == 1) {
        loader own = *l;
        own.err = err;
        return load_rest(&own, r);
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
        atomic_store(&j->next, j->tasks); /* so that no thread starts a new task */
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
    if (!j.failed) return gp_fail_memory(l->err, "a model");
    gp_status st = gp_threads_start(threads, work, &j, &group, l->err);
    gp_threads_join(group);
    size_t first = SIZE_MAX;
    for (int i = 0; i < threads; i++)
        if (j.failed[i].error.status != GP_OK && j.failed[i].task < first) {
            first = j.failed[i].task;
            st = gp_fail_as(l->err, j.failed[i].error.status, &j.failed[i].error);
        }
    gp_mem_free(j.failed);
    return st;
}

/* ------------------------------------------------------------------ entry point */

static gp_status allocate(loader *l)
{
    gp_weights *w = l->w;
    size_t layers = (size_t)w->image.size.layers + w->text.size.layers;
    GP_TRY(gp_alloc((void **)&l->blocks, layers, sizeof *l->blocks, "a list of tensors", l->err));
    GP_TRY(gp_alloc((void **)&l->made, 6 * layers + 2, sizeof *l->made, "a list of tensors", l->err));
    w->image.blocks = gp_mem_zero(w->image.size.layers, sizeof *w->image.blocks);
    w->text.blocks = gp_mem_zero(w->text.size.layers, sizeof *w->text.blocks);
    if (!w->image.blocks || !w->text.blocks) return gp_fail_memory(l->err, "a list of layers");
    return GP_OK;
}

gp_status gp_weights_load(gp_tensors *set, const gp_clip_config *config, gp_precision precision, gp_engine engine,
                          gp_weights *out, gp_error *err)
{
    gp_weights w = {.config = *config};
    char prefix[600] = "";
    loader l = {.set = set, .prefix = prefix, .w = &w, .precision = precision, .engine = engine, .err = err};
    w.image.size = config->image;
    w.text.size = config->text;
    gp_status st;
    GP_TRY_GOTO(allocate(&l));
    GP_TRY_GOTO(take_prefix(&l, prefix, sizeof prefix));
    GP_TRY_GOTO(find_all(&l)); /* find_all has checked that all sizes in config.json match the tensors in the files */
    GP_TRY_GOTO(gp_arena_init(&w.floats, float_bytes(config), err));
    GP_TRY_GOTO(load_all(&l));
    *out = w;
    memset(&w, 0, sizeof w);
out:
    gp_mem_free(l.turned[0]);
    gp_mem_free(l.turned[1]);
    gp_mem_free(l.made);
    gp_mem_free(l.blocks);
    gp_weights_clear(&w);
    return st;
}

static void clear_tower(gp_tower *tower)
{
    for (size_t i = 0; tower->blocks && i < tower->size.layers; i++) {
        gp_linear_free(tower->blocks[i].qkv);
        gp_pooled_attention_free(tower->blocks[i].pooled);
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
