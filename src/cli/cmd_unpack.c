/* SPDX-License-Identifier: MIT
 * goldpan unpack: makes folders of images from tar archives and Parquet files. */
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "options/common_options.h"

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_report report = GP_INIT(gp_report);
    gp_unpack_options options = GP_UNPACK_DEFAULTS;
    options.files = cli->args, options.file_count = cli->arg_count;
    options.into = cli->into, options.image_column = cli->image_column;
    options.progress = gp_term_progress, options.user = &cli->term;
    options.note = gp_cli_note, options.note_user = cli;
    if (gp_unpack(&options, &report, &err) != GP_OK) return gp_cli_fail(cli, &err);
    gp_term_say(&cli->term, "unpacked %llu %s, %llu %s already there", (unsigned long long)report.done,
                gp_plural(report.done, "image", "images"), (unsigned long long)report.skipped,
                gp_plural(report.skipped, "was", "were"));
    int code = report.failed ? GP_EXIT_PARTIAL : report.done + report.skipped ? GP_EXIT_OK : GP_EXIT_NOTHING;
    if (!cli->json) return code;
    gp_str json = GP_STR_INIT;
    gp_str_putc(&json, '{');
    gp_cli_json_report(&json, "unpack", &report);
    gp_cli_json_notes(&json, cli);
    gp_str_putc(&json, '}');
    return gp_cli_json_print(cli, &json, code);
}

static const gp_cli_option options[] = {
    GP_CLI_OPTION("into", 0, GP_OPT_TEXT, "DIR", into,
                  "folder for the new folders, created if needed (default: beside each file)"),
    GP_CLI_OPTION("image-column", 0, GP_OPT_TEXT, "NAME", image_column,
                  "column of a Parquet file with the images (default: the first)"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_unpack = {
    .name = "unpack",
    .arguments = "FILE...",
    .summary = "Unpack the images of tar archives and Parquet files",
    .about =
        "x.tar (WebDataset, img2dataset; also .tar.gz and .tar.zst) becomes a folder x with the images and the text "
        "and JSON files beside them.  x.parquet (Hugging Face's datasets) becomes a folder x with the images and "
        "metadata.jsonl, a table of the other columns.  `goldpan add` then reads the prompts from these files.\n\n"
        "Existing files are never overwritten.  A file that is already there is left out, so the same command "
        "continues after an interruption.  Names that would leave the folder are changed.",
    .examples = "goldpan unpack shards/00000.tar\n"
                "goldpan unpack data/train-*.parquet --into pictures\n"
                "goldpan add pictures",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
