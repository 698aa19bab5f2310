/* SPDX-License-Identifier: MIT
 * Implements goldpan/stages.h and the exports of goldpan/outputs.h: whole stages over a catalog. */
#include "api/api.h"

#include "base/mem.h"
#include "model/scorer.h"
#include "report/report.h"
#include "stage/stage.h"
#include "unpack/image_set.h"

gp_status gp_add(gp_catalog *catalog, const gp_add_options *options, gp_report *report, gp_error *err)
{
    gp_add_options o = GP_ADD_DEFAULTS;
    API_NEEDS(catalog);
    API_READ(gp_add_options, &o, options);
    if (!o.roots || !o.root_count) return gp_fail(err, GP_ERR_USAGE, "`roots` is empty: name a file or folder to add");
    GP_TRY(gp_report_exports_recover(catalog, err)); /* a killed export may have moved files */
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_stage_add(catalog, &o, &ours, err));
}

gp_status gp_import_embeddings(gp_catalog *catalog, const gp_add_options *add, const gp_import_options *options,
                               gp_report *added, gp_report *report, gp_error *err)
{
    gp_add_options a = GP_ADD_DEFAULTS;
    gp_import_options o = GP_IMPORT_DEFAULTS;
    API_NEEDS(catalog);
    API_READ(gp_add_options, &a, add);
    API_READ(gp_import_options, &o, options);
    if (!a.roots || !a.root_count) return gp_fail(err, GP_ERR_USAGE, "`roots` is empty: name a file or folder to add");
    if (!o.embeddings) return gp_fail(err, GP_ERR_USAGE, "`embeddings` is not set: name a .npy file");
    if (!a.prompts)
        return gp_fail(err, GP_ERR_USAGE, "embeddings need a table of prompts (add.prompts) with one image per row");
    gp_report ours = {0}, ours_added = {0};
    API_OUTPUT(gp_report, added);
    API_OUTPUT(gp_report, report);
    gp_status st = gp_stage_import(catalog, &a, &o, &ours_added, &ours, err);
    gp_api_give(added, &ours_added, sizeof ours_added, st);
    return gp_api_give(report, &ours, sizeof ours, st);
}

gp_status gp_unpack(const gp_unpack_options *options, gp_report *report, gp_error *err)
{
    gp_unpack_options o = GP_UNPACK_DEFAULTS;
    API_READ(gp_unpack_options, &o, options);
    if (!o.files || !o.file_count) return gp_fail(err, GP_ERR_USAGE, "`files` is empty: name a file to unpack");
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_unpack_sets(&o, &ours, err));
}

gp_status gp_score(gp_catalog *catalog, const gp_model *model, const gp_score_options *options, gp_report *report,
                   gp_error *err)
{
    gp_score_options o = GP_SCORE_DEFAULTS;
    API_NEEDS(catalog);
    API_NEEDS(model);
    API_READ(gp_score_options, &o, options);
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours,
                       gp_stage_score(catalog, model->encoder, model->name, &o, &ours, err));
}

gp_status gp_pick(gp_catalog *catalog, const gp_model *model, const gp_pick_options *options, gp_report *report,
                  gp_error *err)
{
    gp_pick_options o = GP_PICK_DEFAULTS;
    char scorer[512];
    API_NEEDS(catalog);
    API_READ(gp_pick_options, &o, options);
    if (model && o.scorer)
        return gp_fail(err, GP_ERR_USAGE, "`model` and `scorer` both name the scores to use: set only one of them");
    if (model) GP_TRY(gp_stage_scorer_of(catalog, model->encoder, scorer, sizeof scorer, err));
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_stage_pick(catalog, model ? scorer : o.scorer, &o, &ours, err));
}

gp_status gp_exports(gp_catalog *catalog, bool (*visit)(void *user, const gp_export_entry *entry), void *user,
                     gp_error *err)
{
    API_NEEDS(catalog);
    API_NEEDS(visit);
    return gp_report_exports(catalog, visit, user, err);
}

gp_status gp_undo(gp_catalog *catalog, const gp_undo_options *options, gp_undo_report *report, gp_error *err)
{
    gp_undo_options o = GP_UNDO_DEFAULTS;
    API_NEEDS(catalog);
    API_READ(gp_undo_options, &o, options);
    gp_undo_report ours = {0};
    API_OUTPUT(gp_undo_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_report_undo(catalog, &o, &ours, err));
}

gp_status gp_export(gp_catalog *catalog, const gp_export_options *options, gp_report *report, gp_error *err)
{
    gp_export_options o = GP_EXPORT_DEFAULTS;
    API_NEEDS(catalog);
    API_READ(gp_export_options, &o, options);
    if (!o.folder) return gp_fail(err, GP_ERR_USAGE, "`folder` is not set: name a folder for the export");
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_report_export(catalog, &o, &ours, err));
}

gp_status gp_sheet(gp_catalog *catalog, const gp_sheet_options *options, gp_report *report, gp_error *err)
{
    gp_sheet_options o = GP_SHEET_DEFAULTS;
    API_NEEDS(catalog);
    API_READ(gp_sheet_options, &o, options);
    if (!o.file) return gp_fail(err, GP_ERR_USAGE, "`file` is not set: name a file for the sheet");
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_report_sheet(catalog, &o, &ours, err));
}

gp_status gp_tour(gp_catalog *catalog, const gp_tour_options *options, gp_report *report, gp_error *err)
{
    gp_tour_options o = GP_TOUR_DEFAULTS;
    API_NEEDS(catalog);
    API_READ(gp_tour_options, &o, options);
    gp_report ours = {0};
    API_OUTPUT(gp_report, report);
    return gp_api_give(report, &ours, sizeof ours, gp_report_tour(catalog, &o, &ours, err));
}
