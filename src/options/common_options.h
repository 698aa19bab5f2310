/* SPDX-License-Identifier: MIT
 * Options that several commands have.  Each macro is one or more entries of a table (options.h). */
#ifndef GP_OPTIONS_COMMON_OPTIONS_H
#define GP_OPTIONS_COMMON_OPTIONS_H

#include "options/options.h"

#define GP_CLI_CATALOG_AS(...)                                                                                         \
    GP_CLI_OPTION("catalog", 0, GP_OPT_TEXT, "FILE|DIR", catalog,                                                      \
                  "catalog file, or the folder of its images (default: the nearest catalog at or above the path)",     \
                  __VA_ARGS__)
#define GP_CLI_CATALOG GP_CLI_CATALOG_AS(.needs = NULL)
/* For commands whose only argument is the folder of the catalog. */
#define GP_CLI_CATALOG_NOT_DIR GP_CLI_CATALOG_AS(.excludes = "ARGUMENT")

/* Help of --model: one text for each rule by which commands choose a model if --model is not given. */
#define GP_CLI_MODEL_ANY                                                                                               \
    "CLIP model: hub name or folder (default: $GOLDPAN_MODEL, else a downloaded CLIP ViT-L/14 or ViT-B/32)"
#define GP_CLI_MODEL_SCORING                                                                                           \
    "CLIP model that scores: hub name or folder (default: $GOLDPAN_MODEL, else the model used last in the "            \
    "catalog, else a downloaded CLIP ViT-L/14 or ViT-B/32)"
#define GP_CLI_MODEL(...) GP_CLI_OPTION("model", 'm', GP_OPT_TEXT, "NAME|DIR", model, __VA_ARGS__)
#define GP_CLI_PRECISIONS "auto|fp32|bf16|int8" /* in the order of the enum gp_precision */
/* Options for loading and running the model.  The macro's arguments are rules (such as .needs) that apply to each of
 * these options. */
#define GP_CLI_LOADING(...)                                                                                            \
    GP_CLI_OPTION("revision", 0, GP_OPT_TEXT, "REV", revision,                                                         \
                  "branch, tag or commit of the model on the hub (default: main)", __VA_ARGS__),                       \
        GP_CLI_OPTION("precision", 0, GP_OPT_CHOICE, GP_CLI_PRECISIONS, precision,                                     \
                      "number format of the model; auto: bf16 on processors with AMX or AVX512-BF16, else fp32 "       \
                      "(default: auto)",                                                                               \
                      __VA_ARGS__),                                                                                    \
        GP_CLI_OPTION("engine", 0, GP_OPT_CHOICE, "auto|plain|onednn", engine,                                         \
                      "matrix multiplication; plain: goldpan's own kernels, auto: the faster on this processor "       \
                      "(default: auto)",                                                                               \
                      __VA_ARGS__)
#define GP_CLI_FAST_DECODE(...)                                                                                        \
    GP_CLI_FLAG("fast-decode", 0, fast_decode,                                                                         \
                "decode large JPEGs at a reduced size: faster, but scores change slightly", __VA_ARGS__)
#define GP_CLI_LONG_PROMPTS "truncate|chunks|first-sentence" /* in the order of the enum gp_long_prompt */
#define GP_CLI_LONG_PROMPT(...)                                                                                        \
    GP_CLI_OPTION("long-prompt", 0, GP_OPT_CHOICE, GP_CLI_LONG_PROMPTS, long_prompt,                                   \
                  "text with more tokens than the model's context; truncate: only the first tokens count, chunks: "    \
                  "the mean of parts, so all words count, first-sentence: only this sentence counts (default: "        \
                  "truncate)",                                                                                         \
                  .old_values = "truncate|chunk-mean|first-sentence", __VA_ARGS__)

#define GP_CLI_THREADS_AS(...)                                                                                         \
    GP_CLI_OPTION("threads", 'j', GP_OPT_COUNT, "N", threads, "number of threads (default: all processors)",           \
                  .range = GP_CLI_FROM(1), __VA_ARGS__)
#define GP_CLI_THREADS GP_CLI_THREADS_AS(.needs = NULL)
#define GP_CLI_BATCH_AS(...)                                                                                           \
    GP_CLI_OPTION("batch", 0, GP_OPT_COUNT, "N", batch,                                                                \
                  "images that each thread encodes at once (default: depends on the model)", .range = GP_CLI_FROM(1),  \
                  __VA_ARGS__)
#define GP_CLI_BATCH GP_CLI_BATCH_AS(.needs = NULL)
#define GP_CLI_MAX_PIXELS_AS(...)                                                                                      \
    GP_CLI_OPTION("max-pixels", 0, GP_OPT_COUNT, "N", max_pixels,                                                      \
                  "reject images with more than N pixels (default: 178956970)", .range = GP_CLI_FROM(1), __VA_ARGS__)
#define GP_CLI_MAX_PIXELS GP_CLI_MAX_PIXELS_AS(.needs = NULL)

#define GP_CLI_SCORING                                                                                                 \
    GP_CLI_OPTION("scorer", 0, GP_OPT_TEXT, "NAME,...", scorer,                                                        \
                  "how to score: one or more names of goldpan score --list-scorers, such as clip,aesthetic-v2; "       \
                  "other commands use the scores of the first (default: clip)"),                                       \
        GP_CLI_OPTION("probe", 0, GP_OPT_TEXTS, "TEXT", probes,                                                        \
                      "also score the similarity of each image to your own text: \"sharp photo|blurry photo\", "       \
                      "\"sunset\", or \"-extra fingers\" for what it should not show; may be given several times"),    \
        GP_CLI_FLAG("keep-frames", 0, keep_frames,                                                                     \
                    "also score images that are black or only noise (default: they are set apart)"),                   \
        GP_CLI_FLAG("guesses", 0, guesses,                                                                             \
                    "also score images whose prompt is only a guess (goldpan status counts them)"),                    \
        GP_CLI_FLAG("retry-failed", 0, retry_failed, "try again the images whose file could not be decoded before")

#define GP_CLI_TABLE_AS(...)                                                                                           \
    GP_CLI_OPTION("prompts", 0, GP_OPT_TEXT, "FILE", prompts,                                                          \
                  "table of images and their prompts: CSV, TSV, JSON, JSONL or Parquet, also as .gz or .zst",          \
                  __VA_ARGS__),                                                                                        \
        GP_CLI_OPTION("image-column", 0, GP_OPT_TEXT, "NAME", image_column,                                            \
                      "column of the table with the image files (default: found by its name)", .needs = "prompts"),    \
        GP_CLI_OPTION("prompt-column", 0, GP_OPT_TEXT, "NAME", prompt_column,                                          \
                      "column of the table with the prompts (default: found by its name)", .needs = "prompts")
#define GP_CLI_TABLE GP_CLI_TABLE_AS(.needs = NULL)

#define GP_CLI_PROMPT_FROM                                                                                             \
    GP_CLI_OPTION("prompt-from", 0, GP_OPT_TEXT, "PATTERN", prompt_from,                                               \
                  "read prompts from file names or folders, such as '{prompt}_{seed}' or '{prompt}/{*}'; fields: "     \
                  "prompt, negative, seed, steps, cfg, model, sampler and *; underscores are kept",                    \
                  .needs = NULL)

/* Options for the categories and the map of an analysis; `rule` names the options that switch the analysis off. */
#define GP_CLI_ANALYSIS(rule)                                                                                          \
    GP_CLI_OPTION("categories", 0, GP_OPT_TEXT, "\"A,B,...\"", categories,                                             \
                  "sort images into these categories, such as \"people, animals=cat|dog\"; with --model, images "      \
                  "that fit none of them are in \"other\" (default: clusters of similar images)",                      \
                  .excludes = "category-column " rule),                                                                \
        GP_CLI_OPTION(                                                                                                 \
            "category-column", 0, GP_OPT_TEXT, "NAME", category_column,                                                \
            "take the category of an image from this column of the prompt table, or from this generation setting",     \
            .excludes = rule),                                                                                         \
        GP_CLI_FLAG("new-map", 0, new_map,                                                                             \
                    "compute a new map of all images (default: place new images on the map that exists)",              \
                    .excludes = rule, .old = "fresh-map")

/* Values of --strategy in the order of the enum gp_pick_strategy, and of --by in the order of gp_pick_by. */
#define GP_CLI_STRATEGIES "prompt|slices|category-slices|category"
#define GP_CLI_SCALES     "score|corrected|z-category|z-prompt|percentile|difficulty"
#define GP_CLI_OF_SLICES  "strategy=slices|category-slices"
#define GP_CLI_PICK                                                                                                    \
    GP_CLI_OPTION("per-prompt", 'k', GP_OPT_COUNT, "K", per_prompt,                                                    \
                  "pick at most K images of each prompt; 0: no limit (default: 1)", .range = GP_CLI_FROM_U32(0)),      \
        GP_CLI_OPTION("top", 0, GP_OPT_COUNT, "K", top,                                                                \
                      "pick at most K images in total, after all other limits (default: no limit)",                    \
                      .range = GP_CLI_FROM(1)),                                                                        \
        GP_CLI_OPTION("min-score", 0, GP_OPT_REAL, "S", min_score,                                                     \
                      "pick only images with a raw score of at least S, on the scale 0 to 100 (default: no limit)"),   \
        GP_CLI_OPTION("where", 0, GP_OPT_TEXTS, "MEASURE<N", where,                                                    \
                      "pick only images whose quality measure meets this limit, such as \"noise<5\" or "               \
                      "\"sharpness>100\"; may be repeated"),                                                           \
        GP_CLI_OPTION("strategy", 0, GP_OPT_CHOICE, GP_CLI_STRATEGIES, strategy,                                       \
                      "which images are candidates (default: prompt)"),                                                \
        GP_CLI_OPTION("by", 0, GP_OPT_CHOICE, GP_CLI_SCALES, by,                                                       \
                      "value by which candidates are compared; score: the raw score (default: score)"),                \
        GP_CLI_OPTION("top-per-category", 0, GP_OPT_COUNT, "K", per_category,                                          \
                      "pick at most K images of each category (default: 5 with --strategy category, else no limit)",   \
                      .range = GP_CLI_FROM_U32(1)),                                                                    \
        GP_CLI_OPTION("top-per-slice", 0, GP_OPT_COUNT, "K", per_slice,                                                \
                      "pick at most K images of each slice (default: no limit)", .range = GP_CLI_FROM_U32(1),          \
                      .needs = GP_CLI_OF_SLICES),                                                                      \
        GP_CLI_FLAG("one-per-duplicate", 0, one_per_duplicate, "pick at most one image of each near-duplicate group"), \
        GP_CLI_OPTION("diversity", 0, GP_OPT_CHOICE, "none|mmr|facility", diversity,                                   \
                      "how to make the picks diverse: by maximal marginal relevance, or by facility location "         \
                      "(default: none)",                                                                               \
                      .needs = "top top-per-category top-per-slice strategy=category"),                                \
        GP_CLI_OPTION("balance", 0, GP_OPT_REAL, "X", balance,                                                         \
                      "weight of quality against diversity; 1: quality only, 0: diversity only (default: 0.7)",        \
                      .range = GP_CLI_FROM_TO(0, 1), .needs = "diversity=mmr|facility"),                               \
        GP_CLI_OPTION("min-support", 0, GP_OPT_COUNT, "N", min_support,                                                \
                      "use only slices of at least N images (default: 2)", .range = GP_CLI_FROM_U32(1),                \
                      .needs = GP_CLI_OF_SLICES),                                                                      \
        GP_CLI_OPTION("min-lift", 0, GP_OPT_REAL, "S", min_lift,                                                       \
                      "use only slices whose mean score is at least S points above the mean of all images "            \
                      "(with category-slices: of their category; default: no limit)",                                  \
                      .needs = GP_CLI_OF_SLICES, .old = "min-drop"),                                                   \
        GP_CLI_OPTION("lift-factor", 0, GP_OPT_REAL, "X", lift_factor,                                                 \
                      "use only slices whose mean score is at least X standard deviations above the mean of their "    \
                      "category (default: 0.9)",                                                                       \
                      .needs = "strategy=category-slices", .excludes = "min-lift", .old = "drop-factor")

#define GP_CLI_SHEET(rule)                                                                                             \
    GP_CLI_OPTION("thumb", 0, GP_OPT_COUNT, "PIXELS", thumb,                                                           \
                  "longest side of a thumbnail on the sheet, in pixels (default: 160)",                                \
                  .range = GP_CLI_FROM_TO(1, 100000), .excludes = rule),                                               \
        GP_CLI_OPTION("max-prompts", 0, GP_OPT_COUNT, "N", max_prompts,                                                \
                      "maximum number of rows of the sheet; 0: as many as fit (default: 24)",                          \
                      .range = GP_CLI_FROM_TO(0, 100000), .excludes = rule),                                           \
        GP_CLI_OPTION("max-candidates", 0, GP_OPT_COUNT, "N", max_candidates,                                          \
                      "maximum number of columns of the sheet (default: 8)", .range = GP_CLI_FROM_TO(1, 100000),       \
                      .excludes = rule)
#define GP_CLI_SCORER(...)                                                                                             \
    GP_CLI_OPTION("scorer", 0, GP_OPT_TEXT, "SCORER", scorer,                                                          \
                  "use the scores of this scorer: its name, MODEL, MODEL:PRECISION, or an id of goldpan status "       \
                  "--json (default: the scorer used last)",                                                            \
                  __VA_ARGS__)
#define GP_CLI_FORCE(...) GP_CLI_FLAG("force", 0, force, "replace files that exist", __VA_ARGS__)

#define GP_CLI_COMMON GP_CLI_COMMON_AS("print one JSON object on standard output")
#define GP_CLI_COMMON_AS(json_help)                                                                                    \
    GP_CLI_FLAG("json", 0, json, json_help), GP_CLI_FLAG("quiet", 'q', term.quiet, "print no progress and no notes"),  \
        GP_CLI_FLAG("verbose", 'v', term.verbose, "print more details on standard error"),                             \
        GP_CLI_FLAG("help", 'h', help, "print this help"), GP_CLI_END

#endif
