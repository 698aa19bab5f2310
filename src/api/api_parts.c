/* SPDX-License-Identifier: MIT
 * Implements the functions of goldpan/model.h that need no catalog: pixels, tokens, embeddings. */
#include "api/api.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/image.h"
#include "ingest/walk.h"

#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((uint64_t)1 << 30)

gp_status gp_image_decode(const char *path, uint64_t max_pixels, gp_pixels *out, gp_error *err)
{
    gp_bytes bytes = {0};
    gp_pixels ours = {0};
    API_NEEDS(path);
    API_NEEDS(out);
    API_OUTPUT(gp_pixels, out);
    GP_TRY(gp_file_read(path, FILE_LIMIT, &bytes, err));
    gp_status st = gp_image_decode_bytes(bytes.data, bytes.size, max_pixels ? max_pixels : GP_MAX_PIXELS, &ours, err);
    gp_bytes_clear(&bytes);
    if (st != GP_OK) return gp_fail_path_within(err, st, "'%s'", path);
    return gp_api_give(out, &ours, sizeof ours, GP_OK);
}

gp_status gp_preprocess(const gp_model *model, const gp_pixels *pixels, float *planes, gp_error *err)
{
    gp_pixels ours = {0};
    API_NEEDS(model);
    API_NEEDS(pixels);
    API_NEEDS(planes);
    API_READ(gp_pixels, &ours, pixels);
    return gp_preprocess_planes(gp_encoder_preprocess(model->encoder), &ours, planes, err);
}

gp_status gp_tokens(const gp_model *model, const char *text, int32_t *ids, size_t capacity, size_t *count, size_t *full,
                    gp_error *err)
{
    API_NEEDS(model);
    API_NEEDS(text);
    API_NEEDS(ids);
    API_NEEDS(count);
    gp_model_facts facts = {0};
    gp_encoder_facts(model->encoder, &facts);
    const gp_tokenizer *tokenizer = gp_encoder_tokenizer(model->encoder);
    if (!tokenizer) return gp_fail(err, GP_ERR_NOT_FOUND, "model '%s' has no tokenizer", model->name);
    if (capacity < facts.context)
        return gp_fail(err, GP_ERR_USAGE, "the buffer for %zu ids is smaller than the model's context of %u", capacity,
                       facts.context);
    return gp_tokenizer_encode_cut(tokenizer, text, strlen(text), facts.context, ids, count, full, err);
}

gp_status gp_tokenizer_open(const char *name, gp_tokenizer **out, gp_error *err)
{
    char *folder = NULL;
    API_NEEDS(out);
    GP_TRY(gp_model_find(name, NULL, &folder, err));
    gp_status st = gp_tokenizer_open_folder(folder, NULL, out, err);
    gp_mem_free(folder);
    return st;
}

void gp_tokenizer_close(gp_tokenizer *tokenizer)
{
    gp_tokenizer_free(tokenizer);
}

gp_status gp_tokenizer_ids(const gp_tokenizer *tokenizer, const char *text, int32_t **ids, size_t *count, gp_error *err)
{
    API_NEEDS(tokenizer);
    API_NEEDS(text);
    API_NEEDS(ids);
    API_NEEDS(count);
    return gp_tokenizer_encode(tokenizer, text, strlen(text), ids, count, err);
}

const char *gp_tokenizer_entry(const gp_tokenizer *tokenizer, int32_t id)
{
    return gp_tokenizer_token(tokenizer, id);
}

/* ------------------------------------------------------------------ paths */

typedef struct path_list {
    char **items;
    size_t count, capacity;
} path_list;

static bool keep_path(void *user, const gp_walk_entry *found)
{
    path_list *l = user;
    if (l->count == l->capacity) {
        size_t more = l->capacity ? l->capacity * 2 : 256;
        char **grown = gp_mem_resize(l->items, more, sizeof *grown);
        if (!grown) return false;
        l->items = grown;
        l->capacity = more;
    }
    char *path = gp_str_dup(found->path);
    if (path) l->items[l->count++] = path;
    return path != NULL;
}

gp_status gp_find_images(const char *const *roots, size_t root_count, char ***paths, size_t *count, gp_error *err)
{
    path_list list = {0};
    API_NEEDS(roots);
    API_NEEDS(paths);
    API_NEEDS(count);
    gp_status st = gp_walk(roots, root_count, keep_path, NULL, &list, err);
    if (st == GP_ERR_STOPPED) st = gp_fail_memory(err, "%zu paths", list.count);
    if (st != GP_OK) {
        gp_paths_free(list.items, list.count);
        return st;
    }
    *paths = list.items;
    *count = list.count;
    return GP_OK;
}

void gp_paths_free(char **paths, size_t count)
{
    for (size_t i = 0; i < count; i++) gp_mem_free(paths[i]);
    gp_mem_free(paths);
}
