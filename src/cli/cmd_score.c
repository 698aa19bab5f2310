/* SPDX-License-Identifier: MIT
 * goldpan score: embeds images that have no embedding, and scores every image against its prompt. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_score_options options;
    gp_report report = GP_INIT(gp_report);
    gp_str json = GP_STR_INIT;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    int code;
    gp_cli_score_options(cli, &options);
    if (gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, 0, &catalog, &err) != GP_OK ||
        gp_cli_model_open(cli, catalog, &model, &err) != GP_OK ||
        gp_score(catalog, model, &options, &report, &err) != GP_OK) {
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    code = report.failed ? GP_EXIT_PARTIAL : report.done + report.skipped == 0 ? GP_EXIT_NOTHING : GP_EXIT_OK;
    gp_cli_say_score(cli, &report);
    gp_cli_say_failures(cli, catalog, "score", report.failed);
    if (code == GP_EXIT_NOTHING)
        gp_term_warn(&cli->term, "goldpan: the catalog '%s' contains no image with a prompt", gp_catalog_path(catalog));
    if (cli->json) {
        gp_model_info(model, &facts, NULL);
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_text(&json, "model", facts.name);
        gp_cli_json_text(&json, "precision", facts.precision);
        gp_cli_json_report(&json, "score", &report);
        gp_cli_json_notes(&json, cli);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
out:
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {GP_CLI_CATALOG_NOT_DIR,
                                        GP_CLI_MODEL(GP_CLI_MODEL_SCORING),
                                        GP_CLI_LOADING(.needs = NULL),
                                        GP_CLI_FAST_DECODE(.needs = NULL),
                                        GP_CLI_LONG_PROMPT(.needs = NULL),
                                        GP_CLI_SCORING,
                                        GP_CLI_MAX_PIXELS,
                                        GP_CLI_THREADS,
                                        GP_CLI_BATCH,
                                        GP_CLI_COMMON};

const gp_cli_command gp_cmd_score = {
    .name = "score",
    .arguments = "[DIR]",
    .summary = "Score every image against its prompt",
    .about = "The score is 100 * max(cosine, 0) of the embeddings of image and prompt.  With --scorer linear:FILE, a "
             "linear head computes the score from the image embedding; FILE is safetensors with a weight and a bias.  "
             "Skips images that already have a score.  You can stop at any time; the same command continues.",
    .examples = "goldpan score pictures --model openai/clip-vit-large-patch14\n"
                "goldpan score pictures --scorer linear:aesthetic.safetensors",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
