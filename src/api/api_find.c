/* SPDX-License-Identifier: MIT
 * Implements goldpan/analysis.h: gp_analyze, gp_run, and reading of the analysis. */
#include "api/api.h"

#include "catalog/analysis.h"
#include "catalog/catalog.h"
#include "base/mem.h"
#include "report/report.h"
#include "stage/stage.h"

/* Reads the options of an analysis and of its parts.  Missing options get their defaults; the parts get the threads and
 * the progress function of the analysis. */
static gp_status find_parts(const gp_analyze_options *given, gp_analyze_parts *parts, gp_error *err)
{
    *parts = (gp_analyze_parts){GP_ANALYZE_DEFAULTS, GP_SLICES_DEFAULTS, GP_DUPLICATES_DEFAULTS, GP_UMAP_DEFAULTS};
    API_READ(gp_analyze_options, &parts->find, given);
    const gp_analyze_options *o = &parts->find;
    API_READ(gp_slices_options, &parts->slices, o->slices);
    API_READ(gp_duplicates_options, &parts->duplicates, o->duplicates);
    API_READ(gp_umap_options, &parts->map, o->map);
    parts->slices.threads = parts->duplicates.threads = parts->map.threads = o->threads;
    parts->slices.progress = parts->duplicates.progress = parts->map.progress = o->progress;
    parts->slices.user = parts->duplicates.user = parts->map.user = o->user;
    parts->map.dims = 2;
    if (o->category_label_count && !o->category_labels)
        return gp_fail(err, GP_ERR_USAGE, "category_labels is NULL, but category_label_count is not 0");
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
    gp_analyze_report ours = {0};
    API_OUTPUT(gp_analyze_report, report);
    return gp_api_give(
        report, &ours, sizeof ours,
        gp_stage_analyze(catalog, model ? model->encoder : NULL, model ? scorer : NULL, &parts, &ours, err));
}

/* Checks the sizes of the caller's structs within a gp_run_report. */
static gp_status check_run(const gp_run_report *theirs, gp_error *err)
{
    API_OUTPUT(gp_report, theirs->add);
    API_OUTPUT(gp_report, theirs->score);
    API_OUTPUT(gp_analyze_report, theirs->analysis);
    API_OUTPUT(gp_report, theirs->pick);
    API_OUTPUT(gp_report, theirs->sheet);
    API_OUTPUT(gp_counts, theirs->counts);
    return GP_OK;
}

static void give_run(const gp_run_report *theirs, const gp_run_result *ours)
{
    gp_api_give(theirs->add, &ours->add, sizeof ours->add, GP_OK);
    gp_api_give(theirs->score, &ours->score, sizeof ours->score, GP_OK);
    gp_api_give(theirs->analysis, &ours->find, sizeof ours->find, GP_OK);
    gp_api_give(theirs->pick, &ours->pick, sizeof ours->pick, GP_OK);
    gp_api_give(theirs->sheet, &ours->sheet, sizeof ours->sheet, GP_OK);
    gp_api_give(theirs->counts, &ours->counts, sizeof ours->counts, GP_OK);
}

gp_status gp_run(gp_catalog *catalog, const gp_model *model, const gp_run_options *options, gp_run_report *report,
                 gp_error *err)
{
    gp_run_options o = GP_RUN_DEFAULTS;
    gp_run_report theirs = {0};
    gp_run_result ours = {0};
    gp_run_parts parts = {
        .add = GP_ADD_DEFAULTS, .score = GP_SCORE_DEFAULTS, .pick = GP_PICK_DEFAULTS, .sheet = GP_SHEET_DEFAULTS};
    API_NEEDS(catalog);
    API_NEEDS(model);
    API_READ(gp_run_options, &o, options);
    API_READ(gp_run_report, &theirs, report);
    GP_TRY(check_run(&theirs, err));
    GP_TRY(gp_report_exports_recover(catalog, err));
    API_READ(gp_add_options, &parts.add, o.add);
    API_READ(gp_score_options, &parts.score, o.score);
    GP_TRY(find_parts(o.find, &parts.find, err));
    API_READ(gp_pick_options, &parts.pick, o.pick);
    API_READ(gp_sheet_options, &parts.sheet, o.sheet);
    parts.no_add = o.no_add, parts.no_analysis = o.no_analysis, parts.fit_strategy = o.fit_strategy;
    if (!parts.add.roots || !parts.add.root_count)
        return gp_fail(err, GP_ERR_USAGE, "`roots` is empty: name a file or folder to add");
    gp_status st = gp_stage_run(catalog, model->encoder, model->name, &parts, &ours, err);
    give_run(&theirs, &ours);
    theirs.strategy = ours.strategy;
    return gp_api_give(report, &theirs, sizeof theirs, st);
}

/* ------------------------------------------------------------------ results of the analysis */

gp_status gp_catalog_words(gp_catalog *catalog, const gp_words_options *options,
                           bool (*visit)(void *user, const gp_word *word), void *user, gp_error *err)
{
    gp_words_options o = GP_WORDS_DEFAULTS;
    API_NEEDS(catalog);
    API_NEEDS(visit);
    API_READ(gp_words_options, &o, options);
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

gp_status gp_catalog_category_quality(gp_catalog *catalog, const char *scorer, gp_category_quality *out, gp_error *err)
{
    char *key = NULL;
    API_NEEDS(catalog);
    API_NEEDS(out);
    API_OUTPUT(gp_category_quality, out);
    GP_TRY(gp_stage_scorer_wanted(catalog, scorer, &key, err));
    gp_category_quality ours = {0};
    gp_status st = gp_cat_category_quality(catalog, key, &ours, err);
    gp_mem_free(key);
    return st == GP_OK ? gp_api_give(out, &ours, sizeof ours, st) : st;
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
