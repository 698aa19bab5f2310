/* SPDX-License-Identifier: MIT
 * Implements the functions of goldpan/defaults.h, which fill in defaults. */
#include "api/api.h"

/* NAME is the middle of a macro's name, GP_NAME_DEFAULTS.  The macro itself cannot be the argument, because the commas
 * in its text would separate arguments. */
#define INIT(type, NAME)                                                                                               \
    void type##_init(type *options, size_t size)                                                                       \
    {                                                                                                                  \
        static const type defaults = GP_##NAME##_DEFAULTS;                                                             \
        gp_api_init(options, size, &defaults, sizeof defaults);                                                        \
    }

INIT(gp_query, QUERY)
INIT(gp_mark_options, MARK)
INIT(gp_rescue_options, RESCUE)
INIT(gp_ratings_options, RATINGS)
INIT(gp_model_options, MODEL)
INIT(gp_fetch_options, FETCH)
INIT(gp_encode_options, ENCODE)
INIT(gp_embed_options, EMBED)
INIT(gp_neighbours_options, NEIGHBOURS)
INIT(gp_project_options, PROJECT)
INIT(gp_hdbscan_options, HDBSCAN)
INIT(gp_umap_options, UMAP)
INIT(gp_pca_options, PCA)
INIT(gp_difficulty_options, DIFFICULTY)
INIT(gp_slices_options, SLICES)
INIT(gp_reasons_options, REASONS)
INIT(gp_duplicates_options, DUPLICATES)
INIT(gp_add_options, ADD)
INIT(gp_import_options, IMPORT)
INIT(gp_unpack_options, UNPACK)
INIT(gp_generate_options, GENERATE)
INIT(gp_score_options, SCORE)
INIT(gp_pick_options, PICK)
INIT(gp_export_options, EXPORT)
INIT(gp_undo_options, UNDO)
INIT(gp_site_options, SITE)
INIT(gp_sheet_options, SHEET)
INIT(gp_analyze_options, ANALYZE)
INIT(gp_words_options, WORDS)
INIT(gp_tour_options, TOUR)
INIT(gp_explore_options, EXPLORE)
INIT(gp_run_options, RUN)
INIT(gp_watch_options, WATCH)
INIT(gp_bench_options, BENCH)
