/* SPDX-License-Identifier: MIT
 * The table of encoder types: chooses the type by the architecture in config.json, and calls its functions. */
#include "model/encoder.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/clip.h"
#include "model/config.h"
#include "model/encoder_type.h"
#include "tensor/linear.h"

#include <string.h>

static const gp_encoder_type *const types[] = {&gp_clip_type};
enum { TYPES = sizeof types / sizeof *types };

/* ------------------------------------------------------------------ the architecture */

static const char *model_type_of(const gp_json *config)
{
    return gp_json_text(gp_json_get(config, "model_type"), NULL);
}

static const char *architecture_of(const gp_json *config)
{
    return gp_json_text(gp_json_at(gp_json_get(config, "architectures"), 0), NULL);
}

const gp_architecture *gp_architecture_find(const gp_architecture *list, const gp_json *config)
{
    const char *model_type = model_type_of(config), *name = architecture_of(config);
    for (; list->model_type; list++) {
        if (model_type && strcmp(model_type, list->model_type) == 0) return list;
        if (!model_type && name && strcmp(name, list->name) == 0) return list;
    }
    return NULL;
}

/* Fails with UNSUPPORTED. The message names the architecture of the file, and the architectures that goldpan
 * supports. */
static gp_status unknown(const gp_json *config, const char *file, gp_error *err)
{
    const char *model_type = model_type_of(config), *name = architecture_of(config);
    gp_str known = GP_STR_INIT;
    for (size_t i = 0; i < TYPES; i++)
        gp_str_printf(&known, "%s%s", i ? ", " : "", types[i]->architectures[0].model_type);
    const char *list = known.failed ? "?" : known.data;
    gp_status st =
        model_type
            ? gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s': model_type is '%.60s'; goldpan reads models of type %s",
                           file, model_type, list)
        : name ? gp_fail_path(err, GP_ERR_UNSUPPORTED,
                              "'%s' has no model_type, and its architecture is '%.60s'; goldpan reads models "
                              "of type %s",
                              file, name, list)
               : gp_fail_path(err, GP_ERR_UNSUPPORTED, "'%s' has no model_type; goldpan reads models of type %s", file,
                              list);
    gp_str_clear(&known);
    return st;
}

static gp_status find_type(const gp_json *config, const char *file, const gp_encoder_type **out, gp_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < TYPES && !*out; i++)
        if (gp_architecture_find(types[i]->architectures, config)) *out = types[i];
    if (gp_open_clip_is(config)) *out = &gp_clip_type;
    if (gp_json_kind_of(config) != GP_JSON_OBJECT)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' is not a JSON object", file);
    if (!*out && gp_str_ends(file, "open_clip_config.json"))
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s' has no object model_cfg", file);
    return *out ? GP_OK : unknown(config, file, err);
}

/* ------------------------------------------------------------------ opening */

static gp_status new_encoder(const gp_encoder_type *type, const char *folder, gp_precision precision, gp_engine engine,
                             gp_encoder **out, gp_error *err)
{
    gp_encoder *encoder = gp_mem_zero(1, type->size);
    if (!encoder) return gp_fail_memory(err, "a model");
    encoder->type = type;
    encoder->precision = precision, encoder->engine = engine;
    gp_linear_resolve(&encoder->precision, &encoder->engine);
    gp_linear_describe(encoder->engine, encoder->precision, encoder->engine_name, sizeof encoder->engine_name);
    encoder->folder = gp_str_dup(folder);
    if (!encoder->folder) {
        gp_mem_free(encoder);
        return gp_fail_memory(err, "a model");
    }
    *out = encoder;
    return GP_OK;
}

gp_status gp_encoder_open(const char *folder, gp_precision precision, gp_engine engine, gp_encoder **out, gp_error *err)
{
    const gp_encoder_type *type = NULL;
    gp_encoder *encoder = NULL;
    gp_bytes text = {0};
    gp_json *config = NULL;
    char *path = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_encoder_read_config(folder, &text, &path, err));
    GP_TRY_GOTO(gp_encoder_parse_config((const char *)text.data, text.size, path, &config, err));
    GP_TRY_GOTO(find_type(config, path, &type, err));
    GP_TRY_GOTO(new_encoder(type, folder, precision, engine, &encoder, err));
    GP_TRY_GOTO(type->open(encoder, config, path, err));
    *out = encoder;
    encoder = NULL;
out:
    gp_encoder_close(encoder);
    gp_json_free(config);
    gp_mem_free(path);
    gp_bytes_clear(&text);
    return st;
}

void gp_encoder_close(gp_encoder *encoder)
{
    if (!encoder) return;
    encoder->type->clear(encoder);
    gp_tokenizer_free(encoder->tokenizer);
    gp_mem_free(encoder->heads);
    gp_mem_free(encoder->folder);
    gp_mem_free(encoder);
}

/* ------------------------------------------------------------------ facts */

void gp_encoder_facts(const gp_encoder *encoder, gp_model_facts *facts)
{
    memset(facts, 0, sizeof *facts);
    facts->folder = encoder->folder;
    facts->weight_hash = encoder->hash;
    facts->preprocess_id = encoder->preprocess.id;
    facts->precision = gp_precision_name(encoder->precision);
    facts->engine = encoder->engine_name;
    facts->embedding = encoder->dims;
    encoder->type->facts(encoder, facts);
}

const char *gp_encoder_folder(const gp_encoder *encoder)
{
    return encoder->folder;
}

const gp_preprocess_config *gp_encoder_preprocess(const gp_encoder *encoder)
{
    return encoder->has_image ? &encoder->preprocess : NULL;
}

void gp_encoder_set_fast_decode(gp_encoder *encoder)
{
    if (encoder->has_image) gp_preprocess_set_fast(&encoder->preprocess);
}

void gp_encoder_set_long_prompt(gp_encoder *encoder, gp_long_prompt rule)
{
    encoder->long_prompt = rule;
}

gp_status gp_encoder_set_heads(gp_encoder *encoder, const char *folder, gp_error *err)
{
    char *copy = gp_str_dup(folder);
    if (!copy) return gp_fail_memory(err, "a path");
    gp_mem_free(encoder->heads);
    encoder->heads = copy;
    return GP_OK;
}

const char *gp_encoder_heads(const gp_encoder *encoder)
{
    return encoder->heads;
}

gp_long_prompt gp_encoder_long_prompt(const gp_encoder *encoder)
{
    return encoder->long_prompt;
}

const char *gp_encoder_text_rule(const gp_encoder *encoder)
{
    return encoder->type->tokenizer_kind->rules[encoder->long_prompt];
}

const gp_tokenizer_kind *gp_encoder_tokenizer_kind(const gp_encoder *encoder)
{
    return encoder->type->tokenizer_kind;
}

const gp_tokenizer *gp_encoder_tokenizer(const gp_encoder *encoder)
{
    return encoder->tokenizer;
}

size_t gp_encoder_tokens_used(const gp_encoder *encoder, const int32_t *ids, size_t count)
{
    return encoder->type->tokens_used(encoder, ids, count);
}

/* ------------------------------------------------------------------ running */

gp_status gp_encoder_worker_new(const gp_encoder *encoder, size_t images, size_t tokens, gp_encoder_worker **out,
                                gp_error *err)
{
    return encoder->type->worker_new(encoder, images, tokens, out, err);
}

void gp_encoder_worker_free(gp_encoder_worker *worker)
{
    if (worker) worker->encoder->type->worker_free(worker);
}

void gp_encoder_worker_watch(gp_encoder_worker *worker, const gp_task *task)
{
    worker->task = task;
}

gp_status gp_encoder_run_images(gp_encoder_worker *worker, const float *planes, size_t n, float *out, gp_error *err)
{
    return worker->encoder->type->run_images(worker, planes, n, out, err);
}

gp_status gp_encoder_run_texts(gp_encoder_worker *worker, const int32_t *ids, const size_t *counts, size_t n,
                               float *out, gp_error *err)
{
    return worker->encoder->type->run_texts(worker, ids, counts, n, out, err);
}
