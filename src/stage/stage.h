/* SPDX-License-Identifier: MIT
 * The stages. Each stage reads the rows that lack its result, computes the result with modules that do not use the
 * catalog, and writes one transaction per batch. Read run.c first. */
#ifndef GP_STAGE_STAGE_H
#define GP_STAGE_STAGE_H

#include "base/status.h"
#include "model/encoder.h"

gp_status gp_stage_add(gp_catalog *cat, const gp_add_options *options, gp_report *report, gp_error *err);
/* Like gp_stage_add, with options->prompts already opened as `table`. *rows: the row of each image. The caller must
 * call gp_rows_clear even after an error. */
struct gp_table;
struct gp_rows_of;
gp_status gp_stage_add_table(gp_catalog *cat, const gp_add_options *options, struct gp_table *table,
                             struct gp_rows_of *rows, gp_report *report, gp_error *err);
/* Records which known files no longer exist. */
gp_status gp_stage_find_missing(gp_catalog *cat, gp_error *err);
/* Copies marks from the journal to the catalog: the marks of images that were missing from the catalog before and are
 * in the catalog now. Sends the notes "marks-brought" and "marks-waiting". */
gp_status gp_stage_import_marks(gp_catalog *cat, gp_note_fn note, void *user, gp_error *err);
gp_status gp_stage_import(gp_catalog *cat, const gp_add_options *add, const gp_import_options *options,
                          gp_report *added, gp_report *report, gp_error *err);
/* Writes the id of a model's scorer to out [size]: the default scorer of the model if the catalog records it, else the
 * scorer of the model that was used last. If the catalog records no scorer of the model, writes the id of the default
 * scorer. */
gp_status gp_stage_scorer_of(gp_catalog *cat, const gp_encoder *encoder, char *out, size_t size, gp_error *err);
gp_status gp_stage_score(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                         const gp_score_options *options, gp_report *report, gp_error *err);
/* scorer NULL: the scorer used last. */
gp_status gp_stage_pick(gp_catalog *cat, const char *scorer, const gp_pick_options *options, gp_report *report,
                        gp_error *err);
/* Like gp_stage_pick, with the scorer used last, which must have an analysis. If no prompt has two candidates, the
 * strategy by prompt would pick every image. In that case the strategy by category is used, if a category has more
 * images than that strategy picks. *used: the strategy used. */
gp_status gp_stage_pick_fit(gp_catalog *cat, const gp_pick_options *options, gp_pick_strategy *used, gp_report *report,
                            gp_error *err);
/* Finds the scorer to use: the scorer with the name `wanted` (gp_cat_scorer_find) or, if `wanted` is NULL, the scorer
 * used last. A named scorer must have scored at least one image, because otherwise its empty results would replace the
 * results of another scorer. The caller frees *out with gp_mem_free. */
gp_status gp_stage_scorer_wanted(gp_catalog *cat, const char *wanted, char **out, gp_error *err);

/* Options of all parts, with every field set. Pointers to options inside these structs are not read. */
typedef struct gp_analyze_parts {
    gp_analyze_options find;
    gp_slices_options slices;
    gp_duplicates_options duplicates;
    gp_umap_options map;
} gp_analyze_parts;
/* encoder NULL: category_labels and probe words are not used. */
gp_status gp_stage_analyze(gp_catalog *cat, const gp_encoder *encoder, const char *scorer,
                           const gp_analyze_parts *parts, gp_analyze_report *report, gp_error *err);

/* Visits the words of the scored prompts, each with the scores of the prompts that contain it. All fields of the
 * options must be set. NOT_FOUND if nothing is scored. */
gp_status gp_stage_words(gp_catalog *cat, const gp_words_options *options,
                         bool (*visit)(void *user, const gp_word *word), void *user, gp_error *err);

typedef struct gp_run_parts {
    gp_add_options add;
    bool no_add;
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
    gp_counts counts;          /* counts of the catalog at the time when the picks were made */
    gp_pick_strategy strategy; /* the strategy that was used */
} gp_run_result;
/* *result is filled even if the run was stopped or failed. */
gp_status gp_stage_run(gp_catalog *cat, const gp_encoder *encoder, const char *model_name, const gp_run_parts *parts,
                       gp_run_result *result, gp_error *err);

/* roots NULL: use synthetic images. */
gp_status gp_stage_bench(const gp_encoder *encoder, const gp_bench_options *options, gp_bench_report *report,
                         gp_error *err);

#endif
