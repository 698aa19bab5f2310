/* SPDX-License-Identifier: MIT
 * goldpan add: images and their prompts into the catalog. */
#include "cli/commands.h"
#include "cli/context.h"

/* With --embeddings: vectors made elsewhere come along. */
static gp_status add(gp_cli *cli, gp_catalog *catalog, gp_add_options *options, gp_report *report, gp_error *err)
{
    gp_import_options bring = GP_IMPORT_DEFAULTS;
    gp_report brought = {0};
    if (cli->table) {
        if (cli->prompts)
            return gp_fail(err, GP_ERR_USAGE, "--table and --prompts are two names of one thing: give one");
        options->prompts = cli->table;
    }
    if (!cli->embeddings.count) {
        if (cli->value) return gp_fail(err, GP_ERR_USAGE, "--score-column goes with --embeddings");
        return gp_add(catalog, options, report, err);
    }
    bring.embeddings = cli->embeddings.items[0], bring.score_column = cli->value;
    GP_TRY(gp_import_embeddings(catalog, options, &bring, report, &brought, err));
    gp_term_say(&cli->term, "brought %llu %s", (unsigned long long)brought.done,
                gp_plural(brought.done, "embedding", "embeddings"));
    report->failed += brought.failed;
    return GP_OK;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_add_options options;
    gp_report report = {0};
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
    gp_cli_say_failures(cli, catalog, cli->embeddings.count ? NULL : "add", report.failed);
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
    GP_CLI_TABLE,
    {"embeddings", 0, GP_OPT_TEXTS, "X.npy", GP_CLI_FIELD(embeddings),
     "vectors made elsewhere, a row for each of the table"},
    {"table", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(table), "another name of --prompts"},
    {"score-column", 0, GP_OPT_TEXT, "NAME", GP_CLI_FIELD(value), "column of scores made elsewhere"},
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_add = {
    .name = "add",
    .arguments = "DIR|FILE...",
    .summary = "Put images and their prompts into the catalog",
    .about = "Folders are walked for PNG, JPEG and WebP; links to folders are not followed.  A prompt is taken\n"
             "from the table of --prompts, else from the image file itself (AUTOMATIC1111, ComfyUI), else from\n"
             "a text file beside it.  The catalog is the nearest one at or above the paths given; where\n"
             "there is none, the first DIR gets DIR/.goldpan/catalog.db.\n"
             "Files that have not changed since the last time are skipped.  Other files that are passed over\n"
             "(other formats, links to folders, goldpan's own products) are reported in one line a kind.\n"
             "\n"
             "--embeddings brings vectors that another program made, row by row of the table: goldpan\n"
             "slices, pick and tour then go by them, and by the scores of --score-column.",
    .examples = "goldpan add pictures\ngoldpan add pictures --prompts prompts.csv --prompt-column caption"
                "\ngoldpan add pictures --table made.csv --embeddings vectors.npy --score-column aesthetic",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
