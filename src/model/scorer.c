/* SPDX-License-Identifier: MIT
 * The registry of scorers, one line each, and the CLIP score: 100 * max(cosine, 0), as torchmetrics computes it for one
 * pair.  The kernel sums in double and in a fixed order, so scores do not depend on the CPU. */
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

/* ------------------------------------------------------------------ the registry */

static const gp_scorer_type clip_type = {.name = "clip",
                                         .scale = "100*max(cos,0)",
                                         .needs = GP_SCORER_NEEDS_PAIR,
                                         .size = sizeof(gp_scorer),
                                         .run = clip_run};

static const gp_scorer_type *const types[] = {&clip_type, &gp_linear_head_type}; /* the first is the default */
enum { TYPES = sizeof types / sizeof *types };

const char *gp_scorer_needs_name(gp_scorer_needs needs)
{
    static const char *const names[] = {"image", "pair", "pixels"};
    return names[needs];
}

static gp_status unknown(const char *named, gp_error *err)
{
    gp_str known = GP_STR_INIT;
    for (size_t i = 0; i < TYPES; i++)
        gp_str_printf(&known, "%s%s%s", i ? ", " : "", types[i]->name, types[i]->needs_file ? ":FILE" : "");
    gp_status st = gp_fail(err, GP_ERR_USAGE, "there is no scorer '%.100s': it must be one of %s", named,
                           known.failed ? "?" : known.data);
    gp_str_clear(&known);
    return st;
}

/* Finds the type of NAME or NAME:FILE.  *file: FILE, or NULL. */
static gp_status find_type(const char *named, const gp_scorer_type **out, const char **file, gp_error *err)
{
    const size_t length = strcspn(named, ":");
    size_t i = 0;
    while (i < TYPES && (strlen(types[i]->name) != length || memcmp(named, types[i]->name, length) != 0)) i++;
    if (i == TYPES) return unknown(named, err);
    *out = types[i];
    *file = named[length] ? named + length + 1 : NULL;
    if (types[i]->needs_file && (!*file || !**file))
        return gp_fail(err, GP_ERR_USAGE, "scorer '%s' needs a file: %s:FILE", named, types[i]->name);
    if (!types[i]->needs_file && *file)
        return gp_fail(err, GP_ERR_USAGE, "scorer '%s' takes no file, but '%s' names one", types[i]->name, named);
    return GP_OK;
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
    gp_scorer_source source = {.encoder = encoder, .model = model};
    GP_TRY(find_type(named ? named : types[0]->name, &type, &source.file, err));
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

void gp_scorer_run(const gp_scorer *scorer, const gp_scorer_batch *batch, double *scores)
{
    scorer->type->run(scorer, batch, scores);
}
