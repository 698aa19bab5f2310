/* SPDX-License-Identifier: MIT
 *
 * Reports failures, finds the model, and fills the library's options from the command line. */
#include "cli/context.h"

#include "base/mem.h"
#include "options/common_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ failing */

/* Appends a word, quoted for a shell if needed. */
static void put_quoted(gp_str *s, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
    if (*word && strspn(word, plain) == strlen(word)) {
        gp_str_puts(s, word);
        return;
    }
    gp_str_putc(s, '\'');
    for (; *word; word++) {
        if (*word == '\'')
            gp_str_puts(s, "'\\''");
        else
            gp_str_putc(s, *word);
    }
    gp_str_putc(s, '\'');
}

static void say_stopped(gp_cli *cli)
{
    gp_str same = GP_STR_INIT;
    if ((cli->out && !cli->command->goes_on) || cli->command->keeps_nothing) {
        gp_term_warn(&cli->term, "goldpan: interrupted; nothing was written");
        return;
    }
    gp_str_puts(&same, "goldpan");
    for (const char *const *word = cli->argv + 1; *word; word++) {
        gp_str_putc(&same, ' ');
        put_quoted(&same, *word);
    }
    gp_term_warn(&cli->term, "goldpan: interrupted; finished results are stored, and the same command continues:\n  %s",
                 same.data ? same.data : "goldpan");
    gp_str_clear(&same);
}

int gp_cli_fail_as(gp_cli *cli, const gp_error *err, int code)
{
    gp_str out = GP_STR_INIT;
    if (err->status == GP_ERR_STOPPED) {
        say_stopped(cli);
    } else {
        gp_term_error(&cli->term, "%s", err->message);
        if (err->status == GP_ERR_USAGE)
            gp_term_warn(&cli->term, "see: goldpan help%s%s", cli->command ? " " : "",
                         cli->command ? cli->command->name : "");
    }
    if (!cli->json) return code;
    gp_str_puts(&out, "{\"error\":{");
    gp_cli_json_text(&out, "status", gp_status_name(err->status));
    gp_cli_json_text(&out, "message", err->message);
    gp_cli_json_count(&out, "exit", (uint64_t)code);
    gp_str_puts(&out, "}}");
    return gp_cli_json_print(cli, &out, code);
}

int gp_cli_fail(gp_cli *cli, const gp_error *err)
{
    int code = err->status == GP_ERR_USAGE ? GP_EXIT_USAGE : GP_EXIT_FAILURE;
    if (err->status == GP_ERR_STOPPED) code = gp_term_signal() ? 128 + gp_term_signal() : GP_EXIT_INTERRUPTED;
    return gp_cli_fail_as(cli, err, code);
}

int gp_cli_usage(gp_cli *cli, const char *format, ...)
{
    gp_error err = {.status = GP_ERR_USAGE};
    va_list args;
    va_start(args, format);
    vsnprintf(err.message, sizeof err.message, format, args);
    va_end(args);
    return gp_cli_fail(cli, &err);
}

/* ------------------------------------------------------------------ the model */

/* Returns the name of the model that the user named (--model, else $GOLDPAN_MODEL), or NULL. */
static const char *named_model(const gp_cli *cli)
{
    const char *set = getenv("GOLDPAN_MODEL");
    return cli->model ? cli->model : set && *set ? set : NULL;
}

gp_status gp_cli_model_name(const gp_cli *cli, const char **name, gp_error *err)
{
    static const char *const usual[] = {"openai/clip-vit-large-patch14", "openai/clip-vit-base-patch32",
                                        "drawn-world-mini"};
    *name = named_model(cli);
    if (*name) return GP_OK;
    for (size_t i = 0; i < 2; i++) { /* leave out the last name, the bundled model: it works only for the sample */
        char *folder = NULL;
        if (gp_model_find(usual[i], cli->revision, &folder, NULL) != GP_OK) continue;
        gp_free(folder);
        *name = usual[i];
        return GP_OK;
    }
    return gp_fail(err, GP_ERR_NOT_FOUND,
                   "no model: download CLIP ViT-L/14 with `goldpan model get %s` (1.7 GB) or the faster ViT-B/32 with "
                   "`goldpan model get %s` (0.6 GB), or name another with --model or $GOLDPAN_MODEL; the bundled %s "
                   "works only for the images of the sample",
                   usual[0], usual[1], usual[2]);
}

/* The scorer that was used last in the catalog.  Scorers of imported embeddings do not count. */
typedef struct last_used {
    bool scoring;                 /* input: leave out scorers that need a model of their own */
    char *id, *model, *precision; /* owned; NULL: nothing was scored */
    bool failed;                  /* out of memory */
} last_used;

static void clear_last(last_used *last)
{
    gp_mem_free(last->id);
    gp_mem_free(last->model);
    gp_mem_free(last->precision);
}

typedef struct own_model {
    const char *scorer;
    bool own;
} own_model;

static bool see_own(void *user, const gp_scorer_kind *kind)
{
    own_model *o = user;
    o->own = o->own || (kind->model && strcmp(kind->name, o->scorer) == 0);
    return !o->own;
}

/* Returns whether the scorer needs a model of its own. */
static bool needs_own_model(const char *scorer)
{
    own_model o = {.scorer = scorer};
    return gp_scorer_kinds(see_own, &o, NULL) == GP_OK && o.own;
}

/* Returns true if the scores were imported with embeddings of another program. */
static bool is_imported(const gp_scorer_facts *s)
{
    return strncmp(s->id, "made-elsewhere/", strlen("made-elsewhere/")) == 0;
}

void gp_cli_scorer_text(const gp_scorer_facts *s, char out[300])
{
    const bool by_model = is_imported(s) || strcmp(s->name, "clip") == 0; /* true: print only the model's name */
    snprintf(out, 300, "%.99s%s%.150s (%.20s)", by_model ? "" : s->name, by_model ? "" : " by ", s->model,
             s->precision);
}

static bool take_last(void *user, const gp_scorer_facts *s)
{
    last_used *last = user;
    if (is_imported(s) || (last->scoring && needs_own_model(s->name))) return true;
    last->id = gp_str_dup(s->id), last->model = gp_str_dup(s->model), last->precision = gp_str_dup(s->precision);
    last->failed = !last->id || !last->model || !last->precision;
    return false; /* the scorer that was used last is visited first */
}

static gp_status read_last(gp_catalog *catalog, last_used *last, gp_error *err)
{
    if (!catalog) return GP_OK;
    GP_TRY(gp_catalog_scorers(catalog, take_last, last, err));
    return last->failed ? gp_fail_memory(err, "the last scorer") : GP_OK;
}

/* Returns the precision with this name; auto for an unknown name. */
static gp_precision precision_of(const char *name)
{
    int index = gp_cli_choice_index(GP_CLI_PRECISIONS, name);
    return (gp_precision)(index < 0 ? 0 : index);
}

/* Opens the model that made the last scores.  Fails if the model of this name now has other weights.  The check
 * compares the hash of the weights with the hash in the scorer's id. */
static gp_status open_last(const last_used *last, gp_model_options *options, gp_model **model, gp_error *err)
{
    gp_error why = {0};
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_model *opened = NULL;
    if (!options->precision) options->precision = precision_of(last->precision);
    gp_status st = gp_model_open(last->model, options, &opened, &why);
    if (st != GP_OK)
        return gp_fail(err, st,
                       "cannot open '%s', the model used last in this catalog: %s; name another model with --model",
                       last->model, why.message);
    gp_model_info(opened, &facts, NULL);
    if (strstr(last->id, facts.weight_hash)) {
        *model = opened;
        return GP_OK;
    }
    gp_model_close(opened);
    return gp_fail(err, GP_ERR_NOT_FOUND,
                   "the weights of '%s' differ from those of the model of this name that this catalog used last; name "
                   "a model with --model",
                   last->model);
}

static gp_model_options model_options(const gp_cli *cli)
{
    gp_model_options options = GP_MODEL_DEFAULTS;
    options.precision = (gp_precision)cli->precision;
    options.engine = (gp_engine)cli->engine;
    options.revision = cli->revision;
    options.fast_decode = cli->fast_decode;
    options.long_prompt = (gp_long_prompt)cli->long_prompt;
    return options;
}

static gp_status open_model(gp_cli *cli, const last_used *last, gp_model **model, gp_error *err)
{
    const char *name = NULL;
    gp_model_options options = model_options(cli);
    if (last->model && !named_model(cli)) return open_last(last, &options, model, err);
    GP_TRY(gp_cli_model_name(cli, &name, err));
    return gp_model_open(name, &options, model, err);
}

/* Opens the model that the user named, or else the model of `last`, or else one that the cache has. */
static gp_status open_chosen(gp_cli *cli, gp_catalog *catalog, bool scoring, gp_model **model, gp_error *err)
{
    last_used last = {.scoring = scoring};
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_status st = read_last(catalog, &last, err);
    if (st == GP_OK) st = open_model(cli, &last, model, err);
    if (st == GP_OK) {
        gp_model_info(*model, &facts, NULL);
        if (!named_model(cli))
            gp_term_say(&cli->term, "using the model %s (%s), %s; select another with --model", facts.name,
                        facts.precision, last.model ? "used last in this catalog" : "found on this machine");
        gp_term_detail(&cli->term, "model %s (%s, %s), %s", facts.name, facts.precision, facts.engine, facts.folder);
    }
    clear_last(&last);
    return st;
}

gp_status gp_cli_model_open(gp_cli *cli, gp_catalog *catalog, gp_model **model, gp_error *err)
{
    return open_chosen(cli, catalog, false, model, err);
}

gp_status gp_cli_model_open_scoring(gp_cli *cli, gp_catalog *catalog, gp_model **model, gp_error *err)
{
    return open_chosen(cli, catalog, true, model, err);
}

gp_status gp_cli_model_usual(const gp_cli *cli, gp_catalog *catalog, char **name, gp_error *err)
{
    last_used last = {.scoring = true};
    const char *chosen = named_model(cli);
    *name = NULL;
    gp_status st = chosen ? GP_OK : read_last(catalog, &last, err);
    if (st == GP_OK && !chosen) chosen = last.model;
    if (st == GP_OK && !chosen && gp_cli_model_name(cli, &chosen, NULL) != GP_OK) chosen = NULL;
    if (st == GP_OK && chosen && !(*name = gp_str_dup(chosen))) st = gp_fail_memory(err, "the name of a model");
    clear_last(&last);
    return st;
}

gp_status gp_cli_model_open_named(gp_cli *cli, const char *name, const char *scorers, gp_model **model, gp_error *err)
{
    gp_model_facts facts = GP_INIT(gp_model_facts);
    const gp_model_options options = model_options(cli);
    GP_TRY(gp_model_open(name, &options, model, err));
    gp_model_info(*model, &facts, NULL);
    gp_term_say(&cli->term, "using the model %s (%s) for %s; select another with --model", facts.name, facts.precision,
                scorers ? scorers : "clip");
    gp_term_detail(&cli->term, "model %s (%s, %s), %s", facts.name, facts.precision, facts.engine, facts.folder);
    return GP_OK;
}

/* ------------------------------------------------------------------ options into the library's structs */

static int as_int(gp_cli_count count)
{
    return !count.set ? 0 : count.value > 4096 ? 4096 : (int)count.value;
}

int gp_cli_threads(const gp_cli *cli)
{
    return as_int(cli->threads);
}

int gp_cli_batch(const gp_cli *cli)
{
    return as_int(cli->batch);
}

void gp_cli_add_options(gp_cli *cli, gp_add_options *options)
{
    *options = (gp_add_options)GP_ADD_DEFAULTS;
    options->roots = cli->args;
    options->root_count = cli->arg_count;
    options->prompts = cli->prompts;
    options->image_column = cli->image_column;
    options->prompt_column = cli->prompt_column;
    options->prompt_from = cli->prompt_from;
    if (cli->max_pixels.set) options->max_pixels = cli->max_pixels.value;
    options->threads = gp_cli_threads(cli);
    options->progress = gp_term_progress;
    options->user = &cli->term;
    options->note = gp_cli_note;
    options->note_user = cli;
}

void gp_cli_score_options(gp_cli *cli, gp_score_options *options)
{
    *options = (gp_score_options)GP_SCORE_DEFAULTS;
    if (cli->max_pixels.set) options->max_pixels = cli->max_pixels.value;
    options->threads = gp_cli_threads(cli);
    options->batch = gp_cli_batch(cli);
    options->retry_failed = cli->retry_failed;
    options->note = gp_cli_note, options->note_user = cli;
    options->guesses = cli->guesses;
    options->keep_frames = cli->keep_frames;
    options->scorer = cli->scorer;
    options->probes = cli->probes.items, options->probe_count = cli->probes.count;
    options->progress = gp_term_progress;
    options->user = &cli->term;
}

/* Copies an option's value, if the option is given.  The value fits in 32 bits, because the parser has checked the
 * option's range. */
static void take_u32(gp_cli_count from, uint32_t *to)
{
    if (from.set) *to = (uint32_t)from.value;
}

void gp_cli_pick_options(gp_cli *cli, gp_pick_options *options)
{
    *options = (gp_pick_options)GP_PICK_DEFAULTS;
    options->note = gp_cli_note, options->note_user = cli;
    take_u32(cli->per_prompt, &options->per_prompt);
    if (cli->top.set) options->top = cli->top.value;
    options->has_min_score = cli->min_score.set;
    options->min_score = cli->min_score.value;
    options->where = cli->where.items, options->where_count = cli->where.count;
    options->strategy = (gp_pick_strategy)cli->strategy;
    options->by = (gp_pick_by)cli->by;
    options->diversity = (gp_pick_diversity)cli->diversity;
    take_u32(cli->per_category, &options->per_category);
    take_u32(cli->per_slice, &options->per_slice);
    take_u32(cli->min_support, &options->min_support);
    options->one_per_duplicate = cli->one_per_duplicate;
    if (cli->balance.set) options->balance = cli->balance.value;
    if (cli->lift_factor.set) options->lift_factor = cli->lift_factor.value;
    options->has_min_lift = cli->min_lift.set;
    options->min_lift = cli->min_lift.value;
}

void gp_cli_sheet_options(gp_cli *cli, gp_sheet_options *options)
{
    *options = (gp_sheet_options)GP_SHEET_DEFAULTS;
    take_u32(cli->thumb, &options->thumb);
    take_u32(cli->max_prompts, &options->max_prompts);
    take_u32(cli->max_candidates, &options->max_candidates);
    options->progress = gp_term_progress;
    options->user = &cli->term;
}
