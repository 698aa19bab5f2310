/* SPDX-License-Identifier: MIT
 * goldpan ratings read and goldpan ratings write: exchange ratings with other programs. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#define PLACES "darktable|adobe" /* values of --sidecar, in the order of the enum gp_ratings_place */

/* Prints failures, and keeps them for --json. */
typedef struct printer {
    gp_cli *cli;
    gp_str failures;
} printer;

static void put_failure(void *user, const gp_failure *failure)
{
    printer *p = user;
    gp_term_error(&p->cli->term, "'%s': %s", failure->path, failure->message);
    if (!p->cli->json) return;
    gp_cli_json_object(&p->failures);
    gp_cli_json_text(&p->failures, "path", failure->path);
    gp_cli_json_text(&p->failures, "message", failure->message);
    gp_str_putc(&p->failures, '}');
}

static bool progress(void *user, const gp_progress *now)
{
    return gp_term_progress(&((printer *)user)->cli->term, now);
}

static void say_kept(gp_cli *cli, const gp_ratings_report *r, bool write)
{
    unsigned long long kept = r->kept;
    if (kept && write)
        gp_term_say(&cli->term, "%llu %s another rating, flag or label, which stays: --replace replaces it", kept,
                    gp_plural(kept, "file has", "files have"));
    else if (kept)
        gp_term_say(&cli->term, "%llu %s marked in another way in goldpan, and the marks stay: --replace replaces them",
                    kept, gp_plural(kept, "image is", "images are"));
    if (r->untagged)
        gp_term_say(&cli->term,
                    "%llu %s no tags, because they have a comma, more than 100 characters, or are too many in a file",
                    (unsigned long long)r->untagged, gp_plural(r->untagged, "keyword became", "keywords became"));
}

static void say_read(gp_cli *cli, const gp_ratings_report *r)
{
    gp_term_say(&cli->term, "%s %llu %s; unchanged %llu, without ratings %llu", cli->dry_run ? "would mark" : "marked",
                (unsigned long long)r->done, gp_plural(r->done, "image", "images"), (unsigned long long)r->unchanged,
                (unsigned long long)r->without);
    say_kept(cli, r, false);
}

static void say_write(gp_cli *cli, const gp_ratings_report *r)
{
    gp_term_say(&cli->term, "%s the marks to %llu %s; unchanged %llu, images without marks %llu",
                cli->dry_run ? "would write" : "wrote", (unsigned long long)r->done,
                gp_plural(r->done, "file", "files"), (unsigned long long)r->unchanged, (unsigned long long)r->without);
    say_kept(cli, r, true);
}

static int print_json(gp_cli *cli, const char *catalog, const gp_ratings_report *r, const gp_str *failures, int code)
{
    gp_str json = GP_STR_INIT;
    gp_str_putc(&json, '{');
    gp_cli_json_text(&json, "catalog", catalog);
    gp_cli_json_bool(&json, "dry_run", cli->dry_run);
    gp_cli_json_count(&json, "done", r->done);
    gp_cli_json_count(&json, "unchanged", r->unchanged);
    gp_cli_json_count(&json, "without", r->without);
    gp_cli_json_count(&json, "kept", r->kept);
    gp_cli_json_count(&json, "untagged", r->untagged);
    gp_cli_json_count(&json, "failed", r->failed);
    gp_cli_json_array(&json, "failures", failures);
    gp_str_putc(&json, '}');
    return gp_cli_json_print(cli, &json, code);
}

static int run(gp_cli *cli, bool write)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_ratings_options o = GP_RATINGS_DEFAULTS;
    gp_ratings_report report = GP_INIT(gp_ratings_report);
    printer p = {.cli = cli};
    o.paths = cli->arg_count ? cli->args : NULL, o.path_count = cli->arg_count;
    o.place = cli->embed ? GP_RATINGS_EMBED : (gp_ratings_place)cli->sidecar;
    o.replace = cli->replace, o.dry_run = cli->dry_run, o.keep_time = cli->keep_time;
    o.failed = put_failure, o.progress = progress, o.user = &p;
    gp_status st = gp_cli_catalog_open_for(cli, cli->args, cli->arg_count, cli->dry_run ? GP_CATALOG_READ_IF_MUST : 0,
                                           &catalog, &err);
    if (st == GP_OK)
        st = write ? gp_ratings_write(catalog, &o, &report, &err) : gp_ratings_read(catalog, &o, &report, &err);
    gp_term_clear(&cli->term);
    int code = st != GP_OK ? gp_cli_fail(cli, &err) : report.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    if (st == GP_OK) (write ? say_write : say_read)(cli, &report);
    if (st == GP_OK && cli->json) code = print_json(cli, gp_catalog_path(catalog), &report, &p.failures, code);
    gp_str_clear(&p.failures);
    gp_catalog_close(catalog);
    return code;
}

static int run_read(gp_cli *cli)
{
    return run(cli, false);
}

static int run_write(gp_cli *cli)
{
    return run(cli, true);
}

#define DRY_RUN GP_CLI_FLAG("dry-run", 'n', dry_run, "count what would change, and change nothing")

static const gp_cli_option read_options[] = {
    GP_CLI_CATALOG, DRY_RUN,
    GP_CLI_FLAG("replace", 0, replace, "replace your marks in goldpan by other ratings, flags and labels of the files"),
    GP_CLI_COMMON};

static const gp_cli_option write_options[] = {
    GP_CLI_CATALOG,
    DRY_RUN,
    GP_CLI_OPTION("sidecar", 0, GP_OPT_CHOICE, PLACES, sidecar,
                  "write files beside the images; darktable: cat.png.xmp, as darktable and digiKam do, adobe: cat.xmp "
                  "(default: darktable)",
                  .excludes = "embed"),
    GP_CLI_FLAG("embed", 0, embed, "write into the image files; the pixels do not change"),
    GP_CLI_FLAG("keep-time", 0, keep_time, "keep the modification time of the image files", .needs = "embed"),
    GP_CLI_FLAG("replace", 0, replace, "replace other ratings, flags and labels in the files by your marks"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_ratings_read = {
    .name = "ratings read",
    .arguments = "[DIR|FILE...]",
    .summary = "Read ratings, flags and keywords of other programs from XMP",
    .about = "Reads the XMP of the images and of the files beside them: cat.png.xmp (darktable, digiKam), cat.xmp "
             "(Adobe), and the metadata of the image file, in this order.  Stars, pick flags, labels and keywords "
             "become marks of the images in the catalog.  A label becomes a tag such as label:Red.  Without DIR and "
             "FILE, reads all images of the catalog.\n\n"
             "A mark that you made in goldpan stays, unless --replace is given.  Keywords are only added.",
    .examples = "goldpan ratings read pictures --dry-run\n"
                "goldpan ratings read pictures\n"
                "goldpan ratings read pictures/00042.png --replace",
    .options = read_options,
    .most = SIZE_MAX,
    .run = run_read,
};

const gp_cli_command gp_cmd_ratings_write = {
    .name = "ratings write",
    .arguments = "DIR|FILE...",
    .summary = "Write your marks for darktable, digiKam, Lightroom and others",
    .about =
        "Writes stars, flags and tags as XMP, in files beside the images or into the images.  Images without marks "
        "get no file.  An XMP packet that exists keeps all its other properties.  If the packet has a different "
        "rating, flag or label, that value stays unless --replace is given.  Keywords are only added.\n\n"
        "--embed changes only the metadata of PNG, JPEG and WebP files, never their pixels, and leaves read-only "
        "files and files with Content Credentials as they are.  Prompts, scores and marks stay.",
    .examples = "goldpan ratings write pictures --dry-run\n"
                "goldpan ratings write pictures\n"
                "goldpan ratings write pictures --sidecar adobe\n"
                "goldpan ratings write pictures/00042.png --embed --replace",
    .options = write_options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run_write,
};
