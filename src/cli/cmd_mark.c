/* SPDX-License-Identifier: MIT
 * goldpan mark: sets flags, stars and tags of images, as the explorer does. */
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <stdio.h>
#include <string.h>

/* Finds the images that the arguments name, and writes their hashes; *count: number of images found. Reports files that
 * are not in the catalog. */
static gp_status find_images(gp_cli *cli, gp_catalog *catalog, char (*hashes)[33], size_t *count, gp_str *missing,
                             gp_error *err)
{
    for (size_t i = 0; i < cli->arg_count; i++) {
        gp_rows *rows = NULL;
        const gp_row *row = NULL;
        gp_status st = gp_cli_row_at(catalog, cli->args[i], &rows, &row, err);
        if (st == GP_OK && row)
            snprintf(hashes[(*count)++], 33, "%s", row->hash);
        else if (st == GP_OK) {
            gp_term_error(&cli->term, "'%s' is not in the catalog '%s'", cli->args[i], gp_catalog_path(catalog));
            gp_cli_json_element(missing, cli->args[i]);
        }
        gp_rows_close(rows);
        if (st != GP_OK) return st;
    }
    return GP_OK;
}

static gp_status mark_images(gp_cli *cli, gp_catalog *catalog, size_t *count, gp_str *missing, gp_error *err)
{
    gp_mark_options o = GP_MARK_DEFAULTS;
    char(*hashes)[33] = NULL;
    const char **images = NULL;
    gp_status st = GP_OK;
    GP_TRY_GOTO(gp_alloc((void **)&hashes, cli->arg_count, sizeof *hashes, "the images", err));
    GP_TRY_GOTO(gp_alloc((void **)&images, cli->arg_count, sizeof *images, "the images", err));
    GP_TRY_GOTO(find_images(cli, catalog, hashes, count, missing, err));
    for (size_t i = 0; i < *count; i++) images[i] = hashes[i];
    o.images = images, o.image_count = *count;
    o.tags = cli->tag.items, o.tag_count = cli->tag.count;
    o.untags = cli->untag.items, o.untag_count = cli->untag.count;
    if (cli->pick || cli->reject || cli->unmark) o.flag = cli->pick ? 1 : cli->reject ? -1 : 0;
    if (cli->stars.set) o.stars = (int)cli->stars.value;
    st = gp_mark(catalog, &o, err); /* also without images, so that a wrong tag is reported */
out:
    gp_mem_free(images);
    gp_mem_free(hashes);
    return st;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_str json = GP_STR_INIT, missing = GP_STR_INIT;
    size_t count = 0;
    if (gp_cli_catalog_open_for(cli, cli->args, cli->arg_count, GP_CLI_GONE, &catalog, &err) != GP_OK ||
        mark_images(cli, catalog, &count, &missing, &err) != GP_OK) {
        gp_catalog_close(catalog);
        gp_str_clear(&missing);
        return gp_cli_fail(cli, &err);
    }
    int code = count == cli->arg_count ? GP_EXIT_OK : count > 0 ? GP_EXIT_PARTIAL : GP_EXIT_FAILURE;
    gp_term_say(&cli->term, "marked %zu %s", count, gp_plural(count, "image", "images"));
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_count(&json, "images", count);
        gp_cli_json_array(&json, "missing", &missing);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&missing);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    GP_CLI_FLAG("pick", 0, pick, "pick the images", .excludes = "reject unmark"),
    GP_CLI_FLAG("reject", 0, reject, "reject the images", .excludes = "unmark"),
    GP_CLI_FLAG("unmark", 0, unmark, "remove your pick or reject"),
    GP_CLI_OPTION("stars", 0, GP_OPT_COUNT, "N", stars, "give N stars; 0: none", .range = GP_CLI_FROM_TO(0, 5)),
    GP_CLI_OPTION("tag", 0, GP_OPT_TEXTS, "TAG", tag, "add this tag; may be repeated"),
    GP_CLI_OPTION("untag", 0, GP_OPT_TEXTS, "TAG", untag, "remove this tag; may be repeated"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_mark = {
    .name = "mark",
    .arguments = "FILE...",
    .summary = "Pick, reject, rate or tag images",
    .about = "Sets the same marks as the explorer, and stores them in the catalog and in its journal.  Does not "
             "change marks for which you give no option.\n\n"
             "A tag must have at most 100 characters and no comma.  Capital letters count: Red and red are two tags.",
    .examples = "goldpan mark pictures/00042.png --pick --stars 5\n"
                "goldpan mark pictures/*.png --tag castle --tag \"at night\"\n"
                "goldpan mark pictures/00042.png --untag castle",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .needs = "pick reject unmark stars tag untag",
    .run = run,
};
