/* SPDX-License-Identifier: MIT
 * The small files of a model folder in the Hugging Face layout: config.json, preprocessing, tokenizer. */
#include "model/encoder_type.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <unistd.h>

#define CONFIG_LIMIT 10000000u

gp_status gp_encoder_read_file(const char *folder, const char *name, gp_bytes *out, char **path, gp_error *err)
{
    *path = gp_path_join(folder, name);
    if (!*path) return gp_fail_memory(err, "a path");
    if (access(*path, F_OK) != 0) return GP_OK;
    return gp_file_read(*path, CONFIG_LIMIT, out, err);
}

/* *named is true if a config.json names a model type.  The config.json of a timm model does not. */
static gp_status names_type(const gp_bytes *text, bool *named, gp_error *err)
{
    gp_json *root = NULL;
    gp_status st = gp_json_parse((const char *)text->data, text->size, false, 0, &root, NULL);
    *named = st != GP_OK || gp_json_kind_of(root) != GP_JSON_OBJECT || gp_json_get(root, "model_type") ||
             gp_json_get(root, "architectures");
    gp_json_free(root);
    return st == GP_ERR_MEMORY ? gp_fail_memory(err, "JSON") : GP_OK;
}

gp_status gp_encoder_read_config(const char *folder, gp_bytes *out, char **path, gp_error *err)
{
    char *other = NULL;
    gp_bytes text = {0};
    bool named = false;
    gp_status st;
    GP_TRY_GOTO(gp_encoder_read_file(folder, "config.json", out, path, err));
    if (out->data) GP_TRY_GOTO(names_type(out, &named, err));
    if (named) goto out;
    GP_TRY_GOTO(gp_encoder_read_file(folder, "open_clip_config.json", &text, &other, err));
    if (text.data) {
        gp_bytes_clear(out);
        gp_mem_free(*path);
        *out = text, *path = other;
        text = (gp_bytes){0}, other = NULL;
    } else if (!out->data) {
        st = gp_fail_path(err, GP_ERR_NOT_FOUND,
                          access(folder, F_OK) == 0 ? "'%s' has no config.json" : "no folder '%s'", folder);
    }
out:
    gp_bytes_clear(&text);
    gp_mem_free(other);
    return st;
}

gp_status gp_encoder_parse_config(const char *text, size_t size, const char *file, gp_json **out, gp_error *err)
{
    gp_status st = gp_json_parse(text, size, false, 0, out, err);
    return st == GP_OK ? GP_OK : gp_fail_path_within(err, st, "'%s'", file);
}

/* without a preprocessor file, use CLIP's defaults with the image size of the model, as transformers does */
static gp_status default_preprocess(uint32_t side, gp_preprocess_config *out, gp_error *err)
{
    char text[120];
    int n = snprintf(text, sizeof text,
                     "{\"size\": {\"shortest_edge\": %u}, \"crop_size\": {\"height\": %u, \"width\": %u}}", side, side,
                     side);
    return gp_preprocess_parse(text, (size_t)n, out, err);
}

/* transformers 5 saves all processors of a model in one file; the member "image_processor" is the processor for
 * images. */
static gp_status parse_nested(const gp_bytes *text, gp_preprocess_config *out, gp_error *err)
{
    gp_json *root = NULL;
    gp_str part = GP_STR_INIT;
    gp_status st;
    GP_TRY_GOTO(gp_json_parse((const char *)text->data, text->size, false, 0, &root, err));
    const gp_json *image = gp_json_get(root, "image_processor");
    if (gp_json_kind_of(image) != GP_JSON_OBJECT)
        GP_TRY_GOTO(gp_fail(err, GP_ERR_FORMAT, "the object image_processor is missing"));
    gp_json_write(&part, image);
    if (part.failed) GP_TRY_GOTO(gp_fail_memory(err, "JSON"));
    GP_TRY_GOTO(gp_preprocess_parse(part.data, part.size, out, err));
out:
    gp_str_clear(&part);
    gp_json_free(root);
    return st;
}

gp_status gp_encoder_read_preprocess(gp_encoder *encoder, uint32_t side, gp_error *err)
{
    const char *folder = encoder->folder;
    gp_preprocess_config *out = &encoder->preprocess;
    gp_bytes text = {0};
    char *path = NULL, *nested = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_encoder_read_file(folder, "preprocessor_config.json", &text, &path, err));
    if (text.data) {
        st = gp_preprocess_parse((const char *)text.data, text.size, out, err);
    } else {
        GP_TRY_GOTO(gp_encoder_read_file(folder, "processor_config.json", &text, &nested, err));
        st = text.data ? parse_nested(&text, out, err) : default_preprocess(side, out, err);
    }
    const char *file = nested && text.data ? nested : path;
    if (st != GP_OK) {
        gp_fail_path_within(err, st, "'%s'", file);
        goto out;
    }
    if (out->crop_w != side || out->crop_h != side)
        GP_TRY_GOTO(gp_fail_path(err, GP_ERR_FORMAT, "'%s' crops images to %u x %u, but the model needs %u x %u", file,
                                 out->crop_w, out->crop_h, side, side));
    encoder->has_image = true;
out:
    gp_mem_free(nested);
    gp_mem_free(path);
    gp_bytes_clear(&text);
    return st;
}

gp_status gp_encoder_read_open_clip(gp_encoder *encoder, const gp_json *root, const char *file, uint32_t side,
                                    gp_error *err)
{
    gp_preprocess_config *out = &encoder->preprocess;
    gp_status st = gp_preprocess_open_clip(gp_json_get(root, "preprocess_cfg"), side, out, err);
    if (st != GP_OK) return gp_fail_path_within(err, st, "'%s': preprocess_cfg", file);
    if (out->crop_w != side)
        return gp_fail_path(err, GP_ERR_FORMAT, "'%s': preprocess_cfg.size is %u, but the model needs %u", file,
                            out->crop_w, side);
    encoder->has_image = true;
    return GP_OK;
}

gp_status gp_encoder_read_tokenizer(gp_encoder *encoder, uint32_t vocabulary, gp_error *err)
{
    gp_error own = {0};
    gp_status st =
        gp_tokenizer_open_folder(encoder->folder, gp_encoder_tokenizer_kind(encoder), &encoder->tokenizer, &own);
    if (st == GP_ERR_NOT_FOUND) return GP_OK; /* images alone need none */
    if (st != GP_OK) return gp_fail_as(err, st, &own);
    if (gp_tokenizer_size(encoder->tokenizer) > vocabulary)
        return gp_fail_path(err, GP_ERR_FORMAT,
                            "'%s': the tokenizer has ids up to %zu, but the model has only %u token embeddings",
                            encoder->folder, gp_tokenizer_size(encoder->tokenizer) - 1, vocabulary);
    return GP_OK;
}
