/* SPDX-License-Identifier: MIT
 * The registry of scorers, one line each, and the scores of pairs.  The CLIP score is 100 * max(cosine, 0), as
 * torchmetrics computes it for one pair.  The kernel sums in double and in a fixed order, so scores do not depend on the CPU. */
#include "model/scorer.h"

#include "base/mem.h"
#include "base/str.h"
#include "kernel/kernel.h"
#include "model/scorer_type.h"

#include <stdio.h>
#include <string.h>

void gp_scorer_clip_scores(const float *images, const float *texts, size_t n, size_t d, double *scores)
{
    const gp_kernels *kernels = gp_kernel_table();
    for (size_t i = 0; i < n; i++) {
        double cosine = kernels->dot(images + i * d, texts + i * d, d);
        scores[i] = cosine > 0 ? 100 * cosine : 0;
    }
}

static void clip_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    gp_scorer_clip_scores(batch->images, batch->texts, batch->n, scorer->dims, scores);
}

/* PickScore: the cosine scaled by exp(logit_scale), which is about 100, and not clamped. */
static void pickscore_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    const gp_kernels *kernels = gp_kernel_table();
    const size_t d = scorer->dims;
    for (size_t i = 0; i < batch->n; i++)
        scores[i] = scorer->factor * kernels->dot(batch->images + i * d, batch->texts + i * d, d);
}

static gp_status pickscore_open(gp_scorer *scorer, const gp_scorer_source *source, gp_error *err)
{
    (void)err;
    scorer->factor = source->facts.logit_scale;
    return GP_OK;
}

/* ------------------------------------------------------------------ the registry */

#define PICKSCORE "yuvalkirstain/PickScore_v1"
#define LONGCLIP  "zer0int/LongCLIP-L-Diffusers"
#define OF_MODEL  "that of the model"
#define UNSTATED  "none stated for the weights; MIT for the code"

static const gp_scorer_type clip_type = {.name = "clip",
                                         .scale = "100*max(cos,0)",
                                         .licence = OF_MODEL,
                                         .looks_at = "how well the image matches its prompt",
                                         .needs = GP_SCORER_NEEDS_PAIR,
                                         .size = sizeof(gp_scorer),
                                         .run = clip_run};
static const gp_scorer_type pickscore_type = {.name = "pickscore",
                                              .scale = "exp(logit_scale)*cos",
                                              .model = PICKSCORE,
                                              .licence = UNSTATED,
                                              .looks_at = "which image people prefer for the prompt",
                                              .needs = GP_SCORER_NEEDS_PAIR,
                                              .size = sizeof(gp_scorer),
                                              .open = pickscore_open,
                                              .run = pickscore_run};
static const gp_scorer_type longclip_type = {.name = "longclip",
                                             .scale = "100*max(cos,0)",
                                             .model = LONGCLIP,
                                             .licence = "Apache-2.0",
                                             .looks_at = "how well the image matches a prompt of up to 248 tokens",
                                             .needs = GP_SCORER_NEEDS_PAIR,
                                             .size = sizeof(gp_scorer),
                                             .run = clip_run};

static const gp_scorer_type *const types[] =
    {/* the first is the default */
     &clip_type,        &pickscore_type, &gp_aesthetic_v2_type, &gp_aesthetic_v1_type,
     &gp_clip_iqa_type, &gp_probe_type,  &longclip_type,        &gp_linear_head_type};
enum { TYPES = sizeof types / sizeof *types };

const char *gp_scorer_needs_name(gp_scorer_needs needs)
{
    static const char *const names[] = {"image", "pair", "pixels"};
    return names[needs];
}

static gp_status unknown(const char *named, gp_error *err)
{
    gp_str known = GP_STR_INIT;
    for (size_t i = 0; i < TYPES; i++) {
        gp_str_printf(&known, "%s%s", i ? ", " : "", types[i]->name);
        if (types[i]->argument && !types[i]->optional) gp_str_printf(&known, ":%s", types[i]->argument);
    }
    gp_status st = gp_fail(err, GP_ERR_USAGE, "there is no scorer '%.100s': it must be one of %s", named,
                           known.failed ? "?" : known.data);
    gp_str_clear(&known);
    return st;
}

/* Finds the type of NAME or NAME:ARGUMENT.  *argument: ARGUMENT, or NULL. */
static gp_status find_type(const char *named, const gp_scorer_type **out, const char **argument, gp_error *err)
{
    const size_t length = strcspn(named, ":");
    size_t i = 0;
    while (i < TYPES && (strlen(types[i]->name) != length || memcmp(named, types[i]->name, length) != 0)) i++;
    if (i == TYPES) return unknown(named, err);
    const gp_scorer_type *type = *out = types[i];
    *argument = named[length] ? named + length + 1 : NULL;
    if (!type->argument && *argument)
        return gp_fail(err, GP_ERR_USAGE, "nothing may follow the name of scorer '%s', as in '%.100s'", type->name,
                       named);
    if (type->argument && (*argument ? !**argument : !type->optional))
        return gp_fail(err, GP_ERR_USAGE, "scorer '%s' needs a %s: %s:%s", type->name,
                       strcmp(type->argument, "FILE") == 0 ? "file" : "text", type->name, type->argument);
    return GP_OK;
}

void gp_scorer_visit(bool (*visit)(void *user, const gp_scorer_kind *kind), void *user)
{
    for (size_t i = 0; i < TYPES; i++) {
        const gp_scorer_type *t = types[i];
        gp_scorer_kind kind = {0};
        kind.name = t->name, kind.argument = t->argument, kind.argument_optional = t->optional, kind.model = t->model;
        kind.licence = t->licence, kind.scale = t->scale, kind.looks_at = t->looks_at;
        kind.needs_text = t->needs == GP_SCORER_NEEDS_PAIR, kind.higher_better = true;
        if (!visit(user, &kind)) return;
    }
}

/* The licences of known models.  A name that ends with '*' is the beginning of a name. */
const char *gp_scorer_model_licence(const char *model)
{
    static const char *const known[][2] = {
        {"openai/clip-vit-*", UNSTATED},      {"laion/CLIP-*", "MIT"},          {PICKSCORE, UNSTATED},
        {"zer0int/LongCLIP-*", "Apache-2.0"}, {"google/siglip*", "Apache-2.0"}, {"drawn-world-mini", "MIT"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const size_t length = strlen(known[i][0]);
        const bool part = known[i][0][length - 1] == '*';
        if (part ? strncmp(model, known[i][0], length - 1) == 0 : strcmp(model, known[i][0]) == 0) return known[i][1];
    }
    return NULL;
}

bool gp_scorer_is_special(const char *id)
{
    return gp_str_starts(id, "clip-iqa/") || gp_str_starts(id, "probe/");
}

void gp_scorer_make_id(const gp_scorer_type *type, const char *parameters, const gp_encoder *encoder, char *out,
                       size_t size)
{
    gp_model_facts facts;
    gp_encoder_facts(encoder, &facts);
    snprintf(out, size, "%s/%s%s%s/%s/%s/%s", type->name, facts.weight_hash, *parameters ? "+" : "", parameters,
             facts.precision, facts.preprocess_id,
             type->needs == GP_SCORER_NEEDS_PAIR ? gp_encoder_text_rule(encoder) : "");
}

void gp_scorer_default_id(const gp_encoder *encoder, char *out, size_t size)
{
    gp_scorer_make_id(types[0], "", encoder, out, size);
}

/* ------------------------------------------------------------------ opening */

static gp_status check_towers(const gp_scorer_type *type, const gp_scorer_source *source, gp_error *err)
{
    const gp_model_facts *f = &source->facts;
    if (type->needs == GP_SCORER_NEEDS_PAIR && (!f->has_image_tower || !f->has_text_tower))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "model '%s' has no %s tower: it cannot score pairs", source->model,
                       f->has_image_tower ? "text" : "image");
    if (type->needs == GP_SCORER_NEEDS_IMAGE && !f->has_image_tower)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "model '%s' has no image tower: scorer '%s' needs one", source->model,
                       type->name);
    return GP_OK;
}

gp_status gp_scorer_open(const char *named, const gp_encoder *encoder, const char *model, gp_scorer **out,
                         gp_error *err)
{
    const gp_scorer_type *type = NULL;
    gp_scorer_source source = {.encoder = encoder, .model = model, .heads = gp_encoder_heads(encoder)};
    GP_TRY(find_type(named ? named : types[0]->name, &type, &source.argument, err));
    gp_encoder_facts(encoder, &source.facts);
    GP_TRY(check_towers(type, &source, err));
    gp_scorer *scorer = gp_mem_zero(1, type->size);
    if (!scorer) return gp_fail_memory(err, "a scorer");
    scorer->type = type;
    scorer->needs = type->needs, scorer->higher_better = true, scorer->dims = source.facts.embedding;
    snprintf(scorer->name, sizeof scorer->name, "%s", type->name);
    snprintf(scorer->scale, sizeof scorer->scale, "%s", type->scale);
    gp_status st = type->open ? type->open(scorer, &source, err) : GP_OK;
    if (st != GP_OK) {
        gp_scorer_close(scorer);
        return st;
    }
    gp_scorer_make_id(type, scorer->parameters, encoder, scorer->id, sizeof scorer->id);
    *out = scorer;
    return GP_OK;
}

void gp_scorer_close(gp_scorer *scorer)
{
    if (!scorer) return;
    if (scorer->type->clear) scorer->type->clear(scorer);
    gp_mem_free(scorer);
}

/* ------------------------------------------------------------------ lists */

/* Opens a scorer and appends it, unless the list has the same scorer already. */
static gp_status append(gp_scorer_list *list, const char *named, const gp_encoder *encoder, const char *model,
                        gp_error *err)
{
    gp_scorer *scorer = NULL;
    gp_scorer **items = gp_mem_resize(list->items, list->count + 1, sizeof *items);
    if (!items) return gp_fail_memory(err, "a list of scorers");
    list->items = items;
    GP_TRY(gp_scorer_open(named, encoder, model, &scorer, err));
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i]->id, scorer->id) != 0) continue;
        gp_scorer_close(scorer);
        return GP_OK;
    }
    list->items[list->count++] = scorer;
    return GP_OK;
}

/* Appends the scorers of `names`, separated by commas. */
static gp_status append_names(gp_scorer_list *list, const char *names, const gp_encoder *encoder, const char *model,
                              gp_error *err)
{
    gp_status st = GP_OK;
    for (const char *at = names; at && st == GP_OK;) {
        const size_t length = gp_str_item(at);
        gp_str name = GP_STR_INIT;
        gp_str_printf(&name, "%.*s", (int)length, at);
        if (name.failed)
            st = gp_fail_memory(err, "the name of a scorer");
        else if (!length)
            st = gp_fail(err, GP_ERR_USAGE, "the list of scorers '%.100s' has an empty name", names);
        else
            st = append(list, name.data, encoder, model, err);
        gp_str_clear(&name);
        at = at[length] ? at + length + 1 : NULL;
    }
    return st;
}

gp_status gp_scorer_list_open(const char *names, const char *const *probes, size_t probe_count,
                              const gp_encoder *encoder, const char *model, gp_scorer_list *out, gp_error *err)
{
    *out = (gp_scorer_list){0};
    GP_TRY(append_names(out, names ? names : types[0]->name, encoder, model, err));
    gp_status st = GP_OK;
    for (size_t i = 0; i < probe_count && st == GP_OK; i++) {
        gp_str named = GP_STR_INIT;
        gp_str_printf(&named, "%s:%s", gp_probe_type.name, probes[i]);
        st = named.failed ? gp_fail_memory(err, "a probe") : append(out, named.data, encoder, model, err);
        gp_str_clear(&named);
    }
    return st;
}

void gp_scorer_list_close(gp_scorer_list *list)
{
    for (size_t i = 0; i < list->count; i++) gp_scorer_close(list->items[i]);
    gp_mem_free(list->items);
    *list = (gp_scorer_list){0};
}

void gp_scorer_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    scorer->type->run(scorer, batch, scores);
}
