/* SPDX-License-Identifier: MIT
 * goldpan categories and goldpan duplicates: print results of the last analysis. */
#include "base/json.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "cli/analysis_options.h"
#include "options/listing.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct printer {
    gp_cli *cli;
    gp_str json; /* with --json: the elements of the array, so far */
    gp_cli_paths paths;
    gp_cli_table table; /* without --json */
    uint64_t count;
    bool given; /* true: the user gave the categories, as words or as a column */
} printer;

static bool put_category(void *user, const gp_analysis_category *c)
{
    printer *p = user;
    p->count++;
    p->given = strcmp(c->source, "your words") == 0 || strncmp(c->source, "column ", 7) == 0;
    if (p->cli->json) {
        gp_cli_json_object(&p->json);
        gp_cli_json_text(&p->json, "category", c->name);
        gp_cli_json_text(&p->json, "source", c->source);
        gp_cli_json_count(&p->json, "support", c->support);
        gp_cli_json_real(&p->json, "mean", c->mean);
        gp_cli_json_real(&p->json, "sd", c->sd);
        gp_cli_json_real(&p->json, "weight", c->weight);
        gp_str_putc(&p->json, '}');
        return true;
    }
    gp_cli_table_cell(&p->table, "%u", c->support);
    gp_cli_table_real(&p->table, c->mean, "%.2f", c->mean);
    gp_cli_table_real(&p->table, c->sd, "%.2f", c->sd);
    gp_cli_table_cell(&p->table, "%s", c->name);
    return !p->table.cells.failed;
}

static bool put_group(void *user, const gp_analysis_group *g)
{
    printer *p = user;
    p->count++;
    if (p->cli->json) {
        gp_cli_json_object(&p->json);
        gp_cli_json_text(&p->json, "keep", gp_cli_path_of(&p->paths, g->keeper));
        gp_cli_json_text(&p->json, "reason", g->reason);
        gp_json_put_name(&p->json, "images");
        gp_str_putc(&p->json, '[');
    }
    for (size_t i = 0; i < g->count; i++) {
        const char *path = gp_cli_path_of(&p->paths, g->images[i]);
        if (p->cli->json) {
            gp_cli_json_object(&p->json);
            gp_cli_json_text(&p->json, "path", path);
            gp_cli_json_real(&p->json, "likeness", (double)g->likeness[i]);
            gp_str_putc(&p->json, '}');
        } else {
            bool keep = g->images[i] == g->keeper;
            gp_cli_table_cell(&p->table, "%llu", (unsigned long long)p->count);
            gp_cli_table_cell(&p->table, "%s", keep ? "keep" : "copy");
            gp_cli_table_cell(&p->table, "%.4f", (double)g->likeness[i]);
            gp_cli_table_cell(&p->table, "%s", path ? path : "-");
            gp_cli_table_cell(&p->table, "%s", keep && g->reason ? g->reason : "");
        }
    }
    if (p->cli->json) gp_str_puts(&p->json, "]}");
    return true;
}

static void say_quality(gp_cli *cli, uint64_t count, bool given, const gp_category_quality *q)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%llu %s", (unsigned long long)count, gp_plural(count, "category", "categories"));
    if (!isnan(q->cohesion)) gp_str_printf(&s, "; cohesion %.2f (silhouette, at most 1)", q->cohesion);
    if (!isnan(q->agreement))
        gp_str_printf(&s, "; agreement with the prompts %.2f (0: as by chance, 1: no prompt is in two categories)",
                      q->agreement);
    if (!s.failed) gp_term_say(&cli->term, "%s", s.data);
    if (q->agreement < GP_AGREEMENT_MIN)
        gp_term_say(&cli->term, given ? "your categories often separate images of the same prompt"
                                      : "these categories often separate images of the same prompt: name your own "
                                        "categories, as in goldpan slices "
                                        "--categories \"people, animals\"");
    gp_str_clear(&s);
}

static const char *const category_heads[] = {"images", "mean", "sd", "category"};
static const char *const group_heads[] = {"group", "role", "likeness", "path", "reason"};

static int run(gp_cli *cli, bool groups)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    printer p = {.cli = cli, .table = {.heads = category_heads, .columns = 4, .left = 0x8}};
    if (groups) p.table.heads = group_heads, p.table.columns = 5, p.table.left = 0x1a;
    int code = GP_EXIT_OK;
    gp_category_quality quality = {.size = sizeof quality, .cohesion = NAN, .agreement = NAN};
    gp_status st = gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, GP_CATALOG_READONLY, &catalog, &err);
    if (st == GP_OK && groups) st = gp_cli_paths_read(catalog, &p.paths, &err);
    if (cli->json) gp_str_puts(&p.json, groups ? "{\"groups\":[" : "{\"categories\":[");
    if (st == GP_OK)
        st = groups ? gp_catalog_duplicates(catalog, NULL, put_group, &p, &err)
                    : gp_catalog_categories(catalog, NULL, put_category, &p, &err);
    if (st == GP_OK && !groups) st = gp_catalog_category_quality(catalog, NULL, &quality, &err);
    if (st != GP_OK) {
        code = gp_cli_fail(cli, &err);
    } else {
        if (p.count == 0) code = GP_EXIT_NOTHING;
        if (!gp_cli_table_print(&p.table)) gp_term_error(&cli->term, "out of memory"), code = GP_EXIT_FAILURE;
        if (groups)
            gp_term_say(&cli->term, "%llu %s", (unsigned long long)p.count,
                        gp_plural(p.count, "group of near-duplicates", "groups of near-duplicates"));
        else
            say_quality(cli, p.count, p.given, &quality);
        if (cli->json) {
            gp_str_putc(&p.json, ']');
            if (!groups) gp_cli_json_real(&p.json, "cohesion", quality.cohesion);
            if (!groups) gp_cli_json_real(&p.json, "agreement", quality.agreement);
            gp_str_putc(&p.json, '}');
            code = gp_cli_json_print(cli, &p.json, code);
        }
    }
    gp_str_clear(&p.table.cells);
    gp_str_clear(&p.json);
    gp_cli_paths_clear(&p.paths);
    gp_catalog_close(catalog);
    return code;
}

static int run_categories(gp_cli *cli)
{
    return run(cli, false);
}

static int run_duplicates(gp_cli *cli)
{
    return run(cli, true);
}

static const gp_cli_option options[] = {GP_CLI_CATALOG_NOT_DIR, GP_CLI_COMMON};

const gp_cli_command gp_cmd_categories = {
    .name = "categories",
    .arguments = "[DIR]",
    .summary = "Print the mean score of each category",
    .about = "Prints a header line, then one line for each category of the last goldpan slices or goldpan run: number "
             "of images, mean score, standard deviation, name.  In a pipe, tabs separate the columns.",
    .examples = "goldpan categories pictures",
    .options = options,
    .most = 1,
    .run = run_categories,
};

const gp_cli_command gp_cmd_duplicates = {
    .name = "duplicates",
    .arguments = "[DIR]",
    .summary = "Print groups of near-duplicates, and which image to keep",
    .about = "Prints a header line, then one line for each image in a near-duplicate group of the last goldpan slices "
             "or goldpan run: group, keep or copy, similarity (cosine) to the image to keep, path, reason.  In a pipe, "
             "tabs separate the columns.",
    .examples = "goldpan duplicates pictures\ngoldpan duplicates pictures | grep -P '\\tcopy\\t' | cut -f4",
    .options = options,
    .most = 1,
    .run = run_duplicates,
};
