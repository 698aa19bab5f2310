/* SPDX-License-Identifier: MIT
 * goldpan export: the picked files and tables of them into a folder. */
#include "cli/commands.h"
#include "cli/context.h"

static int run_site(gp_cli *cli)
{
    static const char *const kinds[] = {"originals", "resized", "none"}; /* as gp_site_images */
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_site_options options = GP_SITE_DEFAULTS;
    gp_report report = {0};
    gp_str json = GP_STR_INIT;
    if (cli->arg_count) return gp_cli_usage(cli, "either DIR or --site DIR");
    if (cli->copy || cli->hardlink || cli->symlink || cli->no_files || cli->csv || cli->jsonl || cli->imagefolder ||
        cli->all || cli->stars.set)
        return gp_cli_usage(cli, "a site has all images and no tables: only --site-images goes with it");
    options.threads = gp_cli_threads(cli);
    options.folder = cli->site;
    options.images = (gp_site_images)cli->site_images;
    options.progress = gp_term_progress, options.user = &cli->term;
    if (gp_cli_catalog_open(cli, NULL, GP_CATALOG_READ_IF_MUST, &catalog, &err) != GP_OK ||
        gp_site(catalog, &options, &report, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    gp_term_clear(&cli->term);
    gp_term_say(&cli->term, "%llu %s on the site '%s'; to look at it: python3 -m http.server -d '%s'",
                (unsigned long long)report.done, gp_plural(report.done, "image", "images"), options.folder,
                options.folder);
    gp_cli_say_failures(cli, catalog, "export", report.failed);
    int code = report.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_text(&json, "site", options.folder);
        gp_cli_json_text(&json, "images", kinds[options.images]);
        gp_cli_json_report(&json, "export", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_catalog_close(catalog);
    return code;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_report report = {0};
    gp_str json = GP_STR_INIT;
    if (cli->copy + cli->hardlink + cli->symlink + cli->no_files > 1)
        return gp_cli_usage(cli, "only one of --copy, --hardlink, --symlink and --no-files");
    if (cli->site) return run_site(cli);
    if (cli->site_images || cli->threads.set) return gp_cli_usage(cli, "--site-images and --threads are for --site");
    if (!cli->arg_count) return gp_cli_usage(cli, "DIR is missing: where the files go");
    options.folder = cli->args[0];
    options.mode = cli->hardlink   ? GP_EXPORT_HARDLINK
                   : cli->symlink  ? GP_EXPORT_SYMLINK
                   : cli->no_files ? GP_EXPORT_NONE
                                   : GP_EXPORT_COPY;
    options.jsonl = cli->jsonl;
    options.imagefolder = cli->imagefolder;
    options.csv = cli->csv || (!cli->jsonl && !cli->imagefolder);
    options.all = cli->all;
    if (cli->stars.set && (cli->stars.value < 1 || cli->stars.value > 5)) return gp_cli_usage(cli, "--stars is 1 to 5");
    if (cli->stars.set) options.min_stars = (uint32_t)cli->stars.value;
    options.progress = gp_term_progress;
    options.user = &cli->term;
    if (gp_cli_catalog_open(cli, NULL, GP_CATALOG_READ_IF_MUST, &catalog, &err) != GP_OK ||
        gp_export(catalog, &options, &report, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    int code = report.failed ? GP_EXIT_PARTIAL : report.done + report.skipped == 0 ? GP_EXIT_NOTHING : GP_EXIT_OK;
    if (code == GP_EXIT_NOTHING)
        gp_term_warn(&cli->term, "goldpan: %s",
                     cli->stars.set ? "no image has so many stars" : "nothing is picked: run `goldpan pick` first");
    else
        gp_term_say(&cli->term, "exported %llu to '%s', %llu already there%s", (unsigned long long)report.done,
                    options.folder, (unsigned long long)report.skipped, report.failed ? ", some files failed" : "");
    gp_cli_say_failures(cli, catalog, "export", report.failed);
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_text(&json, "folder", options.folder);
        gp_cli_json_report(&json, "export", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    {"copy", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(copy), "copy the files (default)"},
    {"hardlink", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(hardlink), "link them"},
    {"symlink", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(symlink), "link them by name"},
    {"no-files", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(no_files), "write tables only"},
    {"csv", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(csv), "picks.csv (default)"},
    {"jsonl", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(jsonl), "picks.jsonl"},
    {"imagefolder", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(imagefolder), "metadata.csv for Hugging Face datasets"},
    {"all", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(all), "every scored image, not only the picks"},
    {"stars", 0, GP_OPT_COUNT, "N", GP_CLI_FIELD(stars), "images with at least N stars, instead of the picks"},
    {"site", 0, GP_OPT_TEXT, "DIR", GP_CLI_FIELD(site), "instead: the explorer as a web site, read-only"},
    {"site-images", 0, GP_OPT_CHOICE, "originals|resized|none", GP_CLI_FIELD(site_images),
     "its images (default: originals)"},
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_export = {
    .name = "export",
    .arguments = "(DIR | --site DIR)",
    .summary = "Write the picked files and tables of them to a folder",
    .about = "Nothing in DIR is overwritten.  A file is exported only if its content is still what was added.\n"
             "If a name is taken, even in another case, the file gets -2, -3 ... before its ending; a long\n"
             "name is shortened to fit.  --symlink links to the path, even if the file there changes later.\n"
             "DIR may be a folder of your images: goldpan add passes over the copies in it.\n"
             "Your decisions in the explorer count: images you rejected\n"
             "are left out, images you picked are included.  A site is a folder for any web host or shared\n"
             "Space.  It shows all images of the catalog, with file names instead of paths.",
    .examples = "goldpan export best --catalog pictures\ngoldpan export best --hardlink --csv --jsonl\n"
                "goldpan export --site public --site-images resized --catalog pictures",
    .options = options,
    .most = 1,
    .run = run,
};
