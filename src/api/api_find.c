/* SPDX-License-Identifier: MIT
 * goldpan.h section 4: find and run, and what was found. */
#include "api/api.h"

#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "base/mem.h"
#include "stage/stage.h"

/* Everything that find is told, with defaults for what is not; threads and progress go to its parts. */
static gp_status find_parts(const gp_analyze_options *given, gp_analyze_parts *parts, gp_error *err)
{
    *parts = (gp_analyze_parts){GP_ANALYZE_DEFAULTS, GP_SLICES_DEFAULTS, GP_DUPLICATES_DEFAULTS, GP_UMAP_DEFAULTS};
    GP_TRY(gp_api_options(&parts->find, sizeof parts->find, given, err));
    const gp_analyze_options *o = &parts->find;
    GP_TRY(gp_api_options(&parts->slices, sizeof parts->slices, o->slices, err));
    GP_TRY(gp_api_options(&parts->duplicates, sizeof parts->duplicates, o->duplicates, err));
    GP_TRY(gp_api_options(&parts->map, sizeof parts->map, o->map, err));
    parts->slices.threads = parts->duplicates.threads = parts->map.threads = o->threads;
    parts->slices.progress = parts->duplicates.progress = parts->map.progress = o->progress;
    parts->slices.user = parts->duplicates.user = parts->map.user = o->user;
    parts->map.dims = 2;
    if (o->category_label_count && !o->category_labels) return gp_fail(err, GP_ERR_USAGE, "category_labels is NULL");
    return GP_OK;
}

gp_status gp_analyze(gp_catalog *catalog, const gp_model *model, const gp_analyze_options *options,
                     gp_analyze_report *report, gp_error *err)
{
    gp_analyze_parts parts;
    char scorer[512];
    API_NEEDS(catalog);
    GP_TRY(find_parts(options, &parts, err));
    if (model) GP_TRY(gp_stage_scorer_of(catalog, model->encoder, scorer, sizeof scorer, err));
    return gp_stage_analyze(catalog, model ? model->encoder : NULL, model ? scorer : NULL, &parts, report, err);
}

gp_status gp_run(gp_catalog *catalog, const gp_model *model, const gp_run_options *options, gp_run_report *report,
                 gp_error *err)
{
    gp_run_options o = GP_RUN_DEFAULTS;
    gp_run_parts parts = {
        .add = GP_ADD_DEFAULTS, .score = GP_SCORE_DEFAULTS, .pick = GP_PICK_DEFAULTS, .sheet = GP_SHEET_DEFAULTS};
    API_NEEDS(catalog);
    API_NEEDS(model);
    GP_TRY(gp_api_options(&o, sizeof o, options, err));
    GP_TRY(gp_api_options(&parts.add, sizeof parts.add, o.add, err));
    GP_TRY(gp_api_options(&parts.score, sizeof parts.score, o.score, err));
    GP_TRY(find_parts(o.find, &parts.find, err));
    GP_TRY(gp_api_options(&parts.pick, sizeof parts.pick, o.pick, err));
    GP_TRY(gp_api_options(&parts.sheet, sizeof parts.sheet, o.sheet, err));
    parts.no_analysis = o.no_analysis, parts.fit_strategy = o.fit_strategy;
    if (!parts.add.roots || !parts.add.root_count) return gp_fail(err, GP_ERR_USAGE, "no file or folder to add");
    return gp_stage_run(catalog, model->encoder, model->name, &parts, report, err);
}

/* ------------------------------------------------------------------ what was found */

gp_status gp_catalog_words(gp_catalog *catalog, const gp_words_options *options,
                           bool (*visit)(void *user, const gp_word *word), void *user, gp_error *err)
{
    gp_words_options o = GP_WORDS_DEFAULTS;
    API_NEEDS(catalog);
    API_NEEDS(visit);
    GP_TRY(gp_api_options(&o, sizeof o, options, err));
    return gp_stage_words(catalog, &o, visit, user, err);
}

gp_status gp_catalog_slices(gp_catalog *catalog, const char *scorer,
                            bool (*visit)(void *user, const gp_analysis_slice *slice), void *user, gp_error *err)
{
    char *key = NULL;
    API_NEEDS(catalog);
    API_NEEDS(visit);
    GP_TRY(gp_stage_scorer_wanted(catalog, scorer, &key, err));
    gp_status st = gp_cat_slices_visit(catalog, key, visit, user, err);
    gp_mem_free(key);
    return st;
}

gp_status gp_catalog_categories(gp_catalog *catalog, const char *scorer,
                                bool (*visit)(void *user, const gp_analysis_category *category), void *user,
                                gp_error *err)
{
    char *key = NULL;
    API_NEEDS(catalog);
    API_NEEDS(visit);
    GP_TRY(gp_stage_scorer_wanted(catalog, scorer, &key, err));
    gp_status st = gp_cat_categories_visit(catalog, key, visit, user, err);
    gp_mem_free(key);
    return st;
}

gp_status gp_catalog_category_quality(gp_catalog *catalog, const char *scorer, struct gp_category_quality *out,
                                      gp_error *err)
{
    char *key = NULL;
    API_NEEDS(catalog);
    API_NEEDS(out);
    GP_TRY(gp_stage_scorer_wanted(catalog, scorer, &key, err));
    gp_status st = gp_cat_category_quality(catalog, key, out, err);
    gp_mem_free(key);
    return st;
}

gp_status gp_catalog_duplicates(gp_catalog *catalog, const char *scorer,
                                bool (*visit)(void *user, const gp_analysis_group *group), void *user, gp_error *err)
{
    char *key = NULL;
    API_NEEDS(catalog);
    API_NEEDS(visit);
    GP_TRY(gp_stage_scorer_wanted(catalog, scorer, &key, err));
    gp_status st = gp_cat_groups_visit(catalog, key, visit, user, err);
    gp_mem_free(key);
    return st;
}
