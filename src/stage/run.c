/* SPDX-License-Identifier: MIT
 * The whole product as a table of contents:
 *   add     files -> rows: content hash, header, prompt                              add.c
 *   score   rows -> embeddings -> scores, what is missing only                       score.c  encode.c  encode_texts.c
 *   find    embeddings, scores -> categories, slices, standings, duplicates, map     find.c  find_slices.c  find_copies.c
 *   select  scores -> picks: best of N per prompt, best K, threshold                 select.c
 *   sheet   picks -> a picture to look at                                            report/sheet.c
 *
 * Each stage reads what lacks its result and adds it, so each can be stopped, repeated, and called alone. */
#include "stage/stage.h"

#include "catalog/catalog.h"
#include "report/report.h"

gp_status gp_stage_run(gp_catalog *cat, const gp_clip *clip, const char *model_name, const gp_run_parts *parts,
                       gp_run_report *report, gp_error *err)
{
    gp_run_report counts = {0};
    gp_status st = GP_OK;
    GP_GO(gp_stage_add(cat, &parts->add, &counts.add, err));
    GP_GO(gp_stage_score(cat, clip, model_name, &parts->score, &counts.score, err));
    GP_GO(gp_cat_counts(cat, &counts.counts, err));
    bool candidates = counts.counts.images > counts.counts.apart;
    if (!parts->no_find && candidates && counts.score.done + counts.score.skipped > 0)
        GP_GO(gp_stage_find(cat, clip, NULL, &parts->find, &counts.find, err));
    counts.strategy = parts->pick.strategy;
    if (parts->fit_strategy && counts.find.images)
        GP_GO(gp_stage_select_fit(cat, &parts->pick, &counts.strategy, &counts.pick, err));
    else
        GP_GO(gp_stage_select(cat, NULL, &parts->pick, &counts.pick, err));
    if (parts->sheet.file && counts.pick.done) GP_GO(gp_report_sheet(cat, &parts->sheet, &counts.sheet, err));
out:
    if (report) *report = counts; /* also after a stop: what was done so far */
    return st;
}
