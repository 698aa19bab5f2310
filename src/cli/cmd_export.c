/* SPDX-License-Identifier: MIT
 * goldpan export: writes the picked files and tables of them to a folder. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "cli/export_formats.h"
#include "cli/image_list.h"

#include <string.h>

#define SITE_IMAGES "originals|resized|none" /* values of --images, in the order of the enum gp_site_images */

static int run_site(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_site_options options = GP_SITE_DEFAULTS;
    gp_report report = GP_INIT(gp_report);
    gp_str json = GP_STR_INIT;
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
        gp_cli_json_choice(&json, "images", SITE_IMAGES, cli->site_images);
        gp_cli_json_report(&json, "export", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_catalog_close(catalog);
    return code;
}

/* Keeps the number of the export; other notes are printed. */
static void take_note(void *user, const gp_note *note)
{
    gp_cli *cli = user;
    if (strcmp(note->code, "undo") == 0)
        cli->undo = note->count;
    else
        gp_cli_note(cli, note);
}

static void read_options(gp_cli *cli, gp_export_options *o)
{
    o->folder = cli->args[0];
    o->mode = cli->hardlink   ? GP_EXPORT_HARDLINK
              : cli->symlink  ? GP_EXPORT_SYMLINK
              : cli->move     ? GP_EXPORT_MOVE
              : cli->reflink  ? GP_EXPORT_REFLINK
              : cli->strip    ? GP_EXPORT_STRIP
              : cli->no_files ? GP_EXPORT_NONE
                              : GP_EXPORT_COPY;
    o->jsonl = cli->jsonl;
    o->imagefolder = cli->imagefolder;
    o->csv = cli->csv || (!cli->jsonl && !cli->imagefolder);
    o->all = cli->all;
    if (cli->stars.set) o->min_stars = (uint32_t)cli->stars.value;
    o->tags = cli->tag.items, o->tag_count = cli->tag.count;
    o->mine = cli->mine, o->suggested = cli->suggested;
    o->name = cli->name;
    o->note = take_note, o->note_user = cli;
    o->progress = gp_term_progress;
    o->user = &cli->term;
}

/* Prints what was exported, or why nothing was exported.  Also reports the lines of --list that name no image. */
static void say(gp_cli *cli, gp_catalog *catalog, const gp_report *report, const gp_cli_image_list *list, int code)
{
    if (list->unknown)
        gp_term_error(&cli->term, "%llu %s of the list '%s' %s no image of the catalog '%s': %s",
                      (unsigned long long)list->unknown, gp_plural(list->unknown, "line", "lines"), list->name,
                      gp_plural(list->unknown, "names", "name"), gp_catalog_path(catalog), list->first.data);
    if (code == GP_EXIT_NOTHING)
        gp_term_warn(&cli->term, "goldpan: %s",
                     cli->list                          ? "the list is empty"
                     : cli->tag.count && cli->stars.set ? "no image has the tag and at least this number of stars"
                     : cli->tag.count                   ? "no image has the tag"
                     : cli->stars.set                   ? "no image has at least this number of stars"
                     : cli->mine && !cli->suggested     ? "you have picked no image: mark images in `goldpan explore`"
                                                        : "there are no picks: run `goldpan pick` first");
    else
        gp_term_say(&cli->term, "%s %llu to '%s', %llu already there%s", cli->move ? "moved" : "exported",
                    (unsigned long long)report->done, cli->args[0], (unsigned long long)report->skipped,
                    report->failed ? ", some files failed" : "");
    if (cli->move && cli->undo)
        gp_term_say(&cli->term, "to move the files back: goldpan undo %llu --catalog '%s'",
                    (unsigned long long)cli->undo, gp_catalog_path(catalog));
    gp_cli_say_failures(cli, catalog, "export", report->failed);
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_export_options options = GP_EXPORT_DEFAULTS;
    gp_cli_image_list list = {0};
    gp_report report = GP_INIT(gp_report);
    gp_str json = GP_STR_INIT, files = GP_STR_INIT;
    if (cli->site) return run_site(cli);
    read_options(cli, &options);
    options.written = gp_cli_export_written, options.written_user = &files;
    gp_status st = gp_cli_export_formats(cli, &options, &err);
    if (st == GP_OK) st = gp_cli_catalog_open(cli, NULL, GP_CATALOG_READ_IF_MUST, &catalog, &err);
    if (st == GP_OK && cli->list) st = gp_cli_image_list_read(cli, catalog, cli->list, &list, &err);
    options.images = list.images, options.image_count = list.count;
    if (st == GP_OK) st = gp_export(catalog, &options, &report, &err);
    if (st != GP_OK) {
        gp_str_clear(&files);
        gp_cli_image_list_clear(&list);
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    int code = report.failed || list.unknown       ? GP_EXIT_PARTIAL
               : report.done + report.skipped == 0 ? GP_EXIT_NOTHING
                                                   : GP_EXIT_OK;
    say(cli, catalog, &report, &list, code);
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_text(&json, "folder", options.folder);
        if (cli->list) gp_cli_json_array(&json, "missing", &list.missing);
        if (cli->format) gp_cli_json_array(&json, "files", &files);
        if (cli->undo) gp_cli_json_count(&json, "undo", cli->undo);
        gp_cli_json_notes(&json, cli);
        gp_cli_json_report(&json, "export", &report);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&files);
    gp_cli_image_list_clear(&list);
    gp_catalog_close(catalog);
    return code;
}

#define NOT_SITE "site"

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    GP_CLI_FLAG("copy", 0, copy, "copy the files (the default)",
                .excludes = "hardlink symlink reflink move no-files " NOT_SITE),
    GP_CLI_FLAG(
        "strip-metadata", 0, strip,
        "copy PNG, JPEG and WebP files without prompt, EXIF, XMP and other metadata; pixels, colour profile and "
        "orientation stay; the tables still contain the prompts",
        .excludes = "copy hardlink symlink reflink move no-files " NOT_SITE),
    GP_CLI_FLAG("hardlink", 0, hardlink, "create hard links instead of copies",
                .excludes = "symlink reflink move no-files " NOT_SITE),
    GP_CLI_FLAG("symlink", 0, symlink, "create symbolic links instead of copies",
                .excludes = "reflink move no-files " NOT_SITE),
    GP_CLI_FLAG("reflink", 0, reflink,
                "create copies that share the disk space of the originals (Btrfs, XFS); an error on other disks",
                .excludes = "move no-files " NOT_SITE),
    GP_CLI_FLAG("move", 0, move, "move the files themselves; the catalog records their new paths",
                .excludes = "no-files " NOT_SITE),
    GP_CLI_OPTION("name", 0, GP_OPT_TEXT, "PATTERN", name,
                  "paths of the files in DIR, such as \"{category}/{rank:03}_{seed}{ext}\" (default: their names)",
                  .excludes = "no-files " NOT_SITE),
    GP_CLI_FLAG("no-files", 0, no_files, "write only the tables", .excludes = NOT_SITE),
    GP_CLI_FLAG("csv", 0, csv, "write picks.csv (the default, if no other table is requested)", .excludes = NOT_SITE),
    GP_CLI_FLAG("jsonl", 0, jsonl, "write picks.jsonl", .excludes = NOT_SITE),
    GP_CLI_FLAG("imagefolder", 0, imagefolder, "write metadata.csv, as Hugging Face datasets reads it",
                .excludes = NOT_SITE),
    GP_CLI_OPTION("format", 0, GP_OPT_TEXT, "LIST", format,
                  "write these formats, separated by commas: csv, jsonl, json, parquet, imagefolder, hf-parquet, "
                  "webdataset, npy, clip-retrieval, fiftyone, label-studio, html (default: csv)",
                  .words = GP_CLI_EXPORT_FORMATS, .excludes = NOT_SITE),
    GP_CLI_FLAG("embeddings", 0, with_embeddings,
                "add the embeddings of the images and prompts to the formats parquet and hf-parquet",
                .needs = "format"),
    GP_CLI_OPTION("shard-size", 0, GP_OPT_COUNT, "MB", shard_size,
                  "start a new file of hf-parquet or webdataset before it is larger than MB megabytes (default: 500)",
                  .range = GP_CLI_FROM_TO(1, 1000000), .needs = "format"),
    GP_CLI_FLAG("all", 0, all, "export every scored image, not only the picks", .excludes = "stars tag mine " NOT_SITE),
    GP_CLI_OPTION("stars", 0, GP_OPT_COUNT, "N", stars, "export images with at least N stars instead of the picks",
                  .range = GP_CLI_FROM_TO(1, 5), .excludes = "mine " NOT_SITE),
    GP_CLI_OPTION("tag", 0, GP_OPT_TEXTS, "TAG", tag,
                  "export images with this tag instead of the picks; may be repeated: images with at least one of the "
                  "tags",
                  .excludes = "mine " NOT_SITE),
    GP_CLI_OPTION("list", 0, GP_OPT_TEXT, "FILE", list,
                  "export exactly the images that the lines of this text file name, instead of the picks; a line is a "
                  "path, or the 32 hex digits of the content; \"-\": standard input",
                  .excludes = "all stars tag mine " NOT_SITE),
    GP_CLI_FLAG("mine", 0, mine, "export only images that you picked in the explorer", .excludes = NOT_SITE),
    GP_CLI_FLAG("suggested", 0, suggested, "also export goldpan's picks for the prompts in which you picked nothing",
                .needs = "mine"),
    GP_CLI_OPTION("site", 0, GP_OPT_TEXT, "DIR", site,
                  "write the explorer as a read-only web site to this folder, instead of the picks",
                  .excludes = "ARGUMENT"),
    GP_CLI_OPTION("site-images", 0, GP_OPT_CHOICE, SITE_IMAGES, site_images,
                  "images of the site; originals: exact copies with their metadata, resized: JPEGs of at most 1280 "
                  "pixels a side, none: thumbnails only (default: originals)",
                  .needs = "site"),
    GP_CLI_THREADS_AS(.needs = "site"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_export = {
    .name = "export",
    .arguments = "(DIR | --site DIR)",
    .summary = "Write the picks to a folder, or all images as a web site",
    .about = "Never overwrites a file in DIR.  Exports a file only if its content has not changed since it was "
             "added.  If DIR has a file of the same name, even in another case, the exported file gets -2, -3 ... "
             "before its extension.  A long name is shortened.  A link of --symlink points to the path of the "
             "original file, even if that file changes later.  DIR may be a folder of your images: goldpan add skips "
             "the copies in it.\n\n"
             "A PATTERN may have the fields {prompt}, {negative}, {category}, {rank}, {score}, {seed}, {steps}, "
             "{model}, {sampler}, {generator}, {stars}, {tag}, {name}, {stem}, {folder}, {ext}, {index}, {hash}, "
             "{date}, {width}, {height} and {settings.KEY}.  Formats: {rank:03} has at least three digits, "
             "{score:.1f} one decimal, {prompt:.40} at most 40 characters.  An empty value is \"none\".  A slash "
             "begins a folder.  Characters that are not safe in a file name become \"_\".\n\n"
             "goldpan records each export beside the catalog: goldpan undo deletes its copies and links again, and "
             "moves its files back.\n\n"
             "Also exports the images that you picked in the explorer, and leaves out the images that you "
             "rejected.\n\n"
             "The formats of --format are for other programs: docs/formats.md says what each contains and which "
             "program reads it.  The formats hf-parquet, webdataset, npy, clip-retrieval and html need no copies of "
             "the files, so --format copies files only if another format is in its list, or with --copy.\n\n"
             "A site is a folder for any web host.  It shows all images of the catalog, with file names but without "
             "folder paths.",
    .examples = "goldpan export best --catalog pictures\n"
                "goldpan export best --hardlink --csv --jsonl\n"
                "goldpan export public --strip-metadata --catalog pictures\n"
                "goldpan export set --all --format webdataset,html --catalog pictures\n"
                "goldpan export best --mine --suggested --catalog pictures\n"
                "goldpan export sorted --move --all --name \"{category}/{score:.1f}_{seed}\" --catalog pictures\n"
                "goldpan export castles --tag castle --tag fortress --catalog pictures\n"
                "goldpan export chosen --list chosen.txt --catalog pictures\n"
                "goldpan export --site public --site-images resized --catalog pictures",
    .options = options,
    .most = 1,
    .needs = "ARGUMENT site",
    .run = run,
};
