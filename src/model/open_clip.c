/* SPDX-License-Identifier: MIT
 * open_clip_config.json: the object model_cfg, with the defaults of open_clip.  open_clip has many variants of its
 * towers.  goldpan computes the plain ones, so every field that changes the computation must have its default; the
 * message names the field.  Unknown fields are rejected too. */
#include "model/config.h"

#include <math.h>
#include <string.h>

typedef enum rule {
    READ,      /* a size, which is read elsewhere */
    NO_MATTER, /* does not change the embedding */
    FALSE_,
    UNSET, /* null */
    TEXT   /* must be `value` */
} rule;

typedef struct known {
    const char *name;
    rule rule;
    const char *value;
} known;

static const known root_fields[] = {{"embed_dim", READ, NULL},
                                    {"quick_gelu", READ, NULL},
                                    {"vision_cfg", READ, NULL},
                                    {"text_cfg", READ, NULL},
                                    {"custom_text", NO_MATTER, NULL},
                                    {"init_logit_scale", NO_MATTER, NULL},
                                    {"init_logit_bias", UNSET, NULL},
                                    {"cast_dtype", NO_MATTER, NULL},
                                    {"output_dict", NO_MATTER, NULL},
                                    {"nonscalar_logit_scale", NO_MATTER, NULL},
                                    {NULL, READ, NULL}};
static const known image_fields[] = {{"image_size", READ, NULL},
                                     {"layers", READ, NULL},
                                     {"width", READ, NULL},
                                     {"head_width", READ, NULL},
                                     {"mlp_ratio", READ, NULL},
                                     {"patch_size", READ, NULL},
                                     {"patch_dropout", NO_MATTER, NULL},
                                     {"output_tokens", NO_MATTER, NULL},
                                     {"attn_pooler_queries", NO_MATTER, NULL},
                                     {"attn_pooler_heads", NO_MATTER, NULL},
                                     {"timm_model_pretrained", NO_MATTER, NULL},
                                     {"timm_pool", NO_MATTER, NULL},
                                     {"timm_proj", NO_MATTER, NULL},
                                     {"timm_proj_bias", NO_MATTER, NULL},
                                     {"timm_drop", NO_MATTER, NULL},
                                     {"timm_drop_path", NO_MATTER, NULL},
                                     {"timm_model_name", UNSET, NULL},
                                     {"ls_init_value", UNSET, NULL},
                                     {"block_type", UNSET, NULL},
                                     {"act_kwargs", UNSET, NULL},
                                     {"norm_kwargs", UNSET, NULL},
                                     {"attentional_pool", FALSE_, NULL},
                                     {"no_ln_pre", FALSE_, NULL},
                                     {"final_ln_after_pool", FALSE_, NULL},
                                     {"input_patchnorm", FALSE_, NULL},
                                     {"global_average_pool", FALSE_, NULL},
                                     {"qk_norm", FALSE_, NULL},
                                     {"scaled_cosine_attn", FALSE_, NULL},
                                     {"scale_heads", FALSE_, NULL},
                                     {"scale_attn_inner", FALSE_, NULL},
                                     {"scale_attn", FALSE_, NULL},
                                     {"scale_fc", FALSE_, NULL},
                                     {"pool_type", TEXT, "tok"},
                                     {"pos_embed_type", TEXT, "learnable"},
                                     {NULL, READ, NULL}};
static const known text_fields[] = {{"context_length", READ, NULL},
                                    {"vocab_size", READ, NULL},
                                    {"width", READ, NULL},
                                    {"heads", READ, NULL},
                                    {"layers", READ, NULL},
                                    {"mlp_ratio", READ, NULL},
                                    {"output_tokens", NO_MATTER, NULL},
                                    {"pad_id", NO_MATTER, NULL},
                                    {"eos_id", NO_MATTER, NULL},
                                    {"hf_tokenizer_name", NO_MATTER, NULL},
                                    {"hf_model_pretrained", NO_MATTER, NULL},
                                    {"hf_proj_type", NO_MATTER, NULL},
                                    {"hf_pooler_type", NO_MATTER, NULL},
                                    {"hf_model_name", UNSET, NULL},
                                    {"tokenizer_kwargs", UNSET, NULL},
                                    {"ls_init_value", UNSET, NULL},
                                    {"block_type", UNSET, NULL},
                                    {"act_kwargs", UNSET, NULL},
                                    {"norm_kwargs", UNSET, NULL},
                                    {"embed_cls", FALSE_, NULL},
                                    {"no_causal_mask", FALSE_, NULL},
                                    {"final_ln_after_pool", FALSE_, NULL},
                                    {"proj_bias", FALSE_, NULL},
                                    {"qk_norm", FALSE_, NULL},
                                    {"scaled_cosine_attn", FALSE_, NULL},
                                    {"scale_heads", FALSE_, NULL},
                                    {"scale_attn_inner", FALSE_, NULL},
                                    {"scale_attn", FALSE_, NULL},
                                    {"scale_fc", FALSE_, NULL},
                                    {"pool_type", TEXT, "argmax"},
                                    {"proj_type", TEXT, "linear"},
                                    {NULL, READ, NULL}};

typedef struct reader {
    const char *file, *part; /* part: prefix of field names in messages, like "text_cfg." */
    const known *fields;
    gp_status status;
    gp_error *err;
} reader;

static gp_status unsupported(const reader *r, const char *field)
{
    return gp_fail_path(r->err, GP_ERR_UNSUPPORTED,
                        "'%s': %s%.60s has a value that changes the model in a way that goldpan does not support",
                        r->file, r->part, field);
}

static bool check_field(void *user, const char *key, const gp_json *value)
{
    reader *r = user;
    const known *f = r->fields;
    const gp_json_kind kind = gp_json_kind_of(value);
    while (f->name && strcmp(f->name, key) != 0) f++;
    if (kind == GP_JSON_NULL) return true;
    const bool empty = (kind == GP_JSON_OBJECT || kind == GP_JSON_ARRAY) && gp_json_count(value) == 0;
    const char *text = gp_json_text(value, NULL);
    bool good = f->name && (f->rule == READ || f->rule == NO_MATTER || (f->rule == UNSET && empty) ||
                            (f->rule == FALSE_ && kind == GP_JSON_BOOL && !gp_json_bool(value, true)) ||
                            (f->rule == TEXT && text && strcmp(text, f->value) == 0));
    if (!good) r->status = unsupported(r, key);
    return good;
}

static gp_status check_fields(reader *r, const gp_json *object, const known *fields, const char *part)
{
    r->part = part, r->fields = fields, r->status = GP_OK;
    if (gp_json_kind_of(object) != GP_JSON_OBJECT)
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': model_cfg must have the objects vision_cfg and text_cfg",
                            r->file);
    gp_json_each(object, check_field, r);
    return r->status;
}

static gp_status whole(const reader *r, const gp_json *value, const char *key, uint32_t fallback, uint32_t most,
                       uint32_t *out)
{
    uint64_t n = fallback;
    if (gp_json_kind_of(value) != GP_JSON_NULL && (!gp_json_u64(value, &n) || n == 0))
        return gp_fail_path(r->err, gp_json_kind_of(value) == GP_JSON_ARRAY ? GP_ERR_UNSUPPORTED : GP_ERR_FORMAT,
                            "'%s': %s%s must be a whole number of at least 1", r->file, r->part, key);
    if (n > most)
        return gp_fail_path(r->err, GP_ERR_LIMIT, "'%s': %s%s is %llu, more than goldpan's limit of %u", r->file,
                            r->part, key, (unsigned long long)n, most);
    *out = (uint32_t)n;
    return GP_OK;
}

static gp_status size_of(const reader *r, const gp_json *object, const char *key, uint32_t fallback, uint32_t most,
                         uint32_t *out)
{
    return whole(r, gp_json_get(object, key), key, fallback, most, out);
}

/* Reads a side, which may be a list of two equal numbers. */
static gp_status side_of(const reader *r, const gp_json *object, const char *key, uint32_t fallback, uint32_t *out)
{
    const gp_json *value = gp_json_get(object, key);
    uint32_t other = 0;
    if (gp_json_kind_of(value) != GP_JSON_ARRAY || gp_json_count(value) != 2)
        return whole(r, value, key, fallback, GP_CLIP_MAX_SIDE, out);
    GP_TRY(whole(r, gp_json_at(value, 0), key, fallback, GP_CLIP_MAX_SIDE, out));
    GP_TRY(whole(r, gp_json_at(value, 1), key, fallback, GP_CLIP_MAX_SIDE, &other));
    return *out == other ? GP_OK : unsupported(r, key);
}

/* Reads the fields that both towers have. */
static gp_status read_tower(const reader *r, const gp_json *object, uint32_t width, gp_tower_config *out)
{
    const gp_json *ratio = gp_json_get(object, "mlp_ratio");
    double times = 4;
    GP_TRY(size_of(r, object, "width", width, GP_CLIP_MAX_WIDTH, &out->width));
    GP_TRY(size_of(r, object, "layers", 12, GP_CLIP_MAX_LAYERS, &out->layers));
    if (gp_json_kind_of(ratio) != GP_JSON_NULL && !gp_json_real(ratio, &times)) times = -1;
    double mlp = trunc(out->width * times);
    if (!(mlp >= 1 && mlp <= GP_CLIP_MAX_MLP))
        return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %smlp_ratio must give an MLP width from 1 to %d", r->file,
                            r->part, GP_CLIP_MAX_MLP);
    out->mlp = (uint32_t)mlp;
    out->eps = 1e-5f;
    return GP_OK;
}

static gp_status divides(const reader *r, const char *key, uint32_t width, uint32_t by)
{
    if (width % by == 0) return GP_OK;
    return gp_fail_path(r->err, GP_ERR_FORMAT, "'%s': %swidth %u is not a multiple of %s %u", r->file, r->part, width,
                        key, by);
}

static gp_status read_image(reader *r, const gp_json *object, gp_clip_config *c)
{
    uint32_t head = 0;
    GP_TRY(check_fields(r, object, image_fields, "vision_cfg."));
    GP_TRY(read_tower(r, object, 768, &c->image));
    GP_TRY(size_of(r, object, "head_width", 64, GP_CLIP_MAX_WIDTH, &head));
    GP_TRY(divides(r, "head_width", c->image.width, head));
    c->image.heads = c->image.width / head;
    GP_TRY(side_of(r, object, "image_size", 224, &c->side));
    GP_TRY(side_of(r, object, "patch_size", 16, &c->patch));
    if (c->patch > c->side || gp_clip_image_tokens(c) > GP_CLIP_MAX_TOKENS)
        return gp_fail_path(r->err, GP_ERR_LIMIT,
                            "'%s': %spatch_size %u gives no or too many patches for image_size %u", r->file, r->part,
                            c->patch, c->side);
    return GP_OK;
}

static gp_status read_text(reader *r, const gp_json *object, gp_clip_config *c)
{
    GP_TRY(check_fields(r, object, text_fields, "text_cfg."));
    GP_TRY(read_tower(r, object, 512, &c->text));
    GP_TRY(size_of(r, object, "heads", 8, GP_CLIP_MAX_WIDTH, &c->text.heads));
    GP_TRY(divides(r, "heads", c->text.width, c->text.heads));
    GP_TRY(size_of(r, object, "context_length", 77, GP_CLIP_MAX_CONTEXT, &c->context));
    return size_of(r, object, "vocab_size", 49408, GP_CLIP_MAX_VOCABULARY, &c->vocabulary);
}

bool gp_open_clip_is(const gp_json *root)
{
    return gp_json_kind_of(gp_json_get(root, "model_cfg")) == GP_JSON_OBJECT;
}

gp_status gp_open_clip_config_read(const gp_json *root, const char *file, gp_clip_config *out, gp_error *err)
{
    const gp_json *model = gp_json_get(root, "model_cfg"), *quick = gp_json_get(model, "quick_gelu");
    reader r = {.file = file, .part = "model_cfg.", .err = err};
    gp_clip_config c = {.has_image = true, .has_text = true, .open_clip = true, .eos = 2};
    GP_TRY(check_fields(&r, model, root_fields, "model_cfg."));
    GP_TRY(size_of(&r, model, "embed_dim", 512, GP_CLIP_MAX_WIDTH, &c.embedding));
    if (gp_json_kind_of(quick) != GP_JSON_NULL && gp_json_kind_of(quick) != GP_JSON_BOOL)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': model_cfg.quick_gelu must be true or false", file);
    c.image.activation = c.text.activation = gp_json_bool(quick, false) ? GP_QUICK_GELU : GP_GELU;
    GP_TRY(read_image(&r, gp_json_get(model, "vision_cfg"), &c));
    GP_TRY(read_text(&r, gp_json_get(model, "text_cfg"), &c));
    *out = c;
    return GP_OK;
}
