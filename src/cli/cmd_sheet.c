/* SPDX-License-Identifier: MIT
 * goldpan sheet: draws a contact sheet with the picks marked. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_sheet_options options;
    gp_report report = GP_INIT(gp_report);
    gp_str json = GP_STR_INIT;
    gp_cli_sheet_options(cli, &options);
    if (gp_cli_check_output(cli, cli->args[0], &err) != GP_OK) return gp_cli_fail(cli, &err);
    options.file = cli->args[0];
    options.by = (gp_sheet_by)cli->sheet_by;
    if (gp_cli_catalog_open(cli, NULL, GP_CATALOG_READ_IF_MUST, &catalog, &err) != GP_OK ||
        gp_sheet(catalog, &options, &report, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    int code = report.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    gp_term_say(&cli->term, "drew the sheet '%s'", options.file);
    if (report.failed)
        gp_term_say(&cli->term, "%llu %s not drawn: the %s cannot be read", (unsigned long long)report.failed,
                    gp_plural(report.failed, "image is", "images are"), gp_plural(report.failed, "file", "files"));
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_text(&json, "file", options.file);
        gp_cli_json_report(&json, "sheet", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_OPTION("by", 0, GP_OPT_CHOICE, "prompts|slices|categories", sheet_by,
                  "what each row shows: a prompt, a slice or a category (default: prompts)"),
    GP_CLI_CATALOG, GP_CLI_SHEET(NULL), GP_CLI_FORCE(.needs = NULL), GP_CLI_COMMON};

const gp_cli_command gp_cmd_sheet = {
    .name = "sheet",
    .arguments = "FILE.jpg|FILE.png",
    .summary = "Draw a contact sheet: one row per prompt, with the pick marked",
    .about = "The images of a row are in order of their scores.  The first rows are the prompts whose pick is farthest "
             "above the mean score of the prompt.  --by slices and --by categories show the slices and categories of "
             "the last analysis, with the best images of each.",
    .examples = "goldpan sheet best.jpg --catalog pictures\n"
                "goldpan sheet best.png --max-prompts 50 --thumb 224\n"
                "goldpan sheet slices.jpg --by slices --catalog pictures",
    .options = options,
    .least = 1,
    .most = 1,
    .run = run,
};
