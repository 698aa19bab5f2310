/* SPDX-License-Identifier: MIT
 * Implements gp_model_... of goldpan/model.h.  A model is named by its folder, by the name of the bundled model, or by
 * its hub name in the Hugging Face cache. */
#include "api/api.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/scorer.h"
#include "net/hub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef GP_DATADIR
#define GP_DATADIR "/usr/local/share/goldpan"
#endif

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Returns the path of `name` in the folder `models` of $GOLDPAN_DATA, or of the installed data if $GOLDPAN_DATA is not
 * set.  Owned; NULL: out of memory. */
static char *bundled_path(const char *name)
{
    const char *data = getenv("GOLDPAN_DATA");
    char *models = gp_path_join(data && *data ? data : GP_DATADIR, "models");
    char *path = models ? gp_path_join(models, name) : NULL;
    gp_mem_free(models);
    return path;
}

/* Finds a bundled model.  *out is NULL if there is no such model. */
static gp_status find_bundled(const char *name, char **out, gp_error *err)
{
    *out = NULL;
    if (strchr(name, '/')) return GP_OK;
    char *folder = bundled_path(name);
    if (!folder) return gp_fail_memory(err, "a path");
    if (is_folder(folder))
        *out = folder;
    else
        gp_mem_free(folder);
    return GP_OK;
}

gp_status gp_model_find(const char *name, const char *revision, char **folder, gp_error *err)
{
    API_NEEDS(name);
    API_NEEDS(folder);
    bool folder_given = is_folder(name);
    if (revision && folder_given)
        return gp_fail(err, GP_ERR_USAGE, "a folder has no revisions: open '%s' without revision '%s'", name, revision);
    if (folder_given) {
        *folder = gp_str_dup(name);
        return *folder ? GP_OK : gp_fail_memory(err, "a path");
    }
    char *found = NULL;
    GP_TRY(find_bundled(name, &found, err));
    if (found) {
        *folder = found;
        return GP_OK;
    }
    if (!gp_hub_name_valid(name))
        return gp_fail(err, GP_ERR_NOT_FOUND,
                       "'%s' is neither a folder nor a model's hub name, such as openai/clip-vit-base-patch32", name);
    return gp_hub_find(name, revision, folder, err);
}

gp_status gp_model_open(const char *name, const gp_model_options *options, gp_model **out, gp_error *err)
{
    gp_model_options o = GP_MODEL_DEFAULTS;
    char *folder = NULL;
    gp_status st = GP_OK;
    API_NEEDS(out);
    API_READ(gp_model_options, &o, options);
    if ((int)o.long_prompt < 0 || o.long_prompt >= GP_LONG_PROMPTS)
        return gp_fail(err, GP_ERR_USAGE, "gp_model_options.long_prompt is %d: there are only rules 0 to %d",
                       (int)o.long_prompt, GP_LONG_PROMPTS - 1);
    GP_TRY(gp_model_find(name, o.revision, &folder, err));
    char *heads = bundled_path("heads");
    gp_model *model = gp_mem_zero(1, sizeof *model);
    char *absolute = gp_path_absolute(name);
    if (model && absolute) model->name = gp_str_dup(is_folder(name) ? gp_path_base(absolute) : name);
    if (!model || !model->name) GP_TRY_GOTO(gp_fail_memory(err, "model '%s'", name));
    GP_TRY_GOTO(gp_encoder_open(folder, o.precision, o.engine, &model->encoder, err));
    if (o.fast_decode) gp_encoder_set_fast_decode(model->encoder);
    gp_encoder_set_long_prompt(model->encoder, o.long_prompt);
    if (!heads) GP_TRY_GOTO(gp_fail_memory(err, "a path"));
    GP_TRY_GOTO(gp_encoder_set_heads(model->encoder, heads, err));
    *out = model;
    model = NULL;
out:
    gp_model_close(model);
    gp_mem_free(heads);
    gp_mem_free(absolute);
    gp_mem_free(folder);
    return st;
}

void gp_model_close(gp_model *model)
{
    if (!model) return;
    gp_encoder_close(model->encoder);
    gp_mem_free(model->name);
    gp_mem_free(model);
}

gp_status gp_model_info(const gp_model *model, gp_model_facts *facts, gp_error *err)
{
    gp_model_facts ours = {0};
    API_NEEDS(model);
    API_NEEDS(facts);
    API_OUTPUT(gp_model_facts, facts);
    gp_encoder_facts(model->encoder, &ours);
    ours.name = model->name;
    ours.licence = gp_scorer_model_licence(model->name);
    return gp_api_give(facts, &ours, sizeof ours, GP_OK);
}

const char *gp_model_licence(const char *name)
{
    return name ? gp_scorer_model_licence(name) : NULL;
}

gp_status gp_scorer_kinds(bool (*visit)(void *user, const gp_scorer_kind *kind), void *user, gp_error *err)
{
    API_NEEDS(visit);
    gp_scorer_visit(visit, user);
    return GP_OK;
}

static const char bundled_name[] = "drawn-world-mini";

/* Visits the bundled model.  *ended: the visitor returned false. */
static gp_status visit_bundled(bool (*visit)(void *user, const gp_cached_model *model), void *user, bool *ended,
                               gp_error *err)
{
    static const char *const files[] = {"config.json", "model.safetensors", "preprocessor_config.json", "vocab.json",
                                        "merges.txt"};
    gp_cached_model model = {.name = bundled_name, .usable = true, .bundled = true};
    char *folder = NULL;
    GP_TRY(find_bundled(bundled_name, &folder, err));
    if (!folder) return GP_OK;
    model.folder = folder;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat info;
        char *path = gp_path_join(folder, files[i]);
        if (path && stat(path, &info) == 0)
            model.bytes += (uint64_t)info.st_size;
        else
            model.usable = false;
        gp_mem_free(path);
    }
    *ended = !visit(user, &model);
    gp_mem_free(folder);
    return GP_OK;
}

gp_status gp_model_list(bool (*visit)(void *user, const gp_cached_model *model), void *user, gp_error *err)
{
    API_NEEDS(visit);
    bool ended = false;
    GP_TRY(visit_bundled(visit, user, &ended, err));
    return ended ? GP_OK : gp_hub_list(visit, user, err);
}

gp_status gp_model_fetch(const char *name, const gp_fetch_options *options, char **folder, gp_error *err)
{
    gp_fetch_options o = GP_FETCH_DEFAULTS;
    char *where = NULL;
    API_NEEDS(name);
    API_READ(gp_fetch_options, &o, options);
    if (!gp_hub_name_valid(name))
        return gp_fail(err, GP_ERR_USAGE, "'%s' is not a model's hub name, such as openai/clip-vit-base-patch32", name);
    GP_TRY(gp_hub_fetch(name, &o, &where, err));
    if (folder)
        *folder = where;
    else
        gp_mem_free(where);
    return GP_OK;
}
