/* SPDX-License-Identifier: MIT
 * The command line.  Each command has one table of options.  The table drives the parser, the help, the suggestions for
 * misspelt names, and the rules about options that need or exclude others.  tools/options.py makes the man pages, the
 * completions and docs/options.md from the same tables.  The parsed values are stored in one plain struct, gp_cli.
 * options and cli include goldpan.h and base, nothing else of the library. */
#ifndef GP_OPTIONS_OPTIONS_H
#define GP_OPTIONS_OPTIONS_H

#include "base/str.h"
#include "options/term.h"

#include <math.h>
#include <stdio.h>

/* Exit codes, the same for every command. */
enum {
    GP_EXIT_OK = 0,
    GP_EXIT_FAILURE = 1,
    GP_EXIT_USAGE = 2,
    GP_EXIT_PARTIAL = 3, /* done, but some files failed: they are listed */
    GP_EXIT_NOTHING = 4, /* nothing was selected */
    GP_EXIT_INTERRUPTED = 130,
    GP_EXIT_TERMINATED = 143
};

typedef struct gp_cli_count {
    bool set;
    uint64_t value;
} gp_cli_count;
typedef struct gp_cli_real {
    bool set;
    double value;
} gp_cli_real;

/* The values of an option that may be given several times. */
enum { GP_CLI_MOST_TEXTS = 64 };
typedef struct gp_cli_texts {
    const char *items[GP_CLI_MOST_TEXTS];
    size_t count;
} gp_cli_texts;

typedef struct gp_cli_command gp_cli_command;

/* The values of all options of all commands, and the state that the commands share while they run. */
typedef struct gp_cli {
    const gp_cli_command *command;
    const char *const *argv; /* the command line as typed, ends with NULL; printed again after an interruption */
    const char **args;       /* the arguments (words that are not options), in order */
    size_t arg_count;
    gp_term term;

    uint64_t given[2]; /* bit i: option i of the command's table was given */
    uint64_t own;      /* images that were skipped because goldpan drew them */
    gp_str notes;      /* notes kept by gp_cli_note: elements of a JSON array */
    bool help, json;
    bool json_printed; /* true: the JSON object has been printed; a command prints only one */
    const char *catalog, *model, *revision;
    bool fast_decode;
    int long_prompt;       /* index of the chosen word: a gp_long_prompt */
    int precision, engine; /* index of the chosen word: a gp_precision, a gp_engine */
    gp_cli_count threads, batch, max_pixels;
    const char *prompts, *image_column, *prompt_column, *prompt_from;
    bool retry_failed, guesses, keep_frames;
    gp_cli_count per_prompt, top, stars;
    gp_cli_real min_score;
    int strategy, by, diversity; /* index of the chosen word: a gp_pick_strategy, gp_pick_by, gp_pick_diversity */
    int fuse;                    /* index of the chosen word: a gp_pick_fuse */
    bool pareto;
    const char *weights;
    gp_cli_count per_category, per_slice, min_support;
    gp_cli_real balance, lift_factor, min_lift;
    bool one_per_duplicate, explain, null;
    gp_cli_texts why, where;
    const char *categories, *category_column;
    int profile, mode, criterion; /* index of the chosen word: a gp_slice_profile, gp_slice_mode, gp_slice_criterion */
    int reference, distance;      /* index of the chosen word */
    gp_cli_count n_slices, seed, resamples;
    gp_cli_real alpha, min_cosine;
    const char *vectors, *queries, *table, *value, *group;
    gp_cli_texts features, embeddings;
    bool show, reduce;
    int metric, method; /* index of the chosen word */
    gp_cli_count neighbours, dims, min_cluster_size, min_samples, clusters, level;
    gp_cli_real min_dist, epsilon, recall;
    bool leaf, allow_single;
    bool remove_outliers, no_map, no_duplicates, new_map, no_analysis;
    bool copy, hardlink, symlink, move, reflink, strip, no_files, csv, jsonl, imagefolder, all, mine, suggested;
    const char *format;
    bool with_embeddings;
    gp_cli_count shard_size;
    bool pick, reject, unmark;
    gp_cli_texts tag, untag;
    const char *list, *name;
    bool list_exports;
    uint64_t undo; /* number of the export, for `goldpan undo` */
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
    int site_images; /* index of the chosen word: a gp_site_images */
    bool no_sheet, readonly, no_open, new_key;
    bool new_only, bests, pick_again;
    gp_cli_real poll, idle;
    gp_cli_count port;
    gp_cli_count thumb, max_prompts, max_candidates;
    bool failures, force, images;
    const char *texts, *out, *into;
    const char *scorer;
    gp_cli_texts probes;
    bool list_scorers;
    int sort; /* index of the chosen word: a gp_words_order */
    bool dry_run, replace, embed, keep_time;
    int sidecar; /* index of the chosen word: a gp_ratings_place */
} gp_cli;

typedef enum gp_cli_kind {
    GP_OPT_FLAG,   /* bool */
    GP_OPT_TEXT,   /* const char *; may be empty only if `value` is "TEXT" */
    GP_OPT_TEXTS,  /* gp_cli_texts: may be given several times */
    GP_OPT_COUNT,  /* gp_cli_count: a whole number of at least 0, in `range` */
    GP_OPT_REAL,   /* gp_cli_real: a finite number in `range` */
    GP_OPT_CHOICE, /* int: index into `value`, "a|b|c" */
    GP_OPT_LIST    /* bool; the value of the option is added to the arguments of the command */
} gp_cli_kind;

/* The numbers that an option accepts.  All zero: only the limits of the option's kind apply. */
typedef struct gp_cli_range {
    double min, max;
    bool above_min, below_max; /* true: min (or max) itself is not accepted */
} gp_cli_range;
#define GP_CLI_FROM(a)                                                                                                 \
    {                                                                                                                  \
        (a), INFINITY, false, false                                                                                    \
    }
#define GP_CLI_ABOVE(a)                                                                                                \
    {                                                                                                                  \
        (a), INFINITY, true, false                                                                                     \
    }
#define GP_CLI_FROM_TO(a, b)                                                                                           \
    {                                                                                                                  \
        (a), (b), false, false                                                                                         \
    }
#define GP_CLI_ABOVE_TO(a, b)                                                                                          \
    {                                                                                                                  \
        (a), (b), true, false                                                                                          \
    }
#define GP_CLI_BETWEEN(a, b)                                                                                           \
    {                                                                                                                  \
        (a), (b), true, true                                                                                           \
    }
/* From a to the largest value of a uint32_t, the type of the library's field.  The help does not name this maximum. */
#define GP_CLI_FROM_U32(a) GP_CLI_FROM_TO(a, UINT32_MAX)

typedef struct gp_cli_option {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* or 0 */
    gp_cli_kind kind;
    const char *value; /* what the help calls the value; NULL for flags */
    size_t field;      /* offset in gp_cli */
    const char *help;
    gp_cli_range range; /* GP_OPT_COUNT, GP_OPT_REAL */
    const char *ends;   /* GP_OPT_TEXT: how the value must end, such as ".npy"; NULL: no rule */
    /* Rules, checked after parsing.  `needs`: at least one item of each group must hold; `excludes`: no item may hold.
     * An item is "NAME" (the option is given), "NAME=A|B" (the option has one of these values, given or by default), or
     * "ARGUMENT" (the command has an argument).  Spaces separate items, and ";" separates groups. */
    const char *needs, *excludes;
    const char *old;        /* former name: accepted, but not in the help */
    const char *old_values; /* GP_OPT_CHOICE: former names of the values, in the order of `value` */
    const char *words;      /* GP_OPT_TEXT: values that completions offer, "a|b|c" */
} gp_cli_option;

/* GP_CLI_OPTION and GP_CLI_FLAG make an entry of a table of options.  Arguments: the name, the letter or 0, the kind
 * and `value` (not for GP_CLI_FLAG), the field of gp_cli that gets the value, the help.  Initialisers of other fields
 * may follow, such as .needs = "score". */
#define GP_CLI_FIELD(f) offsetof(gp_cli, f)
#define GP_CLI_OPTION(n, l, k, v, f, ...)                                                                              \
    {                                                                                                                  \
        .name = n, .letter = l, .kind = k, .value = v, .field = GP_CLI_FIELD(f), .help = __VA_ARGS__                   \
    }
#define GP_CLI_FLAG(n, l, f, ...) GP_CLI_OPTION(n, l, GP_OPT_FLAG, NULL, f, __VA_ARGS__)
#define GP_CLI_END                                                                                                     \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

struct gp_cli_command {
    const char *name;      /* "add", "model get" */
    const char *arguments; /* "DIR|FILE..." */
    const char *summary;   /* one line */
    const char *about;     /* paragraphs, separated by an empty line; wrapped when printed; may be NULL */
    const char *examples;  /* lines, each without the leading blanks */
    const gp_cli_option *options;
    size_t least, most; /* number of arguments */
    const char *needs;  /* a rule as in gp_cli_option; if a group has only one option, that option is required */
    bool keeps_nothing; /* true: an interrupted run keeps no results, so it cannot be continued */
    bool goes_on;       /* true: --out is a folder, and the same command adds the files that are missing there */
    int (*run)(gp_cli *cli);
};

/* Parses argv after the command's words into cli, then checks the rules of the table.  The caller has set cli->command
 * and cli->args; args has room for all of argv.  USAGE: the message says what is wrong and, if possible, suggests the
 * right word.  After USAGE, cli->json is set if --json occurs anywhere, even after the mistake. */
gp_status gp_cli_parse(gp_cli *cli, int argc, char **argv, gp_error *err);
/* Returns whether the command line gives this option. */
bool gp_cli_option_given(const gp_cli *cli, const gp_cli_option *o); /* o: of the command's table */
bool gp_cli_given(const gp_cli *cli, const char *name);
/* Returns whether --json occurs before "--". */
bool gp_cli_says_json(int argc, char **argv);
/* Returns the word of the list `names` (NULL at the end) that the user probably meant by `word`, or NULL. */
const char *gp_cli_suggest(const char *word, const char *const *names);

/* Returns the option of a table that has this name or former name, or NULL. */
const gp_cli_option *gp_cli_find_option(const gp_cli_option *table, const char *name, size_t length);
/* Checks the rules of all options that are given. */
gp_status gp_cli_check_rules(const gp_cli *cli, gp_error *err);
/* Appends what an option needs, or excludes, in words: "--score, --adaptive or --model". */
void gp_cli_put_needs(gp_str *s, const gp_cli_command *command, const gp_cli_option *option);
void gp_cli_put_excludes(gp_str *s, const gp_cli_command *command, const gp_cli_option *option);
/* Returns true if the command always needs this option: a group of the command's `needs` names only this option. */
bool gp_cli_required(const gp_cli_command *command, const gp_cli_option *option);
/* Appends the range in words, such as "from 1 to 64"; appends nothing if the option has no limits of its own. all:
 * true: also append the maximum UINT32_MAX of a range GP_CLI_FROM_U32. */
void gp_cli_put_range(gp_str *s, const gp_cli_option *option, bool all);

/* Convert between a word of the list "A|B|C" and its index.  The index is -1 if the list lacks the word.  *length:
 * bytes of the returned word. */
int gp_cli_choice_index(const char *list, const char *word);
const char *gp_cli_choice_name(const char *list, int index, size_t *length);

/* Prints what goldpan does, its commands and exit codes. */
void gp_cli_overview(const gp_cli_command *const *commands, FILE *to);
/* Prints the command's help on stdout. */
void gp_cli_help(const gp_cli_command *command);
/* Prints all tables as one JSON object on stdout, for tools/options.py. */
void gp_cli_dump(const gp_cli_command *const *commands);

#endif
