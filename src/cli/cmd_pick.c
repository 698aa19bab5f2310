/* SPDX-License-Identifier: MIT
 * goldpan pick: choose, record the choice, print it. */
#include "cli/commands.h"
#include "cli/context.h"

/* --explain: a line for each pick; --why FILE: one for each of those. */
static void put_reason(void *user, const char *path, bool picked, const char *sentence)
{
    gp_cli *cli = user;
    gp_term_clear(&cli->term);
    gp_cli_put_field(path, '\t');
    gp_cli_put_field(picked ? "picked" : "not picked", '\t');
    gp_cli_put_field(sentence, '\n');
}

static gp_status pick_options(gp_cli *cli, gp_pick_options *options, gp_error *err)
{
    GP_TRY(gp_cli_pick_options(cli, options, err));
    if (!cli->explain && !cli->why.count) return GP_OK;
    if (cli->json) return gp_fail(err, GP_ERR_USAGE, "--explain and --why print lines: not with --json");
    options->explain = put_reason, options->explain_user = cli;
    if (cli->why.count) options->explain_paths = cli->why.items, options->explain_count = cli->why.count;
    return GP_OK;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_pick_options options;
    gp_report report = {0};
    gp_str json = GP_STR_INIT;
    uint64_t count = 0;
    int code = GP_EXIT_OK;
    if (cli->json) {
        gp_str_putc(&json, '{');
    }
    if (pick_options(cli, &options, &err) != GP_OK ||
        gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, 0, &catalog, &err) != GP_OK ||
        (cli->model && gp_cli_model_open(cli, &model, &err) != GP_OK) ||
        gp_pick(catalog, model, &options, &report, &err) != GP_OK ||
        (!options.explain && gp_cli_put_picks(cli, catalog, cli->json ? &json : NULL, &count, &err) != GP_OK)) {
        gp_str_clear(&json);
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    if (options.explain) count = report.done;
    if (count == 0) code = GP_EXIT_NOTHING;
    gp_term_say(&cli->term, count ? "picked %llu" : "nothing was picked: no scored image passes",
                (unsigned long long)count);
    if (cli->json) {
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_report(&json, "pick", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
out:
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_PICK,
    {"explain", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(explain), "say of each pick why it is there"},
    {"why", 0, GP_OPT_TEXTS, "FILE", GP_CLI_FIELD(why), "say of this image why it is picked or not; may be repeated"},
    GP_CLI_CATALOG,
    GP_CLI_ENCODER,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_pick = {
    .name = "pick",
    .arguments = "[DIR]",
    .summary = "Choose the best images of every prompt",
    .about = "Prints a line for each: path, score, prompt, between tabs.  The choice is recorded in\n"
             "place of the one before.  Without --model, the scores made last are used.\n"
             "Scores of different prompts compare poorly: prefer --per-prompt to --top, or compare by\n"
             "--by corrected, which takes away what belongs to the category.\n"
             "\n"
             "Strategies: prompt, the best of each prompt; slices, members of the clusters of images\n"
             "that score exceptionally well; category-slices, the same within each category;\n"
             "category, the best of each category.  The limits below hold in all of them: candidates\n"
             "are taken from the best down, until their prompt, category, slice is served.",
    .examples = "goldpan pick pictures\ngoldpan pick pictures --per-prompt 2 --min-score 20 | cut -f1\n"
                "goldpan pick pictures --strategy category --top-per-category 5 --by corrected --one-per-duplicate\n"
                "goldpan pick pictures --top 40 --diversity facility",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
