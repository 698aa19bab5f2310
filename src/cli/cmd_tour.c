/* SPDX-License-Identifier: MIT
 * goldpan tour: draws the map slice by slice, as an animation or as separate images. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <dirent.h>
#include <stdio.h>

/* Fails if the folder already holds a frame of an earlier tour, unless --force is given. */
static gp_status check_frames(const gp_cli *cli, gp_error *err)
{
    unsigned number;
    gp_status st = GP_OK;
    if (cli->force) return GP_OK;
    DIR *dir = opendir(cli->frames);
    for (const struct dirent *entry; st == GP_OK && dir && (entry = readdir(dir)) != NULL;) {
        if (sscanf(entry->d_name, "slice_%u", &number) != 1 || !gp_str_ends(entry->d_name, ".png")) continue;
        char *path = gp_path_join(cli->frames, entry->d_name);
        st = path ? gp_cli_check_output(cli, path, err) : gp_fail_memory(err, "a path");
        gp_mem_free(path);
    }
    if (dir) closedir(dir);
    return st;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_tour_options options = GP_TOUR_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_str json = GP_STR_INIT;
    options.file = cli->out, options.folder = cli->frames;
    if (cli->seconds.set) options.seconds = cli->seconds.value;
    if (cli->n_slices.set)
        options.max_slices = cli->n_slices.value > UINT32_MAX ? UINT32_MAX : (uint32_t)cli->n_slices.value;
    options.progress = gp_term_progress, options.user = &cli->term;
    if ((options.file && gp_cli_check_output(cli, options.file, &err) != GP_OK) ||
        (options.folder && check_frames(cli, &err) != GP_OK))
        return gp_cli_fail(cli, &err);
    if (gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, GP_CATALOG_READONLY, &catalog, &err) != GP_OK ||
        gp_tour(catalog, &options, &report, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    int code = report.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    gp_term_clear(&cli->term);
    gp_term_say(&cli->term, "drew a tour of %llu %s", (unsigned long long)report.done,
                gp_plural(report.done, "slice", "slices"));
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "file", options.file);
        gp_cli_json_text(&json, "frames", options.folder);
        gp_cli_json_report(&json, "tour", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_OPTION("out", 'o', GP_OPT_TEXT, "FILE.webp", out, "write the tour as a looping animation to this file",
                  .ends = ".webp"),
    GP_CLI_OPTION("frames", 0, GP_OPT_TEXT, "DIR", frames,
                  "write the tour as images to this folder: slice_00.png, slice_01.png ..."),
    GP_CLI_OPTION("seconds", 0, GP_OPT_REAL, "S", seconds, "show each slice for S seconds (default: 1.5)",
                  .range = GP_CLI_ABOVE(0), .needs = "out"),
    GP_CLI_OPTION("n-slices", 0, GP_OPT_COUNT, "N", n_slices, "show at most the first N slices (default: 24)",
                  .range = GP_CLI_FROM(1)),
    GP_CLI_FORCE(.needs = NULL),
    GP_CLI_CATALOG_NOT_DIR,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_tour = {
    .name = "tour",
    .arguments = "[DIR]",
    .summary = "Draw the map slice by slice, as an animation",
    .about = "Each frame shows the map of all images, coloured by category, with one slice in gold and its best images "
             "around the map.  The slices are those of the last goldpan slices or goldpan run.",
    .examples = "goldpan tour pictures --out tour.webp\ngoldpan tour pictures --frames figures --n-slices 5",
    .options = options,
    .most = 1,
    .needs = "out frames",
    .run = run,
};
