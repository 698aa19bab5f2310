/* SPDX-License-Identifier: MIT
 * The words of the command.  One table per command drives parsing, help and suggestions; what was parsed lands in one
 * plain struct.  cli includes goldpan.h and base, nothing else. */
#ifndef GP_CLI_OPTIONS_H
#define GP_CLI_OPTIONS_H

#include "base/str.h"
#include "cli/term.h"

/* Exit codes, the same for every command. */
enum {
    GP_EXIT_OK = 0,
    GP_EXIT_FAILURE = 1,
    GP_EXIT_USAGE = 2,
    GP_EXIT_PARTIAL = 3, /* done, but some files failed: they are listed */
    GP_EXIT_NOTHING = 4, /* nothing was selected */
    GP_EXIT_INTERRUPTED = 130
};

typedef struct gp_cli_count {
    bool set;
    uint64_t value;
} gp_cli_count;
typedef struct gp_cli_real {
    bool set;
    double value;
} gp_cli_real;

/* An option that may be said several times. */
enum { GP_CLI_MOST_TEXTS = 64 };
typedef struct gp_cli_texts {
    const char *items[GP_CLI_MOST_TEXTS];
    size_t count;
} gp_cli_texts;

typedef struct gp_cli_command gp_cli_command;

/* Everything that can be said on the command line. */
typedef struct gp_cli {
    const gp_cli_command *command;
    const char *const *argv; /* as typed, for "the same command"; NULL at its end */
    const char **args;       /* what is no option, in order */
    size_t arg_count;
    gp_term term;

    uint64_t given[2]; /* bits: the options that were given, by their place in the command's table */
    uint64_t own;      /* images passed over because goldpan drew them */
    gp_str notes;      /* notes kept by gp_cli_note: members of a JSON array */
    bool help, json;
    bool json_printed; /* the one object of --json has been printed */
    const char *catalog, *model, *revision;
    bool fast_decode;
    int precision, engine; /* index into the choices = gp_precision, gp_engine */
    gp_cli_count threads, batch, max_pixels;
    const char *prompts, *image_column, *prompt_column;
    bool retry_failed, guesses, keep_frames;
    gp_cli_count per_prompt, top, stars;
    gp_cli_real min_score;
    int strategy, by, diversity; /* index into the choices = gp_pick_strategy, gp_pick_by, gp_pick_diversity */
    gp_cli_count per_category, per_slice, min_support;
    gp_cli_real balance, lift_factor, min_lift;
    bool one_per_duplicate, explain, null;
    gp_cli_texts why, where;
    const char *categories, *category_column;
    int profile, mode, criterion, reference; /* index into the choices; profile, mode, criterion = gp_slice_... */
    int distance;                            /* index into the choices */
    gp_cli_count n_slices, seed, resamples;
    gp_cli_real alpha, min_cosine;
    const char *vectors, *queries, *table, *value, *group;
    gp_cli_texts features, embeddings;
    bool show, reduce;
    int metric, method; /* index into the choices */
    gp_cli_count neighbours, dims, min_cluster_size, min_samples, clusters, level;
    gp_cli_real min_dist, epsilon, recall;
    bool leaf, allow_single;
    bool remove_outliers, no_map, no_duplicates, new_map, no_analysis;
    bool copy, hardlink, symlink, no_files, csv, jsonl, imagefolder, all;
    const char *sheet, *frames;
    int sheet_by;
    gp_cli_real seconds;
    gp_cli_count sample;
    const char *backend, *protocol, *negative, *sampler, *scheduler, *checkpoint, *refiner, *workflow, *login, *preview;
    gp_cli_texts set;
    gp_cli_count number, width, height, steps, jobs, tries;
    gp_cli_real cfg, refiner_at, timeout, min_gain;
    gp_cli_real hires;
    bool score, adaptive, picks, flagged, no_seed;
    const char *site;
    int site_images; /* = gp_site_images */
    bool no_sheet, readonly, no_open;
    gp_cli_count port;
    gp_cli_count thumb, max_prompts, max_candidates;
    bool failures, force, images;
    const char *texts, *out;
    const char *scorer;
    int sort; /* = gp_words_order */
} gp_cli;

typedef enum gp_cli_kind {
    GP_OPT_FLAG,     /* bool */
    GP_OPT_TEXT,     /* const char *; empty only where `value` is "TEXT" */
    GP_OPT_TEXTS,    /* gp_cli_texts: may be given several times */
    GP_OPT_COUNT,    /* gp_cli_count: 0 or more */
    GP_OPT_NUMBER,   /* gp_cli_count: 1 or more */
    GP_OPT_REAL,     /* gp_cli_real: any finite number */
    GP_OPT_ABOVE,    /* gp_cli_real: above 0 */
    GP_OPT_AT_LEAST, /* gp_cli_real: 0 or more */
    GP_OPT_SHARE,    /* gp_cli_real: 0 to 1 */
    GP_OPT_CHOICE,   /* int: index into `value`, "a|b|c" */
    GP_OPT_LIST      /* bool; its value, and all that follow, are arguments */
} gp_cli_kind;

typedef struct gp_cli_option {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* or 0 */
    gp_cli_kind kind;
    const char *value; /* what the help calls the value */
    size_t field;      /* offset in gp_cli */
    const char *help;
} gp_cli_option;

struct gp_cli_command {
    const char *name;      /* "add", "model get" */
    const char *arguments; /* "DIR|FILE..." */
    const char *summary;   /* one line */
    const char *about;     /* what one has to know; may be NULL */
    const char *examples;  /* lines, each without the leading blanks */
    const gp_cli_option *options;
    size_t least, most; /* arguments */
    bool keeps_nothing; /* when stopped there is nothing to go on with */
    bool goes_on;       /* --out is a folder; the same command adds the files that are missing there */
    int (*run)(gp_cli *cli);
};

#define GP_CLI_FIELD(name) offsetof(gp_cli, name)
#define GP_CLI_CATALOG                                                                                                 \
    {                                                                                                                  \
        "catalog", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(catalog),                                                      \
            "the catalog or its folder (default: at or above the path)"                                                \
    }
/* Help of --model, by what a command does without it. */
#define GP_CLI_MODEL_ANY     "hub name or folder of a CLIP (default: $GOLDPAN_MODEL)"
#define GP_CLI_MODEL_SCORING "CLIP's hub name or folder (default: $GOLDPAN_MODEL, or used last)"
#define GP_CLI_MODEL_NAME(help)                                                                                        \
    {                                                                                                                  \
        "model", 'm', GP_OPT_TEXT, "NAME|DIR", GP_CLI_FIELD(model), help                                               \
    }
#define GP_CLI_MODEL(help)                                                                                             \
    GP_CLI_MODEL_NAME(help),                                                                                           \
        {"revision", 0, GP_OPT_TEXT, "REV", GP_CLI_FIELD(revision), "branch, tag or commit of a hub name"},            \
        {"precision", 0, GP_OPT_CHOICE, "auto|fp32|bf16|int8", GP_CLI_FIELD(precision), "arithmetic of the towers"},   \
    {                                                                                                                  \
        "engine", 0, GP_OPT_CHOICE, "auto|plain|onednn", GP_CLI_FIELD(engine), "who multiplies matrices"               \
    }
#define GP_CLI_ENCODER(help)                                                                                           \
    GP_CLI_MODEL(help),                                                                                                \
    {                                                                                                                  \
        "fast-decode", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(fast_decode),                                                \
            "decode large JPEGs small: faster, slightly other scores"                                                  \
    }
#define GP_CLI_THREADS                                                                                                 \
    {                                                                                                                  \
        "threads", 'j', GP_OPT_NUMBER, "N", GP_CLI_FIELD(threads), "threads (default: all processors)"                 \
    }
#define GP_CLI_BATCH                                                                                                   \
    {                                                                                                                  \
        "batch", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(batch), "images a thread encodes at once"                         \
    }
#define GP_CLI_MAX_PIXELS                                                                                              \
    {                                                                                                                  \
        "max-pixels", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(max_pixels), "refuse larger images (default: 178956970)"     \
    }
#define GP_CLI_KEEP_FRAMES                                                                                             \
    {                                                                                                                  \
        "keep-frames", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(keep_frames), "black and noise images are candidates too"    \
    }
#define GP_CLI_TABLE                                                                                                   \
    {"prompts", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(prompts), "table of prompts: CSV, TSV, JSON, JSONL, Parquet"},    \
        {"image-column", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(image_column), "its column of image files"},             \
    {                                                                                                                  \
        "prompt-column", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(prompt_column), "its column of prompts"                  \
    }
#define GP_CLI_VECTORS                                                                                                 \
    {"vectors", 0, GP_OPT_TEXT, "X.npy", GP_CLI_FIELD(vectors), "rows of numbers, as NumPy saves them"},               \
    {                                                                                                                  \
        "metric", 0, GP_OPT_CHOICE, "cosine|euclidean", GP_CLI_FIELD(metric), "distance (default: cosine)"             \
    }
#define GP_CLI_FIND_CATEGORIES                                                                                         \
    {"categories",                                                                                                     \
     0,                                                                                                                \
     GP_OPT_TEXT,                                                                                                      \
     "\"A,B,...\"",                                                                                                    \
     GP_CLI_FIELD(categories),                                                                                         \
     "by words: \"people, animals=cat|dog\"; with --model, what fits none is \"other\""},                              \
        {"category-column", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(category_column), "or from a column or a setting"},   \
    {                                                                                                                  \
        "fresh-map", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(new_map), "lay the map out anew"                               \
    }
#define GP_CLI_PER_CATEGORY_HELP "best K of each category (--strategy category: 5)"
#define GP_CLI_DROP_FACTOR_HELP  "category-slices: X standard deviations above it (default 0.9)"
#define GP_CLI_PICK_FROM                                                                                               \
    {                                                                                                                  \
        "strategy", 0, GP_OPT_CHOICE, "prompt|slices|category-slices|category", GP_CLI_FIELD(strategy),                \
            "from where (default: prompt)"                                                                             \
    }
#define GP_CLI_SCALES "score|corrected|z-category|z-prompt|percentile|difficulty" /* in order of gp_pick_by */
#define GP_CLI_PICK_BY                                                                                                 \
    {                                                                                                                  \
        "by", 0, GP_OPT_CHOICE, GP_CLI_SCALES, GP_CLI_FIELD(by), "value that is compared (default: the raw score)"     \
    }
#define GP_CLI_PICK                                                                                                    \
    {"per-prompt", 'k', GP_OPT_COUNT, "K", GP_CLI_FIELD(per_prompt), "best K of each prompt (default 1; 0: all)"},     \
        {"top", 0, GP_OPT_NUMBER, "K", GP_CLI_FIELD(top), "then the best K over all prompts"},                         \
        {"min-score", 0, GP_OPT_REAL, "S", GP_CLI_FIELD(min_score), "and at least this score"},                        \
        {"where",                                                                                                      \
         0,                                                                                                            \
         GP_OPT_TEXTS,                                                                                                 \
         "MEASURE<N",                                                                                                  \
         GP_CLI_FIELD(where),                                                                                          \
         "only images that meet this limit: \"noise<5\", \"sharpness>100\"; may be repeated"},                         \
        GP_CLI_PICK_FROM, GP_CLI_PICK_BY,                                                                              \
        {"top-per-category", 0, GP_OPT_NUMBER, "K", GP_CLI_FIELD(per_category), GP_CLI_PER_CATEGORY_HELP},             \
        {"top-per-slice", 0, GP_OPT_NUMBER, "K", GP_CLI_FIELD(per_slice), "best K of each slice (default: all)"},      \
        {"one-per-duplicate", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(one_per_duplicate), "one of several near copies"},    \
        {"diversity", 0, GP_OPT_CHOICE, "none|mmr|facility", GP_CLI_FIELD(diversity), "good and unlike each other"},   \
        {"balance",                                                                                                    \
         0,                                                                                                            \
         GP_OPT_SHARE,                                                                                                 \
         "0..1",                                                                                                       \
         GP_CLI_FIELD(balance),                                                                                        \
         "with --diversity: 1 only good, 0 only unlike (default 0.7)"},                                                \
        {"min-support", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(min_support), "slices of at least N images (default 2)"},  \
        {"min-drop",                                                                                                   \
         0,                                                                                                            \
         GP_OPT_REAL,                                                                                                  \
         "S",                                                                                                          \
         GP_CLI_FIELD(min_lift),                                                                                       \
         "slices whose mean is at least S above the overall mean"},                                                    \
    {                                                                                                                  \
        "drop-factor", 0, GP_OPT_REAL, "X", GP_CLI_FIELD(lift_factor), GP_CLI_DROP_FACTOR_HELP                         \
    }
#define GP_CLI_SHEET                                                                                                   \
    {"thumb", 0, GP_OPT_NUMBER, "PIXELS", GP_CLI_FIELD(thumb), "size of a candidate on the sheet (default 160)"},      \
        {"max-prompts", 0, GP_OPT_COUNT, "N", GP_CLI_FIELD(max_prompts), "rows of the sheet (default 24; 0: all)"},    \
    {                                                                                                                  \
        "max-candidates", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(max_candidates), "columns of the sheet (default 8)"      \
    }
#define GP_CLI_SCORER                                                                                                  \
    {                                                                                                                  \
        "scorer", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(scorer),                                                        \
            "scores of this model, or MODEL:PRECISION (default: newest scores)"                                        \
    }
#define GP_CLI_FORCE                                                                                                   \
    {                                                                                                                  \
        "force", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(force), "replace files that exist"                                 \
    }

#define GP_CLI_COMMON                                                                                                  \
    {"json", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(json), "print one JSON object"},                                       \
        {"quiet", 'q', GP_OPT_FLAG, NULL, GP_CLI_FIELD(term.quiet), "no progress and no remarks"},                     \
        {"verbose", 'v', GP_OPT_FLAG, NULL, GP_CLI_FIELD(term.verbose), "say more on the way"},                        \
        {"help", 'h', GP_OPT_FLAG, NULL, GP_CLI_FIELD(help), "show this help"},                                        \
    {                                                                                                                  \
        NULL, 0, GP_OPT_FLAG, NULL, 0, NULL                                                                            \
    }

/* Parse argv after the command's words into cli (command and args set by the caller; args has room for all of argv).
 * USAGE: the message says what is wrong and, if possible, what was meant; cli->json is then set if --json occurs
 * anywhere, even after the mistake. */
gp_status gp_cli_parse(gp_cli *cli, int argc, char **argv, gp_error *err);
/* Returns whether the command line gives this option. */
bool gp_cli_given(const gp_cli *cli, const char *name);
/* Does --json occur before "--"? */
bool gp_cli_says_json(int argc, char **argv);
/* The command's help on stdout. */
void gp_cli_help(const gp_cli_command *command);
/* The name among names (NULL at the end) that `word` was probably meant to be, or NULL. */
const char *gp_cli_suggest(const char *word, const char *const *names);

#endif
