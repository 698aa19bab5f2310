/* SPDX-License-Identifier: MIT
 * Readers of programs that store their settings as one JSON object. A reader names the fields that it reads, and the
 * fields that only its program writes. */
#include "metadata/meta_readers.h"
#include "metadata/meta_record.h"

#include "base/mem.h"

#include <string.h>

/* Reads a text that is one JSON object. is_ours: recognises the program by its fields; NULL: accepts every object. */
static gp_status read_object(const gp_meta_source *s, const char *tool, bool (*is_ours)(const gp_json *root),
                             const gp_field *fields, size_t count, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    if (!is_ours || is_ours(root)) gp_record_fields(&r, root, fields, count);
    gp_json_free(root);
    return gp_record_finish(&r, tool, s->where, GP_EVIDENCE_STATED, out, err);
}
#define READ_OBJECT(tool, is_ours, fields)                                                                             \
    read_object(s, tool, is_ours, fields, sizeof(fields) / sizeof *(fields), out, err)

/* ------------------------------------------------------------------ Fooocus */

static const gp_field fooocus_fields[] = {
    {"real_prompt", GP_FIELD_PROMPT, NULL}, /* Fooocus-MRE: the prompt after its styles' wildcards */
    {"prompt", GP_FIELD_PROMPT, NULL},
    {"real_negative_prompt", GP_FIELD_NEGATIVE, NULL},
    {"negative_prompt", GP_FIELD_NEGATIVE, NULL},
    {"steps", GP_FIELD_NUMBER, "steps"},
    {"sampler", GP_FIELD_TEXT, "sampler"},
    {"scheduler", GP_FIELD_TEXT, "scheduler"},
    {"guidance_scale", GP_FIELD_NUMBER, "cfg_scale"},
    {"cfg", GP_FIELD_NUMBER, "cfg_scale"},
    {"seed", GP_FIELD_NUMBER, "seed"},
    {"resolution", GP_FIELD_SIZE, NULL},
    {"width", GP_FIELD_NUMBER, "width"},
    {"height", GP_FIELD_NUMBER, "height"},
    {"base_model", GP_FIELD_TEXT, "model"},
    {"base_model_hash", GP_FIELD_TEXT, "model_hash"},
    {"vae", GP_FIELD_TEXT, "vae"},
    {"clip_skip", GP_FIELD_NUMBER, "clip_skip"},
    {"refiner_model", GP_FIELD_TEXT, "refiner"},
    {"refiner_switch", GP_FIELD_NUMBER, "refiner_switch_at"},
    {"loras", GP_FIELD_LORAS, NULL},
    {"version", GP_FIELD_TEXT, "version"},
    {"software", GP_FIELD_TEXT, "version"},
};

static bool is_fooocus(const gp_json *root)
{
    return gp_json_path_text(root, "base_model", NULL) && gp_json_path_text(root, "prompt", NULL);
}

gp_status gp_meta_fooocus(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    return READ_OBJECT("fooocus", is_fooocus, fooocus_fields);
}

static bool is_ruined_fooocus(const gp_json *root)
{
    const char *software = gp_json_path_text(root, "software", NULL);
    return software && strcmp(software, "RuinedFooocus") == 0;
}

gp_status gp_meta_ruined_fooocus(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"Prompt", GP_FIELD_PROMPT, NULL},
        {"Negative", GP_FIELD_NEGATIVE, NULL},
        {"steps", GP_FIELD_NUMBER, "steps"},
        {"sampler_name", GP_FIELD_TEXT, "sampler"},
        {"scheduler", GP_FIELD_TEXT, "scheduler"},
        {"cfg", GP_FIELD_NUMBER, "cfg_scale"},
        {"seed", GP_FIELD_NUMBER, "seed"},
        {"width", GP_FIELD_NUMBER, "width"},
        {"height", GP_FIELD_NUMBER, "height"},
        {"base_model_name", GP_FIELD_TEXT, "model"},
        {"base_model_hash", GP_FIELD_TEXT, "model_hash"},
        {"clip_skip", GP_FIELD_NUMBER, "clip_skip"},
        {"denoise", GP_FIELD_NUMBER, "denoising_strength"},
        {"loras", GP_FIELD_LORAS, NULL},
    };
    return READ_OBJECT("ruined-fooocus", is_ruined_fooocus, fields);
}

/* ------------------------------------------------------------------ web applications */

static bool is_space(const gp_json *root)
{
    return gp_json_path_text(root, "Model", NULL) && gp_json_path_text(root, "resolution", NULL);
}

gp_status gp_meta_space(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"prompt", GP_FIELD_PROMPT, NULL},
        {"negative_prompt", GP_FIELD_NEGATIVE, NULL},
        {"num_inference_steps", GP_FIELD_NUMBER, "steps"},
        {"sampler", GP_FIELD_TEXT, "sampler"},
        {"guidance_scale", GP_FIELD_NUMBER, "cfg_scale"},
        {"seed", GP_FIELD_NUMBER, "seed"},
        {"resolution", GP_FIELD_SIZE, NULL},
        {"Model", GP_FIELD_TEXT, "model"},
        {"Model hash", GP_FIELD_TEXT, "model_hash"},
        {"use_upscaler.upscale_by", GP_FIELD_NUMBER, "hires_scale"},
        {"use_upscaler.upscale_method", GP_FIELD_TEXT, "hires_upscaler"},
        {"use_upscaler.upscale_steps", GP_FIELD_NUMBER, "hires_steps"},
        {"use_upscaler.upscaler_strength", GP_FIELD_NUMBER, "hires_denoising_strength"},
    };
    return READ_OBJECT("hugging-face-space", is_space, fields);
}

gp_status gp_meta_tensorart(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"prompt", GP_FIELD_PROMPT, NULL},
        {"negativePrompt", GP_FIELD_NEGATIVE, NULL},
        {"steps", GP_FIELD_NUMBER, "steps"},
        {"samplerName", GP_FIELD_TEXT, "sampler"},
        {"ksamplerName", GP_FIELD_TEXT, "sampler"},
        {"schedule", GP_FIELD_TEXT, "scheduler"},
        {"cfgScale", GP_FIELD_NUMBER, "cfg_scale"},
        {"guidance", GP_FIELD_NUMBER, "guidance"},
        {"seed", GP_FIELD_NUMBER, "seed"},
        {"width", GP_FIELD_NUMBER, "width"},
        {"height", GP_FIELD_NUMBER, "height"},
        {"baseModel.modelFileName", GP_FIELD_TEXT, "model"},
        {"baseModel.hash", GP_FIELD_TEXT, "model_hash"},
        {"clipSkip", GP_FIELD_NUMBER, "clip_skip"},
        {"models", GP_FIELD_LORAS, NULL},
    };
    return READ_OBJECT("tensorart", NULL, fields);
}

gp_status gp_meta_civitai(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"prompt", GP_FIELD_PROMPT, NULL},          {"negativePrompt", GP_FIELD_NEGATIVE, NULL},
        {"steps", GP_FIELD_NUMBER, "steps"},        {"sampler", GP_FIELD_TEXT, "sampler"},
        {"cfgScale", GP_FIELD_NUMBER, "cfg_scale"}, {"seed", GP_FIELD_NUMBER, "seed"},
        {"width", GP_FIELD_NUMBER, "width"},        {"height", GP_FIELD_NUMBER, "height"},
        {"clipSkip", GP_FIELD_NUMBER, "clip_skip"}, {"baseModel", GP_FIELD_TEXT, "model"},
    };
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL, *inner = NULL;
    size_t size = 0;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    const gp_json *extra = gp_json_get(root, "extraMetadata");
    const char *text = gp_json_text(extra, &size); /* normally JSON inside a JSON string */
    gp_status st = text ? gp_record_open(text, size, &inner, err) : GP_OK;
    GP_RECORD_FIELDS(&r, inner ? inner : extra, fields);
    gp_json_free(inner);
    gp_json_free(root);
    if (st == GP_OK) return gp_record_finish(&r, "civitai", s->where, GP_EVIDENCE_STATED, out, err);
    gp_record_clear(&r);
    return st;
}

gp_status gp_meta_stability_matrix(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"PositivePrompt", GP_FIELD_PROMPT, NULL},  {"NegativePrompt", GP_FIELD_NEGATIVE, NULL},
        {"Steps", GP_FIELD_NUMBER, "steps"},        {"Sampler", GP_FIELD_TEXT, "sampler"},
        {"CfgScale", GP_FIELD_NUMBER, "cfg_scale"}, {"Seed", GP_FIELD_NUMBER, "seed"},
        {"Width", GP_FIELD_NUMBER, "width"},        {"Height", GP_FIELD_NUMBER, "height"},
        {"ModelName", GP_FIELD_TEXT, "model"},      {"ModelHash", GP_FIELD_TEXT, "model_hash"},
    };
    return READ_OBJECT("stability-matrix", NULL, fields);
}

/* ------------------------------------------------------------------ desktop applications */

static const gp_field easy_fields[] = {
    {"prompt", GP_FIELD_PROMPT, NULL},
    {"Prompt", GP_FIELD_PROMPT, NULL},
    {"negative_prompt", GP_FIELD_NEGATIVE, NULL},
    {"Negative Prompt", GP_FIELD_NEGATIVE, NULL},
    {"num_inference_steps", GP_FIELD_NUMBER, "steps"},
    {"Steps", GP_FIELD_NUMBER, "steps"},
    {"sampler_name", GP_FIELD_TEXT, "sampler"},
    {"Sampler", GP_FIELD_TEXT, "sampler"},
    {"scheduler_name", GP_FIELD_TEXT, "scheduler"},
    {"guidance_scale", GP_FIELD_NUMBER, "cfg_scale"},
    {"Guidance Scale", GP_FIELD_NUMBER, "cfg_scale"},
    {"seed", GP_FIELD_NUMBER, "seed"},
    {"Seed", GP_FIELD_NUMBER, "seed"},
    {"width", GP_FIELD_NUMBER, "width"},
    {"Width", GP_FIELD_NUMBER, "width"},
    {"height", GP_FIELD_NUMBER, "height"},
    {"Height", GP_FIELD_NUMBER, "height"},
    {"use_stable_diffusion_model", GP_FIELD_TEXT, "model"},
    {"Stable Diffusion model", GP_FIELD_TEXT, "model"},
    {"use_vae_model", GP_FIELD_TEXT, "vae"},
    {"VAE model", GP_FIELD_TEXT, "vae"},
    {"clip_skip", GP_FIELD_NUMBER, "clip_skip"},
    {"Clip Skip", GP_FIELD_NUMBER, "clip_skip"},
    {"prompt_strength", GP_FIELD_NUMBER, "denoising_strength"},
    {"Prompt Strength", GP_FIELD_NUMBER, "denoising_strength"},
    {"use_lora_model", GP_FIELD_OTHER, NULL},
    {"LoRA model", GP_FIELD_OTHER, NULL},
    {"lora_alpha", GP_FIELD_OTHER, NULL},
    {"LoRA Strength", GP_FIELD_OTHER, NULL},
};

bool gp_meta_easy_has(const char *key)
{
    for (size_t i = 0; i < sizeof easy_fields / sizeof *easy_fields; i++)
        if (strcmp(easy_fields[i].path, key) == 0) return true;
    return false;
}

static bool is_easy(const gp_json *root)
{
    return gp_json_path_text(root, "use_stable_diffusion_model", NULL) ||
           gp_json_path_text(root, "Stable Diffusion model", NULL);
}

/* Appends element i of a value: of an array, or of a list that Python printed as a text, such as "['a', 'b']". A single
 * value is its own element 0. */
static void put_element(gp_str *out, const gp_json *value, size_t i)
{
    size_t size = 0;
    const bool array = gp_json_kind_of(value) == GP_JSON_ARRAY;
    const gp_json *one = array ? gp_json_at(value, i) : value;
    const gp_json_kind kind = gp_json_kind_of(one);
    const char *text = gp_json_text(one, &size);
    if (array || !text || *text != '[') {
        if (i && !array) return;
        if (text && !memchr(text, 0, size)) gp_str_add(out, text, size);
        if (kind == GP_JSON_INT || kind == GP_JSON_REAL) gp_json_write(out, one);
        return;
    }
    for (const char *p = text + 1; *p && *p != ']';) {
        p += strspn(p, " ,");
        const char quote = *p == '\'' || *p == '"' ? *p : 0;
        const char *start = p + (quote != 0), *end = quote ? strchr(start, quote) : start + strcspn(start, ",]");
        if (!end) return;
        if (i-- == 0) {
            gp_str_add(out, start, (size_t)(end - start));
            return;
        }
        p = end + (quote != 0);
    }
}

/* Adds the LoRAs: one field has the names, another one the strengths. */
static void add_easy_loras(gp_record *r, const gp_json *root)
{
    enum { MOST = 64 };
    const gp_json *names = gp_json_get(root, "use_lora_model"), *weights = gp_json_get(root, "lora_alpha");
    if (!names) names = gp_json_get(root, "LoRA model");
    if (!weights) weights = gp_json_get(root, "LoRA Strength");
    for (size_t i = 0; i < MOST && names; i++) {
        gp_str name = GP_STR_INIT, weight = GP_STR_INIT;
        put_element(&name, names, i);
        put_element(&weight, weights, i);
        r->failed |= name.failed || weight.failed;
        const bool any = name.size > 0;
        if (any && !r->failed) gp_record_lora(r, name.data, weight.data);
        gp_str_clear(&name);
        gp_str_clear(&weight);
        if (!any) return;
    }
}

gp_status gp_meta_easy(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_record r = GP_RECORD_INIT;
    gp_json *root = NULL;
    *out = (gp_meta){0};
    GP_TRY(gp_record_open(s->text, s->size, &root, err));
    if (is_easy(root)) {
        GP_RECORD_FIELDS(&r, root, easy_fields);
        add_easy_loras(&r, root);
    }
    gp_json_free(root);
    return gp_record_finish(&r, "easy-diffusion", s->where, GP_EVIDENCE_STATED, out, err);
}

/* Joins the texts of a PNG into one JSON object, and reads that. */
gp_status gp_meta_easy_texts(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    gp_str json = GP_STR_INIT;
    const char *where = "prompt";
    gp_str_putc(&json, '{');
    for (size_t i = 0; i < sizeof easy_fields / sizeof *easy_fields; i++) {
        const gp_chunk *chunk = gp_chunks_find(s->chunks, easy_fields[i].path);
        if (!chunk || chunk->damaged || chunk->size > GP_META_MAX_JSON) continue;
        gp_json_put_name(&json, easy_fields[i].path);
        gp_json_put_string_n(&json, chunk->text, chunk->size);
        if (easy_fields[i].kind == GP_FIELD_PROMPT) where = easy_fields[i].path;
    }
    gp_str_putc(&json, '}');
    *out = (gp_meta){0};
    gp_status st = json.failed ? gp_fail_memory(err, "metadata") : GP_OK;
    gp_meta_source one = {.text = json.data, .size = json.size, .where = where, .chunks = s->chunks};
    if (st == GP_OK) st = gp_meta_easy(&one, out, err);
    gp_str_clear(&json);
    return st;
}

static bool is_draw_things(const gp_json *root)
{
    return gp_json_path_text(root, "c", NULL) && gp_json_path_text(root, "model", NULL) && gp_json_get(root, "steps");
}

gp_status gp_meta_draw_things(const gp_meta_source *s, gp_meta *out, gp_error *err)
{
    static const gp_field fields[] = {
        {"c", GP_FIELD_PROMPT, NULL},
        {"uc", GP_FIELD_NEGATIVE, NULL},
        {"steps", GP_FIELD_NUMBER, "steps"},
        {"sampler", GP_FIELD_TEXT, "sampler"},
        {"scale", GP_FIELD_NUMBER, "cfg_scale"},
        {"seed", GP_FIELD_NUMBER, "seed"},
        {"size", GP_FIELD_SIZE, NULL},
        {"model", GP_FIELD_TEXT, "model"},
        {"strength", GP_FIELD_NUMBER, "denoising_strength"},
        {"lora", GP_FIELD_LORAS, NULL},
    };
    return READ_OBJECT("draw-things", is_draw_things, fields);
}
