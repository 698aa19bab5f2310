/* SPDX-License-Identifier: MIT
 * Runs all stages. This is the best file to start reading.
 *   add      files -> rows: content hash, header, prompt                                  add.c
 *   score    rows -> embeddings -> scores, only what is missing                           score.c
 *   analyze  embeddings, scores -> categories, slices, statistics, duplicates, map        analyze_stage.c,
 *                                                                                         slices_stage.c
 *   pick     scores -> picks: best N per prompt, best K, threshold                        pick_stage.c
 *   sheet    picks -> contact sheet                                                       report/sheet.c
 *
 * Each stage reads what lacks its result and adds the result. So each stage can be stopped, repeated and called
 * alone. */
#include "stage/stage.h"

#include "catalog/catalog.h"
#include "report/report.h"

gp_status gp_stage_run(gp_catalog *cat, const gp_encoder *encoder, const char *model_name, const gp_run_parts *parts,
                       gp_run_result *result, gp_error *err)
{
    gp_run_result counts = {0};
    gp_status st = GP_OK;
    if (!parts->no_add) GP_TRY_GOTO(gp_stage_add(cat, &parts->add, &counts.add, err));
    GP_TRY_GOTO(gp_stage_score(cat, encoder, model_name, &parts->score, &counts.score, err));
    GP_TRY_GOTO(gp_cat_counts(cat, &counts.counts, err));
    bool candidates = counts.counts.images > counts.counts.apart;
    if (!parts->no_analysis && candidates && counts.score.done + counts.score.skipped > 0)
        GP_TRY_GOTO(gp_stage_analyze(cat, encoder, NULL, &parts->find, &counts.find, err));
    counts.strategy = parts->pick.strategy;
    if (parts->fit_strategy && counts.find.images)
        GP_TRY_GOTO(gp_stage_pick_fit(cat, &parts->pick, &counts.strategy, &counts.pick, err));
    else
        GP_TRY_GOTO(gp_stage_pick(cat, NULL, &parts->pick, &counts.pick, err));
    if (parts->sheet.file && counts.pick.done) GP_TRY_GOTO(gp_report_sheet(cat, &parts->sheet, &counts.sheet, err));
out:
    *result = counts; /* after a stop or an error, *result has the counts up to that point */
    return st;
}
