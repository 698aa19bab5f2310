/* SPDX-License-Identifier: MIT
 * goldpan.h, goldpan/model.h: images and texts to embeddings, and scores of pairs. */
#include "api/api.h"

#include "base/mem.h"
#include "encode/embed.h"
#include "model/scorer.h"

#include <string.h>

gp_status gp_encode_images(const gp_model *model, const float *planes, size_t n, const gp_encode_options *options,
                           float *out, gp_error *err)
{
    gp_encode_options o = GP_ENCODE_DEFAULTS;
    API_NEEDS(model);
    API_NEEDS(planes);
    API_NEEDS(out);
    API_READ(gp_encode_options, &o, options);
    return gp_embed_run_planes(model->encoder, planes, n, &o, out, err);
}

gp_status gp_encode_texts(const gp_model *model, const char *const *texts, size_t n, const gp_encode_options *options,
                          float *out, gp_error *err)
{
    gp_encode_options o = GP_ENCODE_DEFAULTS;
    API_NEEDS(model);
    API_NEEDS(texts);
    API_NEEDS(out);
    API_READ(gp_encode_options, &o, options);
    for (size_t i = 0; i < n; i++)
        if (!texts[i]) return gp_fail(err, GP_ERR_USAGE, "text %zu is NULL", i);
    return gp_embed_run_texts(model->encoder, texts, n, &o, out, NULL, NULL, err);
}

/* ------------------------------------------------------------------ images from files and memory */

static gp_status path_at(const void *user, size_t i, gp_source *out, gp_error *err)
{
    (void)err;
    *out = (gp_source){.kind = GP_SOURCE_PATH, .path = ((const char *const *)user)[i]};
    return GP_OK;
}

static gp_status source_at(const void *user, size_t i, gp_source *out, gp_error *err)
{
    return gp_api_read_element(out, sizeof *out, user, i, "gp_source", err);
}

gp_status gp_embed_sources(const gp_model *model, const gp_source *sources, size_t n, const gp_embed_options *options,
                           float *out, gp_status *statuses, gp_report *report, gp_error *err)
{
    gp_embed_options o = GP_EMBED_DEFAULTS;
    gp_embed_list list = {.n = n, .at = source_at, .user = sources};
    API_NEEDS(model);
    API_NEEDS(sources);
    API_NEEDS(out);
    API_NEEDS(statuses);
    API_READ(gp_embed_options, &o, options);
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    for (size_t i = 0; i < n; i++) { /* check all sources before the first one is encoded */
        gp_source one = {0};
        GP_TRY(source_at(sources, i, &one, err));
    }
    return gp_api_give(report, &ours, sizeof ours,
                       gp_embed_run_sources(model->encoder, &list, &o, out, statuses, &ours, err));
}

gp_status gp_embed_files(const gp_model *model, const char *const *paths, size_t n, const gp_embed_options *options,
                         float *out, bool *ok, gp_report *report, gp_error *err)
{
    gp_embed_options o = GP_EMBED_DEFAULTS;
    gp_embed_list list = {.n = n, .at = path_at, .user = paths};
    gp_status *statuses = NULL;
    API_NEEDS(model);
    API_NEEDS(paths);
    API_NEEDS(out);
    API_NEEDS(ok);
    API_READ(gp_embed_options, &o, options);
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    memset(ok, 0, n * sizeof *ok);
    GP_TRY(gp_alloc((void **)&statuses, n, sizeof *statuses, "the result of each file", err));
    gp_status st = gp_embed_run_sources(model->encoder, &list, &o, out, statuses, &ours, err);
    for (size_t i = 0; i < n; i++) ok[i] = statuses[i] == GP_OK;
    gp_mem_free(statuses);
    return gp_api_give(report, &ours, sizeof ours, st);
}

/* ------------------------------------------------------------------ scores */

void gp_clip_score(const float *images, const float *texts, size_t n, size_t d, double *scores)
{
    gp_scorer_clip_scores(images, texts, n, d, scores);
}
