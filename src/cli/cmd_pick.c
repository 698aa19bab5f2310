/* SPDX-License-Identifier: MIT
 * goldpan pick: picks images, stores the picks in the catalog, and prints them. */
#include "base/json.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

typedef struct reasons {
    gp_cli *cli;
    gp_str json; /* with --json: the elements of the array, so far */
} reasons;

/* Prints why an image is picked or not.  Called for each pick with --explain, and for each FILE of --why. */
static void put_reason(void *user, const char *path, bool picked, const char *sentence)
{
    reasons *r = user;
    if (!r->cli->json) {
        gp_term_clear(&r->cli->term);
        gp_cli_put_field(path, '\t');
        gp_cli_put_field(picked ? "picked" : "not picked", '\t');
        gp_cli_put_field(sentence, '\n');
        return;
    }
    gp_cli_json_object(&r->json);
    gp_cli_json_text(&r->json, "path", path);
    gp_cli_json_bool(&r->json, "picked", picked);
    gp_cli_json_text(&r->json, "reason", sentence);
    gp_str_putc(&r->json, '}');
}

static void pick_options(gp_cli *cli, gp_pick_options *options, reasons *r)
{
    gp_cli_pick_options(cli, options);
    options->scorer = cli->scorer;
    options->fuse = (gp_pick_fuse)cli->fuse;
    options->weights = cli->weights;
    options->pareto = cli->pareto;
    if (options->pareto) options->per_prompt = 0;
    if (!cli->explain && !cli->why.count) return;
    options->explain = put_reason, options->explain_user = r;
    if (cli->why.count) options->explain_paths = cli->why.items, options->explain_count = cli->why.count;
}

typedef struct scorers {
    gp_str *json; /* NULL: no JSON */
    uint64_t count;
    gp_str used; /* "NAME (PRECISION)" */
} scorers;

/* Stores the name of the scorer by which the picks were made.  Expects that one scorer made all picks. */
static bool see_scorer(void *user, const gp_scorer_facts *s)
{
    scorers *all = user;
    char text[300];
    all->count++;
    if (!s->picks) return true;
    gp_cli_scorer_text(s, text);
    gp_str_puts(&all->used, text);
    if (!all->json) return true;
    gp_json_put_name(all->json, "scorer");
    gp_str_putc(all->json, '{');
    gp_cli_json_text(all->json, "id", s->id);
    gp_cli_json_text(all->json, "model", s->model);
    gp_cli_json_text(all->json, "precision", s->precision);
    gp_str_putc(all->json, '}');
    return true;
}

/* Reports the number of picks, and the scorer if the catalog has several. */
static gp_status say_picked(gp_cli *cli, gp_catalog *catalog, gp_str *json, uint64_t count, gp_error *err)
{
    scorers s = {.json = json};
    gp_status st = gp_catalog_scorers(catalog, see_scorer, &s, err);
    if (st == GP_OK && s.count > 1 && s.used.data)
        gp_term_say(&cli->term,
                    "picked %llu by the scores of %s; the catalog has %llu scorers (select one with --scorer)",
                    (unsigned long long)count, s.used.data, (unsigned long long)s.count);
    else if (st == GP_OK)
        gp_term_say(&cli->term, "picked %llu", (unsigned long long)count);
    gp_str_clear(&s.used);
    return st;
}

/* Prints the picks as lines, or appends them to json.  If reasons are printed, picks are not printed as lines. */
static gp_status put_choice(gp_cli *cli, gp_catalog *catalog, const gp_pick_options *options, const gp_report *report,
                            gp_str *json, gp_error *err)
{
    uint64_t count = 0;
    if (report->done == 0) {
        gp_counts counts = GP_INIT(gp_counts);
        GP_TRY(gp_catalog_counts(catalog, &counts, err));
        gp_term_say(
            &cli->term, "nothing was picked: %s",
            counts.images_with_prompt
                ? "no scored image passes the filters"
                : "no image has a prompt, so no image has a score; to add prompts: goldpan add DIR --prompts FILE");
        gp_cli_put_no_picks(cli, counts.picks, json);
        return GP_OK;
    }
    if (json || !options->explain) GP_TRY(gp_cli_put_picks(cli, catalog, json, &count, err));
    return say_picked(cli, catalog, json, report->done, err);
}

static gp_status choose(gp_cli *cli, gp_catalog *catalog, gp_model *model, const gp_pick_options *options, reasons *r,
                        gp_report *report, gp_str *json, gp_error *err)
{
    GP_TRY(gp_pick(catalog, model, options, report, err));
    if (cli->json) gp_str_putc(json, '{');
    GP_TRY(put_choice(cli, catalog, options, report, cli->json ? json : NULL, err));
    if (!cli->json) return GP_OK;
    if (options->explain) gp_cli_json_array(json, "explained", &r->json);
    gp_cli_json_text(json, "catalog", gp_catalog_path(catalog));
    gp_cli_json_by(json, cli);
    gp_cli_json_report(json, "pick", report);
    gp_cli_json_notes(json, cli);
    gp_str_putc(json, '}');
    return GP_OK;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_pick_options options;
    gp_report report = GP_INIT(gp_report);
    reasons r = {.cli = cli};
    gp_str json = GP_STR_INIT;
    int code;
    pick_options(cli, &options, &r);
    if (gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, options.explain ? GP_CATALOG_READ_IF_MUST : 0,
                            &catalog, &err) != GP_OK ||
        (cli->model && gp_cli_model_open(cli, NULL, &model, &err) != GP_OK) ||
        choose(cli, catalog, model, &options, &r, &report, &json, &err) != GP_OK) {
        code = gp_cli_fail(cli, &err);
    } else {
        code = report.done ? GP_EXIT_OK : GP_EXIT_NOTHING;
        if (gp_catalog_readonly(catalog))
            gp_term_say(&cli->term, "the catalog is read-only: the picks were not stored");
        if (cli->json) code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&json);
    gp_str_clear(&r.json);
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_PICK,
    GP_CLI_OPTION(
        "fuse", 0, GP_OPT_CHOICE, "auto|off|z|rank", fuse,
        "how to compare the images of a prompt if several scorers have scores; z, rank: by the mean over the "
        "scorers of the z-score or of the normal rank, off: by one scorer, auto: z if only images of the same "
        "prompt are compared (default: auto)",
        .excludes = "scorer model"),
    GP_CLI_OPTION("weights", 0, GP_OPT_TEXT, "NAME=W,...", weights,
                  "weights of scorers in the fused score, such as clip=1,pickscore=2; 0 leaves a scorer out "
                  "(default: 1; 0 for clip-iqa and your own texts)",
                  .excludes = "scorer model"),
    GP_CLI_FLAG("pareto", 0, pareto,
                "pick all images of a prompt, but not an image if another one is at least as good by every scorer and "
                "better by one",
                .excludes = "scorer model per-prompt"),
    GP_CLI_FLAG("explain", 0, explain, "print the reason of each pick", .excludes = "why null"),
    GP_CLI_OPTION("why", 0, GP_OPT_TEXTS, "FILE", why,
                  "print why this image of the catalog is picked or not; may be repeated", .excludes = "null"),
    GP_CLI_FLAG("null", '0', null, "print only paths, each followed by a zero byte", .excludes = "json"),
    GP_CLI_SCORER(.excludes = "model"),
    GP_CLI_CATALOG_NOT_DIR,
    GP_CLI_MODEL("use the scores of this CLIP model: hub name or folder (default: the scorer used last)"),
    GP_CLI_LOADING(.needs = "model"),
    GP_CLI_FAST_DECODE(.needs = "model"),
    GP_CLI_LONG_PROMPT(.needs = "model"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_pick = {
    .name = "pick",
    .arguments = "[DIR]",
    .summary = "Pick the best images of every prompt",
    .about = "Prints one line for each pick: path, score, prompt, separated by tabs.  The picks replace the earlier "
             "picks of the catalog.  If no image passes the filters, the earlier picks stay (exit code 4).\n\n"
             "Compare scores of different prompts with care: prefer --per-prompt to --top, or correct the scores.  "
             "--by corrected removes the bias of the category.  --by difficulty subtracts the score that the text of "
             "the prompt predicts; it needs at least 12 prompts, but no categories.\n\n"
             "The strategy selects the candidates.  prompt: all images.  slices: the images of slices, which are "
             "clusters with significantly higher scores.  category-slices: the images of slices within each "
             "category.  category: the best 5 of each category.  All limits hold for every strategy: candidates are "
             "taken from best to worst until the limit of their prompt, category or slice is reached.",
    .examples = "goldpan pick pictures\n"
                "goldpan pick pictures --per-prompt 2 --min-score 20 | cut -f1\n"
                "goldpan pick pictures --strategy category --top-per-category 5 --by corrected --one-per-duplicate\n"
                "goldpan pick pictures --top 40 --by difficulty\n"
                "goldpan pick pictures --top 40 --diversity facility\n"
                "goldpan pick pictures -0 | xargs -0 cp -t best",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
