/* SPDX-License-Identifier: MIT
 * goldpan add: images and their prompts into the catalog. */
#include "cli/commands.h"
#include "cli/context.h"

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_add_options options;
    gp_report report = {0};
    gp_str json = GP_STR_INIT;
    gp_cli_add_options(cli, &options);
    if (gp_cli_check_roots(cli, &err) != GP_OK ||
        gp_cli_catalog_open(cli, gp_cli_first_folder(cli), GP_CATALOG_CREATE, &catalog, &err) != GP_OK ||
        gp_add(catalog, &options, &report, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    int code = report.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    if (code == GP_EXIT_OK && report.done + report.skipped + report.duplicates == 0) {
        gp_term_warn(&cli->term, "goldpan: no images there (PNG, JPEG, WebP)");
        code = GP_EXIT_NOTHING;
    }
    gp_cli_say_add(cli, &report);
    gp_cli_say_failures(cli, catalog, report.failed);
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_report(&json, "add", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    } else
        gp_term_detail(&cli->term, "catalog %s", gp_catalog_path(catalog));
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {GP_CLI_CATALOG, GP_CLI_TABLE, GP_CLI_MAX_PIXELS, GP_CLI_THREADS, GP_CLI_COMMON};

const gp_cli_command gp_cmd_add = {
    .name = "add",
    .arguments = "DIR|FILE...",
    .summary = "Put images and their prompts into the catalog",
    .about = "Folders are walked for PNG, JPEG and WebP.  A prompt is taken from the table of\n"
             "--prompts, else from the image file itself (AUTOMATIC1111, ComfyUI), else from a\n"
             "text file beside it.  The catalog is DIR/.goldpan/catalog.db of the first DIR.\n"
             "Files that have not changed since the last time are skipped.",
    .examples = "goldpan add pictures\ngoldpan add pictures --prompts prompts.csv --prompt-column caption",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
