/* SPDX-License-Identifier: MIT
 * The default values of every options struct, in the order of its fields.
 *     gp_add_options add = GP_ADD_DEFAULTS; */
#ifndef GOLDPAN_DEFAULTS_H
#define GOLDPAN_DEFAULTS_H

#include "analysis.h"
#include "arrays.h"
#include "bench.h"
#include "catalog.h"
#include "model.h"
#include "outputs.h"
#include "ratings.h"
#include "stages.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fill an options struct with its defaults.  For callers that cannot use the macros below, such as
 * other languages.
 * size: bytes of the caller's struct.  If it is larger than the library's, the rest is set to 0.
 * Threads: any. */
GP_API void gp_query_init(gp_query *options, size_t size);
GP_API void gp_mark_options_init(gp_mark_options *options, size_t size);
GP_API void gp_rescue_options_init(gp_rescue_options *options, size_t size);
GP_API void gp_ratings_options_init(gp_ratings_options *options, size_t size);
GP_API void gp_model_options_init(gp_model_options *options, size_t size);
GP_API void gp_fetch_options_init(gp_fetch_options *options, size_t size);
GP_API void gp_encode_options_init(gp_encode_options *options, size_t size);
GP_API void gp_embed_options_init(gp_embed_options *options, size_t size);
GP_API void gp_neighbours_options_init(gp_neighbours_options *options, size_t size);
GP_API void gp_project_options_init(gp_project_options *options, size_t size);
GP_API void gp_hdbscan_options_init(gp_hdbscan_options *options, size_t size);
GP_API void gp_umap_options_init(gp_umap_options *options, size_t size);
GP_API void gp_pca_options_init(gp_pca_options *options, size_t size);
GP_API void gp_difficulty_options_init(gp_difficulty_options *options, size_t size);
GP_API void gp_slices_options_init(gp_slices_options *options, size_t size);
GP_API void gp_reasons_options_init(gp_reasons_options *options, size_t size);
GP_API void gp_duplicates_options_init(gp_duplicates_options *options, size_t size);
GP_API void gp_add_options_init(gp_add_options *options, size_t size);
GP_API void gp_import_options_init(gp_import_options *options, size_t size);
GP_API void gp_unpack_options_init(gp_unpack_options *options, size_t size);
GP_API void gp_generate_options_init(gp_generate_options *options, size_t size);
GP_API void gp_score_options_init(gp_score_options *options, size_t size);
GP_API void gp_pick_options_init(gp_pick_options *options, size_t size);
GP_API void gp_export_options_init(gp_export_options *options, size_t size);
GP_API void gp_undo_options_init(gp_undo_options *options, size_t size);
GP_API void gp_site_options_init(gp_site_options *options, size_t size);
GP_API void gp_sheet_options_init(gp_sheet_options *options, size_t size);
GP_API void gp_analyze_options_init(gp_analyze_options *options, size_t size);
GP_API void gp_words_options_init(gp_words_options *options, size_t size);
GP_API void gp_tour_options_init(gp_tour_options *options, size_t size);
GP_API void gp_explore_options_init(gp_explore_options *options, size_t size);
GP_API void gp_run_options_init(gp_run_options *options, size_t size);
GP_API void gp_watch_options_init(gp_watch_options *options, size_t size);
GP_API void gp_bench_options_init(gp_bench_options *options, size_t size);

#ifdef __cplusplus
}
#endif

/* clang-format is off, so that each initialiser stays on a few lines. */
/* clang-format off */

#define GP_QUERY_DEFAULTS \
    {sizeof(gp_query), NULL, NULL, false, false, false, false, GP_ORDER_PROMPT, 0, NULL, 0}

#define GP_MARK_DEFAULTS \
    {sizeof(gp_mark_options), NULL, 0, NULL, 0, NULL, 0, GP_MARK_KEEP, GP_MARK_KEEP}

#define GP_RATINGS_DEFAULTS \
    {sizeof(gp_ratings_options), NULL, 0, GP_RATINGS_DARKTABLE, false, false, false, NULL, NULL, \
     NULL}

#define GP_RESCUE_DEFAULTS {sizeof(gp_rescue_options), NULL, NULL, NULL, NULL, NULL}

#define GP_MODEL_DEFAULTS \
    {sizeof(gp_model_options), GP_PRECISION_AUTO, GP_ENGINE_AUTO, false, GP_LONG_PROMPT_TRUNCATE, \
     NULL}

#define GP_FETCH_DEFAULTS {sizeof(gp_fetch_options), NULL, false, NULL, NULL}

#define GP_ENCODE_DEFAULTS {sizeof(gp_encode_options), 0, NULL, NULL}

#define GP_EMBED_DEFAULTS \
    {sizeof(gp_embed_options), GP_MAX_PIXELS, 0, 0, NULL, NULL, NULL, NULL}

#define GP_NEIGHBOURS_DEFAULTS \
    {sizeof(gp_neighbours_options), GP_METRIC_COSINE, 0, 1.0, NULL, NULL}

#define GP_PROJECT_DEFAULTS {sizeof(gp_project_options), 0.4, 0, NULL, NULL}

#define GP_HDBSCAN_DEFAULTS \
    {sizeof(gp_hdbscan_options), GP_METRIC_EUCLIDEAN, 5, 0, false, false, 0.0, 0, NULL, NULL}

/* In order: 15 neighbours, 2 dimensions, 5 negative samples; min_dist 0.1, spread 1, union 1,
 * recall 0.98; seed 42. */
#define GP_UMAP_DEFAULTS \
    {sizeof(gp_umap_options), GP_METRIC_COSINE, 15, 2, 5, 0, 0, false, \
     0.1, 1.0, 1.0, 0.98, 42, NULL, NULL}

#define GP_PCA_DEFAULTS {sizeof(gp_pca_options), 0, NULL, NULL}

#define GP_DIFFICULTY_DEFAULTS {sizeof(gp_difficulty_options), 0, NULL, NULL}

/* In order: 2000 resamples; alpha 0.01; seed 42. */
#define GP_SLICES_DEFAULTS \
    {sizeof(gp_slices_options), GP_SLICE_GOLDPAN, GP_SLICE_HIGH, GP_SLICE_LIFT, \
     GP_METRIC_EUCLIDEAN, 0, 0, 2000, 0, false, false, false, false, 0.0, 0.01, 42, \
     NULL, NULL, NULL}

#define GP_REASONS_DEFAULTS {sizeof(gp_reasons_options), 5, 0, NULL, NULL}

#define GP_DUPLICATES_DEFAULTS {sizeof(gp_duplicates_options), 0.97, 10, 0, NULL, NULL}

#define GP_ADD_DEFAULTS \
    {sizeof(gp_add_options), NULL, 0, NULL, NULL, NULL, GP_MAX_PIXELS, 0, NULL, NULL, NULL, NULL, \
     NULL}

#define GP_UNPACK_DEFAULTS {sizeof(gp_unpack_options), NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL}

#define GP_IMPORT_DEFAULTS {sizeof(gp_import_options), NULL, NULL, false, NULL}

/* In order: 4 images of each prompt; seed 1; 5 tries; min_gain 0.1; 1 job. */
#define GP_GENERATE_DEFAULTS \
    {sizeof(gp_generate_options), GP_REGENERATE_NONE, 4, NULL, NULL, NULL, NULL, NULL, 1, NULL, \
     0, 0, 0, 5, 0.0, NULL, NULL, NULL, NULL, 0.0, 0.0, NULL, NULL, NULL, NULL, 0, 0.0, NULL, \
     0.1, GP_MAX_PIXELS, 0, 1, false, false, NULL, NULL, NULL, NULL}

#define GP_SCORE_DEFAULTS \
    {sizeof(gp_score_options), GP_MAX_PIXELS, 0, 0, false, false, false, \
     NULL, NULL, NULL, NULL, NULL, NULL, 0}

/* In order: 1 image of each prompt; support at least 2; balance 0.7; lift_factor 0.9. */
#define GP_PICK_DEFAULTS \
    {sizeof(gp_pick_options), GP_PICK_PROMPT, GP_BY_SCORE, GP_DIVERSITY_NONE, 1, 0, 0, 2, \
     false, false, false, 0, 0.0, 0.7, 0.9, 0.0, \
     NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, NULL, GP_PICK_FUSE_AUTO, false, NULL}

#define GP_EXPORT_DEFAULTS \
    {sizeof(gp_export_options), NULL, GP_EXPORT_COPY, true, false, false, false, 0, NULL, NULL, \
     false, false, NULL, 0, NULL, 0, 0, false, 0, NULL, NULL, NULL, NULL, NULL}

#define GP_UNDO_DEFAULTS {sizeof(gp_undo_options), 0, false, NULL, NULL, NULL}

#define GP_SITE_DEFAULTS {sizeof(gp_site_options), NULL, GP_SITE_ORIGINALS, 0, NULL, NULL}

#define GP_SHEET_DEFAULTS \
    {sizeof(gp_sheet_options), NULL, GP_SHEET_PROMPTS, 160, 24, 8, NULL, NULL}

/* In order: 4 to 24 categories. */
#define GP_ANALYZE_DEFAULTS \
    {sizeof(gp_analyze_options), NULL, NULL, 0, 4, 24, NULL, NULL, NULL, 0, false, false, false, \
     NULL, NULL}

#define GP_WORDS_DEFAULTS {sizeof(gp_words_options), NULL, 3, GP_WORDS_EFFECT, 0, 42}

/* In order: 1000 x 720 pixels; 1.5 seconds a frame; 24 slices. */
#define GP_TOUR_DEFAULTS {sizeof(gp_tour_options), NULL, NULL, 1000, 720, 1.5, 24, NULL, NULL}

#define GP_EXPLORE_DEFAULTS \
    {sizeof(gp_explore_options), NULL, NULL, GP_PRECISION_AUTO, GP_ENGINE_AUTO, 0, false, false, \
     false, NULL, NULL, NULL, NULL, NULL, NULL, NULL}

#define GP_RUN_DEFAULTS {sizeof(gp_run_options), NULL, NULL, NULL, NULL, false, false, false, NULL}

#define GP_WATCH_DEFAULTS \
    {sizeof(gp_watch_options), NULL, NULL, NULL, false, 0.0, 0.0, NULL, NULL, NULL, NULL}

#define GP_BENCH_DEFAULTS \
    {sizeof(gp_bench_options), NULL, 0, 2000, 10.0, GP_MAX_PIXELS, 0, 0, NULL, NULL}

#endif
