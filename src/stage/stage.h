/* SPDX-License-Identifier: MIT
 * The joint: each stage reads what lacks a result, calls pure rooms, and writes in one transaction a batch.  Read run.c
 * first. */
#ifndef GP_STAGE_STAGE_H
#define GP_STAGE_STAGE_H

#include "base/status.h"
#include "model/encoder.h"

gp_status gp_stage_add(gp_catalog *cat, const gp_add_options *options, gp_report *report, gp_error *err);
/* Like gp_stage_add, with options->prompts open already.  *rows: the row of each image; gp_rows_clear in any case. */
struct gp_table;
struct gp_rows_of;
gp_status gp_stage_add_table(gp_catalog *cat, const gp_add_options *options, struct gp_table *table,
                             struct gp_rows_of *rows, gp_report *report, gp_error *err);
/* Merges marks from the journal whose images are now in the catalog; notes "marks-brought", "marks-waiting". */
gp_status gp_stage_import_marks(gp_catalog *cat, gp_note_fn note, void *user, gp_error *err);
gp_status gp_stage_import(gp_catalog *cat, const gp_add_options *add, const gp_import_options *options,
                          gp_report *added, gp_report *report, gp_error *err);
/* Id of the scorer that a model stands for: its default scorer if that has scored something or nothing has; else the
 * scorer that used this model last.  out [size]. */
gp_status gp_stage_scorer_of(gp_catalog *cat, const gp_encoder *encoder, char *out, size_t size, gp_error *err);
gp_status gp_stage_score(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                         const gp_score_options *options, gp_report *report, gp_error *err);
/* scorer NULL: the one used last. */
gp_status gp_stage_pick(gp_catalog *cat, const char *scorer, const gp_pick_options *options, gp_report *report,
                        gp_error *err);
/* As gp_stage_pick, with the scorer used last, which must have an analysis.  Where no prompt has two candidates, the
 * strategy by prompt cannot choose; the strategy by category takes its place if some category has more images than it
 * picks.  *used: the strategy. */
gp_status gp_stage_pick_fit(gp_catalog *cat, const gp_pick_options *options, gp_pick_strategy *used, gp_report *report,
                            gp_error *err);
/* Finds the id of the scorer to use: the scorer named `wanted` (gp_cat_scorer_find), or the scorer used last if
 * `wanted` is NULL.  A named scorer must have scored something, or its empty results would replace another scorer's.
 * Owns: *out, gp_mem_free. */
gp_status gp_stage_scorer_wanted(gp_catalog *cat, const char *wanted, char **out, gp_error *err);

/* Options of all parts, complete; pointers between them are not read. */
typedef struct gp_analyze_parts {
    gp_analyze_options find;
    gp_slices_options slices;
    gp_duplicates_options duplicates;
    gp_umap_options map;
} gp_analyze_parts;
/* encoder NULL: no category_labels, no probes. */
gp_status gp_stage_analyze(gp_catalog *cat, const gp_encoder *encoder, const char *scorer,
                           const gp_analyze_parts *parts, gp_analyze_report *report, gp_error *err);

/* Which words go with which scores; options complete.  NOT_FOUND: nothing is scored. */
gp_status gp_stage_words(gp_catalog *cat, const gp_words_options *options,
                         bool (*visit)(void *user, const gp_word *word), void *user, gp_error *err);

typedef struct gp_run_parts {
    gp_add_options add;
    gp_score_options score;
    gp_analyze_parts find;
    bool no_analysis;
    gp_pick_options pick;
    bool fit_strategy;      /* see gp_stage_pick_fit */
    gp_sheet_options sheet; /* file NULL: no sheet */
} gp_run_parts;
typedef struct gp_run_result {
    gp_report add, score, pick, sheet;
    gp_analyze_report find;
    gp_counts counts;          /* of the catalog when the picks were chosen */
    gp_pick_strategy strategy; /* the strategy that was used */
} gp_run_result;
/* *result is filled also if the run stopped or failed. */
gp_status gp_stage_run(gp_catalog *cat, const gp_encoder *encoder, const char *model_name, const gp_run_parts *parts,
                       gp_run_result *result, gp_error *err);

gp_status gp_stage_generate_check(const gp_generate_options *options, gp_error *err);
gp_status gp_stage_generate(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                            const gp_generate_options *options, gp_generate_report *report, gp_error *err);

/* roots NULL: pictures are drawn. */
gp_status gp_stage_bench(const gp_encoder *encoder, const gp_bench_options *options, gp_bench_report *report,
                         gp_error *err);

#endif
