/* SPDX-License-Identifier: MIT
 * config.json, with the rules of transformers:
 * - An absent or null field has the default of its class; transformers leaves out defaults when it saves a config.
 * - text_config_dict and vision_config_dict, if present and not null, replace text_config and vision_config completely:
 *   a field that they lack has its default, even if text_config has the field.
 * - The width of the shared embedding space is projection_dim of the top level; the one of the towers is ignored.
 * - A single tower (clip_vision_model, clip_text_model) has its config at the top level. */
#include "model/config.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

const gp_architecture gp_clip_architectures[] = {
    {"clip", "CLIPModel"},
    {"clip_vision_model", "CLIPVisionModel"},
    {"clip_vision_model", "CLIPVisionModelWithProjection"},
    {"clip_text_model", "CLIPTextModel"},
    {"clip_text_model", "CLIPTextModelWithProjection"},
    {NULL, NULL},
};

/* The limits are far above all published CLIP models (bigG: width 1664, 48 layers), and so low that computed sizes cannot overflow. */
enum {
    MAX_WIDTH = GP_CLIP_MAX_WIDTH,
    MAX_MLP = GP_CLIP_MAX_MLP,
    MAX_LAYERS = GP_CLIP_MAX_LAYERS,
    MAX_SIDE = GP_CLIP_MAX_SIDE,
    MAX_TOKENS = GP_CLIP_MAX_TOKENS,
    MAX_CONTEXT = GP_CLIP_MAX_CONTEXT,
    MAX_VOCABULARY = GP_CLIP_MAX_VOCABULARY
};

typedef struct reader {
    const char *file, *part; /* part: prefix of field names in messages, like "text_config." or "" */
    gp_error *err;
} reader;

static const gp_json *field(const gp_json *object, const char *key)
{
    const gp_json *value = gp_json_get(object, key);
    return gp_json_kind_of(value) == GP_JSON_NULL ? NULL : value;
}

static gp_status whole(const reader *r, const gp_json *object, const char *key, uint32_t fallback, uint32_t most,
                       uint32_t *out)
{
    const gp_json *value = field(object, key);
    uint64_t n = fallback;
    if (value && !gp_json_u64(value, &n))
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %s%s must be a whole number", r->file, r->part, key);
    if (n == 0) return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %s%s must not be 0", r->file, r->part, key);
    if (n > most)
        return gp_fail_path(r->err, GP_ERR_LIMIT, "'%s': %s%s is %llu, more than goldpan's limit of %u", r->file,
                            r->part, key, (unsigned long long)n, most);
    *out = (uint32_t)n;
    return GP_OK;
}

static gp_status read_activation(const reader *r, const gp_json *object, gp_activation *out)
{
    const gp_json *value = field(object, "hidden_act");
    const char *name = value ? gp_json_text(value, NULL) : "quick_gelu";
    if (!name) return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %shidden_act must be a string", r->file, r->part);
    if (strcmp(name, "quick_gelu") == 0)
        *out = GP_QUICK_GELU;
    else if (strcmp(name, "gelu") == 0)
        *out = GP_GELU;
    else
        return gp_fail_path(r->err, GP_ERR_UNSUPPORTED,
                            "'%s': %shidden_act is '%.60s', but goldpan supports only quick_gelu and gelu", r->file,
                            r->part, name);
    return GP_OK;
}

static gp_status read_tower(const reader *r, const gp_json *object, const gp_tower_config *fallback,
                            gp_tower_config *out)
{
    GP_TRY(whole(r, object, "hidden_size", fallback->width, MAX_WIDTH, &out->width));
    GP_TRY(whole(r, object, "intermediate_size", fallback->mlp, MAX_MLP, &out->mlp));
    GP_TRY(whole(r, object, "num_hidden_layers", fallback->layers, MAX_LAYERS, &out->layers));
    GP_TRY(whole(r, object, "num_attention_heads", fallback->heads, MAX_WIDTH, &out->heads));
    if (out->width % out->heads)
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %shidden_size %u is not a multiple of num_attention_heads %u",
                            r->file, r->part, out->width, out->heads);
    const gp_json *value = field(object, "layer_norm_eps");
    double eps = 1e-5;
    if (value && (!gp_json_real(value, &eps) || !(eps >= 0 && eps <= 1)))
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %slayer_norm_eps must be a number from 0 to 1", r->file,
                            r->part);
    out->eps = (float)eps;
    return read_activation(r, object, &out->activation);
}

static gp_status read_image(const reader *r, const gp_json *object, gp_clip_config *c)
{
    static const gp_tower_config fallback = {768, 3072, 12, 12, 0, GP_QUICK_GELU};
    uint32_t channels;
    GP_TRY(read_tower(r, object, &fallback, &c->image));
    GP_TRY(whole(r, object, "image_size", 224, MAX_SIDE, &c->side));
    GP_TRY(whole(r, object, "patch_size", 32, MAX_SIDE, &c->patch));
    GP_TRY(whole(r, object, "num_channels", 3, UINT32_MAX, &channels));
    if (channels != 3)
        return gp_fail_path(r->err, GP_ERR_UNSUPPORTED, "'%s': %snum_channels is %u, but goldpan supports only 3",
                            r->file, r->part, channels);
    if (c->patch > c->side)
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %spatch_size %u is larger than image_size %u", r->file,
                            r->part, c->patch, c->side);
    if (gp_clip_image_tokens(c) > MAX_TOKENS)
        return gp_fail_path(r->err, GP_ERR_LIMIT,
                            "'%s': %simage_size %u in patches of %u makes %zu tokens, more than goldpan's limit of %d",
                            r->file, r->part, c->side, c->patch, gp_clip_image_tokens(c), MAX_TOKENS);
    c->has_image = true;
    return GP_OK;
}

static gp_status read_text(const reader *r, const gp_json *object, gp_clip_config *c)
{
    static const gp_tower_config fallback = {512, 2048, 12, 8, 0, GP_QUICK_GELU};
    GP_TRY(read_tower(r, object, &fallback, &c->text));
    GP_TRY(whole(r, object, "vocab_size", 49408, MAX_VOCABULARY, &c->vocabulary));
    GP_TRY(whole(r, object, "max_position_embeddings", 77, MAX_CONTEXT, &c->context));
    const gp_json *value = field(object, "eos_token_id");
    c->eos = 49407;
    if (value && (!gp_json_i64(value, &c->eos) || c->eos < 0))
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %seos_token_id must be a whole number", r->file, r->part);
    c->has_text = true;
    return GP_OK;
}

/* Finds the JSON object that configures one tower of a model with both towers. This is the member `dict` or, if `dict`
 * is absent, the member `plain`. If both members are absent, *out is NULL and all fields have defaults. */
static gp_status part_of(reader *r, const gp_json *root, const char *dict, const char *plain, const char *dict_part,
                         const char *plain_part, const gp_json **out)
{
    const gp_json *value = field(root, dict);
    r->part = value ? dict_part : plain_part;
    if (!value) value = field(root, plain);
    if (value && gp_json_kind_of(value) != GP_JSON_OBJECT)
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %s must be an object", r->file, r->part);
    *out = value;
    return GP_OK;
}

static gp_status read_root(const gp_json *root, const char *file, gp_clip_config *c, gp_error *err)
{
    reader r = {file, "", err};
    const gp_json *part = NULL;
    if (gp_json_kind_of(root) != GP_JSON_OBJECT)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is not a JSON object", file);
    const gp_architecture *architecture = gp_architecture_find(gp_clip_architectures, root);
    if (!architecture) return gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' is not the config of a CLIP model", file);
    const char *type = architecture->model_type;
    GP_TRY(whole(&r, root, "projection_dim", 512, MAX_WIDTH, &c->embedding));
    if (strcmp(type, "clip") == 0) {
        GP_TRY(
            part_of(&r, root, "vision_config_dict", "vision_config", "vision_config_dict.", "vision_config.", &part));
        GP_TRY(read_image(&r, part, c));
        GP_TRY(part_of(&r, root, "text_config_dict", "text_config", "text_config_dict.", "text_config.", &part));
        return read_text(&r, part, c);
    }
    if (strcmp(type, "clip_vision_model") == 0) return read_image(&r, root, c);
    return read_text(&r, root, c);
}

gp_status gp_clip_config_read(const gp_json *root, const char *file, gp_clip_config *out, gp_error *err)
{
    gp_clip_config config = {0};
    GP_TRY(read_root(root, file, &config, err));
    *out = config;
    return GP_OK;
}

const char *gp_activation_name(gp_activation activation)
{
    return activation == GP_GELU ? "gelu" : "quick_gelu";
}
