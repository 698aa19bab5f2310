/* SPDX-License-Identifier: MIT
 * goldpan score: embeds images that have no embedding, and scores every image by one or more scorers. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "cli/scorer_groups.h"

#include <stdio.h>

/* What a group of scorers did. */
typedef struct score_result {
    gp_report report;
    char model[300], precision[16];
} score_result;

static gp_status score_group(gp_cli *cli, gp_catalog *catalog, const gp_cli_group *group, score_result *result,
                             gp_error *err)
{
    gp_model *model = NULL;
    gp_score_options options;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    result->report = (gp_report)GP_INIT(gp_report);
    gp_cli_score_options(cli, &options);
    GP_TRY(gp_cli_group_open(cli, catalog, group, &options, &model, err));
    gp_status st = gp_score(catalog, model, &options, &result->report, err);
    gp_model_info(model, &facts, NULL);
    snprintf(result->model, sizeof result->model, "%s", facts.name);
    snprintf(result->precision, sizeof result->precision, "%s", facts.precision);
    gp_model_close(model);
    return st;
}

/* Prints the object for --json.  The members "model", "precision" and "score" are those of the first group. */
static int put_results(gp_cli *cli, const gp_catalog *catalog, const score_result *results, const gp_cli_groups *groups,
                       int code)
{
    gp_str json = GP_STR_INIT, encoders = GP_STR_INIT;
    gp_str_putc(&json, '{');
    gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
    gp_cli_json_text(&json, "model", results[0].model);
    gp_cli_json_text(&json, "precision", results[0].precision);
    gp_cli_json_report(&json, "score", &results[0].report);
    for (size_t i = 0; i < groups->count; i++) {
        const gp_str *scorers = &groups->items[i].scorers;
        gp_cli_json_object(&encoders);
        gp_cli_json_text(&encoders, "model", results[i].model);
        gp_cli_json_text(&encoders, "precision", results[i].precision);
        gp_cli_json_text(&encoders, "scorers", scorers->size ? scorers->data : "clip");
        gp_cli_json_report(&encoders, "score", &results[i].report);
        gp_str_putc(&encoders, '}');
    }
    gp_cli_json_array(&json, "encoders", &encoders);
    gp_cli_json_notes(&json, cli);
    gp_str_putc(&json, '}');
    gp_str_clear(&encoders);
    return gp_cli_json_print(cli, &json, code);
}

static int finish(gp_cli *cli, gp_catalog *catalog, const score_result *results, const gp_cli_groups *groups)
{
    uint64_t failed = 0, had = 0;
    for (size_t i = 0; i < groups->count; i++) {
        const gp_report *r = &results[i].report;
        failed = r->failed > failed ? r->failed : failed; /* an image that cannot be decoded fails in every group */
        had += r->done + r->skipped;
        gp_cli_say_score(cli, r);
    }
    int code = failed ? GP_EXIT_PARTIAL : had == 0 ? GP_EXIT_NOTHING : GP_EXIT_OK;
    gp_cli_say_failures(cli, catalog, "score", failed);
    if (code == GP_EXIT_NOTHING)
        gp_term_warn(&cli->term, "goldpan: the catalog '%s' contains no image with a prompt", gp_catalog_path(catalog));
    return cli->json ? put_results(cli, catalog, results, groups, code) : code;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_cli_groups groups = {0};
    score_result results[GP_CLI_MOST_GROUPS];
    if (cli->list_scorers) return gp_cli_list_scorers(cli);
    gp_status st = gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, 0, &catalog, &err);
    if (st == GP_OK) st = gp_cli_groups_make(cli, catalog, &groups, &err);
    if (st == GP_OK) st = gp_cli_groups_check(cli, &groups, &err);
    /* score the first group last, because its first scorer must count as the scorer used last */
    for (size_t i = groups.count; st == GP_OK && i-- > 0;)
        st = score_group(cli, catalog, &groups.items[i], &results[i], &err);
    int code = st == GP_OK ? finish(cli, catalog, results, &groups) : gp_cli_fail(cli, &err);
    gp_cli_groups_clear(&groups);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG_NOT_DIR,
    GP_CLI_MODEL(GP_CLI_MODEL_SCORING),
    GP_CLI_LOADING(.needs = NULL),
    GP_CLI_FAST_DECODE(.needs = NULL),
    GP_CLI_LONG_PROMPT(.needs = NULL),
    GP_CLI_SCORING,
    GP_CLI_FLAG("list-scorers", 0, list_scorers, "print the scorers, their models and licences, and score nothing"),
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_BATCH,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_score = {
    .name = "score",
    .arguments = "[DIR]",
    .summary = "Score every image against its prompt",
    .about =
        "The default score is 100 * max(cosine, 0) of the embeddings of image and prompt.  --scorer names other "
        "scorers, or several: all scorers of a model share one encoding of each image.  A scorer such as pickscore "
        "needs a model of its own, unless --model names another.  Scorers that need no prompt, such as "
        "aesthetic-v2, also score images without a prompt.  Skips images that already have a score.  You can stop "
        "at any time; the same command continues.",
    .examples = "goldpan score pictures --model openai/clip-vit-large-patch14\n"
                "goldpan score pictures --scorer pickscore,clip,aesthetic-v2\n"
                "goldpan score pictures --probe 'sharp photo|blurry photo' --probe '-extra fingers'\n"
                "goldpan score pictures --scorer linear:aesthetic.safetensors",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
