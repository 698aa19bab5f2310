/* SPDX-License-Identifier: MIT
 * goldpan add: adds images and their prompts to the catalog. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

/* Adds the images.  With --embeddings, also imports embeddings that another program computed. */
static gp_status add(gp_cli *cli, gp_catalog *catalog, gp_add_options *options, gp_report *report, gp_error *err)
{
    gp_import_options bring = GP_IMPORT_DEFAULTS;
    gp_report brought = GP_INIT(gp_report);
    if (!cli->vectors) return gp_add(catalog, options, report, err);
    bring.embeddings = cli->vectors, bring.score_column = cli->value;
    GP_TRY(gp_import_embeddings(catalog, options, &bring, report, &brought, err));
    gp_term_say(&cli->term, "imported %llu %s", (unsigned long long)brought.done,
                gp_plural(brought.done, "embedding", "embeddings"));
    report->failed += brought.failed;
    return GP_OK;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_add_options options;
    gp_report report = GP_INIT(gp_report);
    gp_str json = GP_STR_INIT;
    gp_cli_add_options(cli, &options);
    if (gp_cli_check_roots(cli, &err) != GP_OK ||
        gp_cli_catalog_open_for(cli, cli->args, cli->arg_count, GP_CATALOG_CREATE, &catalog, &err) != GP_OK ||
        add(cli, catalog, &options, &report, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    int code = report.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    if (code == GP_EXIT_OK && report.done + report.skipped + report.duplicates == 0) code = GP_EXIT_NOTHING;
    gp_cli_say_add(cli, &report);
    gp_cli_say_failures(cli, catalog, cli->vectors ? NULL : "add", report.failed);
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_report(&json, "add", &report);
        gp_cli_json_notes(&json, cli);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    } else
        gp_term_detail(&cli->term, "catalog %s", gp_catalog_path(catalog));
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    GP_CLI_TABLE_AS(.old = "table"),
    GP_CLI_OPTION("embeddings", 0, GP_OPT_TEXT, "X.npy", vectors,
                  "NumPy file of embeddings from another program: row i belongs to row i of the table",
                  .needs = "prompts"),
    GP_CLI_OPTION("score-column", 0, GP_OPT_TEXT, "NAME", value,
                  "column of the table with scores from another program (default: no scores)", .needs = "embeddings"),
    GP_CLI_PROMPT_FROM,
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_add = {
    .name = "add",
    .arguments = "DIR|FILE...",
    .summary = "Add images and their prompts to the catalog",
    .about = "Searches folders for image files, but follows no links to folders.  The prompt of an image "
             "comes from the table of --prompts, else from the metadata in the image (AUTOMATIC1111, ComfyUI and "
             "others), else from a text file beside it, else from its path by --prompt-from.  The catalog is the "
             "nearest one at or above the given paths.  "
             "If there is none, the command creates DIR/.goldpan/catalog.db for the first DIR.\n\n"
             "Skips files that have not changed since the last time.  One line reports each kind of file that is not "
             "an input: other formats, links to folders, images that goldpan drew.\n\n"
             "--embeddings imports vectors that another program computed.  goldpan slices, pick and tour then use "
             "these vectors and the scores of --score-column.",
    .examples = "goldpan add pictures\n"
                "goldpan add pictures --prompts prompts.csv --prompt-column caption\n"
                "goldpan add pictures --prompt-from '{prompt}_{seed}'\n"
                "goldpan add pictures --prompts made.csv --embeddings vectors.npy --score-column aesthetic",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
