/* SPDX-License-Identifier: MIT
 * goldpan slices: analyses a catalog (or a table, see slices_table.c) and prints the significant slices. */
#include "base/json.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "cli/analysis_options.h"
#include "cli/slices_table.h"
#include "options/listing.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ a slice on one line, or as an object */

static const char *const heads[] = {"drop", "images", "mean", "low..high", "p", "where", "slice"};

static void put_line(gp_cli_table *table, const gp_analysis_slice *s)
{
    gp_cli_table_cell(table, "%+.2f", s->lift);
    gp_cli_table_cell(table, "%u", s->support);
    gp_cli_table_cell(table, "%.2f", s->value);
    gp_cli_table_real(table, s->low, "%+.2f..%+.2f", s->low, s->high);
    gp_cli_table_real(table, s->low, "%.2g", s->p_corrected);
    gp_cli_table_cell(table, "%s", s->category ? s->category : s->space);
    gp_cli_table_cell(table, "%s", s->title);
}

static void put_object(gp_str *json, const gp_analysis_slice *s, const gp_cli_paths *paths)
{
    if (json->failed) return;
    gp_cli_json_object(json);
    gp_cli_json_count(json, "slice", (uint64_t)s->id);
    gp_cli_json_text(json, "title", s->title);
    gp_cli_json_text(json, "space", s->space);
    gp_cli_json_text(json, "category", s->category);
    gp_cli_json_count(json, "support", s->support);
    gp_cli_json_real(json, "value", s->value);
    gp_cli_json_real(json, "drop", s->lift);
    gp_cli_json_real(json, "low", s->low);
    gp_cli_json_real(json, "high", s->high);
    gp_cli_json_real(json, "effect", s->effect);
    gp_cli_json_real(json, "p", s->p);
    gp_cli_json_real(json, "p_corrected", s->p_corrected);
    gp_cli_json_count(json, "level", s->level);
    gp_json_put_name(json, "parent");
    gp_str_printf(json, s->parent ? "%lld" : "null", (long long)s->parent);
    gp_json_put_name(json, "reasons");
    gp_str_puts(json, s->reasons_json);
    gp_json_put_name(json, "images");
    gp_str_putc(json, '[');
    for (uint32_t i = 0; i < s->support; i++) gp_cli_json_element(json, gp_cli_path_of(paths, s->images[i]));
    gp_str_puts(json, "]}");
}

typedef struct printer {
    gp_cli *cli;
    gp_str *json; /* NULL: print lines */
    const gp_cli_paths *paths;
    gp_cli_table table;
    uint64_t count; /* slices that are printed without --json; with --json counted too, for the exit code */
} printer;

static bool put_slice(void *user, const gp_analysis_slice *s)
{
    printer *p = user;
    bool asked = !s->category || p->cli->all; /* slices within categories are printed only with --all */
    p->count += asked;
    if (!asked && !p->json) return true;
    if (p->json)
        put_object(p->json, s, p->paths);
    else
        put_line(&p->table, s);
    return true;
}

/* ------------------------------------------------------------------ the catalog */

/* Opens the model that --model names.  Without --model the analysis uses the last scores, and needs no model. */
static gp_status open_model(gp_cli *cli, gp_model **model, gp_error *err)
{
    return cli->model ? gp_cli_model_open(cli, NULL, model, err) : GP_OK;
}

static gp_status print_all(gp_cli *cli, gp_catalog *catalog, gp_str *json, const gp_analyze_report *report,
                           uint64_t *count, gp_error *err)
{
    gp_cli_paths paths = {0};
    printer p = {.cli = cli,
                 .json = cli->json ? json : NULL,
                 .paths = &paths,
                 .table = {.heads = heads, .columns = sizeof heads / sizeof *heads, .left = 0x60}};
    gp_term_clear(&cli->term);
    if (cli->json) {
        GP_TRY(gp_cli_paths_read(catalog, &paths, err));
        gp_str_putc(json, '{');
        gp_cli_json_text(json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_find(json, report);
        gp_json_put_name(json, "slices");
        gp_str_putc(json, '[');
    }
    gp_status st = gp_catalog_slices(catalog, NULL, put_slice, &p, err);
    if (cli->json) gp_str_puts(json, "]}");
    if (!gp_cli_table_print(&p.table) && st == GP_OK) st = gp_fail_memory(err, "the table");
    gp_cli_paths_clear(&paths);
    *count = p.count;
    return st;
}

/* Analyses the catalog.  If the catalog is read-only, the results of the last analysis are printed. */
static gp_status find(gp_cli *cli, gp_catalog *catalog, gp_model *model, const gp_cli_find *options,
                      gp_analyze_report *report, gp_error *err)
{
    if (!gp_catalog_readonly(catalog)) return gp_analyze(catalog, model, &options->find, report, err);
    gp_term_say(&cli->term, "the catalog is read-only: these are the slices of the last analysis");
    return GP_OK;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_cli_find options = {0};
    gp_analyze_report report = GP_INIT(gp_analyze_report);
    gp_str json = GP_STR_INIT;
    uint64_t count = 0;
    int code = GP_EXIT_OK;
    if (cli->table) return gp_cli_slices_table(cli);
    if (gp_cli_find_options(cli, &options, &err) != GP_OK ||
        gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, GP_CATALOG_READ_IF_MUST, &catalog, &err) !=
            GP_OK ||
        open_model(cli, &model, &err) != GP_OK || find(cli, catalog, model, &options, &report, &err) != GP_OK ||
        print_all(cli, catalog, &json, &report, &count, &err) != GP_OK) {
        gp_str_clear(&json);
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    if (!gp_catalog_readonly(catalog)) gp_cli_say_find(cli, &report);
    if (count == 0) {
        code = GP_EXIT_NOTHING;
        gp_term_say(&cli->term, "no slice is significant");
    }
    if (cli->json) code = gp_cli_json_print(cli, &json, code);
out:
    gp_cli_find_clear(&options);
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

#define TABLE "table"

static const gp_cli_option options[] = {
    GP_CLI_OPTION("profile", 0, GP_OPT_CHOICE, "goldpan|final|article", profile,
                  "selection rules; final: those of sliceguard 0.0.35, article: those of sliceguard 0.0.8 (default: "
                  "goldpan)"),
    GP_CLI_OPTION("mode", 0, GP_OPT_CHOICE, "high|low", mode,
                  "find slices with high or with low scores (default: high)"),
    GP_CLI_OPTION("min-support", 0, GP_OPT_COUNT, "N", min_support,
                  "report only slices of at least N images (default: 0.25 % of all, but at least 3; final: no limit; "
                  "article: at least 5)",
                  .range = GP_CLI_FROM_U32(1)),
    GP_CLI_OPTION("min-lift", 0, GP_OPT_REAL, "S", min_lift,
                  "report only slices whose mean is at least S points above the reference (default: no limit; article: "
                  "a tenth of the overall mean)",
                  .old = "min-drop"),
    GP_CLI_OPTION("n-slices", 0, GP_OPT_COUNT, "N", n_slices,
                  "report at most the best N slices (default: no limit; final without other limits: 20)",
                  .range = GP_CLI_FROM_U32(1), .excludes = "profile=article"),
    GP_CLI_OPTION("criterion", 0, GP_OPT_CHOICE, "lift|support|lift*support", criterion,
                  "value that ranks the slices for --n-slices (default: lift)", .needs = "n-slices profile=final",
                  .old_values = "drop|support|drop*support"),
    GP_CLI_OPTION("reference", 0, GP_OPT_CHOICE, "overall|parent", reference,
                  "compute the lift against the mean of all images, or of the parent cluster (default: overall)",
                  .old = "drop-reference"),
    GP_CLI_FLAG("remove-outliers", 0, remove_outliers, "ignore outlier scores when computing a cluster's lift"),
    GP_CLI_OPTION("alpha", 0, GP_OPT_REAL, "P", alpha, "false-positive rate under shuffled scores (default: 0.01)",
                  .range = GP_CLI_BETWEEN(0, 1), .needs = "profile=goldpan"),
    GP_CLI_OPTION("resamples", 0, GP_OPT_COUNT, "N", resamples,
                  "shuffles of the significance test and rounds of the bootstrap (default: 2000)",
                  .range = GP_CLI_FROM_TO(1, 10000000), .needs = "profile=goldpan"),
    GP_CLI_FLAG("all", 0, all, "also print the slices within categories", .excludes = TABLE),
    GP_CLI_ANALYSIS(TABLE),
    GP_CLI_FLAG("no-map", 0, no_map, "compute no map", .excludes = "new-map " TABLE),
    GP_CLI_FLAG("no-duplicates", 0, no_duplicates, "search for no near-duplicates", .excludes = "min-cosine " TABLE),
    GP_CLI_OPTION("min-cosine", 0, GP_OPT_REAL, "C", min_cosine,
                  "cosine similarity from which images are near-duplicates (default: 0.97)",
                  .range = GP_CLI_ABOVE_TO(0, 1), .excludes = TABLE),
    GP_CLI_OPTION("seed", 0, GP_OPT_COUNT, "N", seed, "random seed (default: 42)"),
    GP_CLI_OPTION(TABLE, 0, GP_OPT_TEXT, "FILE", table,
                  "find slices of this table instead of a catalog: CSV, TSV, JSON, JSONL or Parquet",
                  .needs = "metric; feature embedding", .excludes = "ARGUMENT catalog model"),
    GP_CLI_OPTION("metric", 0, GP_OPT_TEXT, "COLUMN", value,
                  "column of the table with the number to examine, such as a score", .needs = TABLE),
    GP_CLI_OPTION("feature", 0, GP_OPT_TEXTS, "COLUMN[:KIND]", features,
                  "cluster the rows by this column of the table; KIND: number, category, ordinal=LOW|...|HIGH or "
                  "vector; may be repeated",
                  .needs = TABLE),
    GP_CLI_OPTION("embedding", 0, GP_OPT_TEXTS, "NAME=X.npy[:weight=W]", embeddings,
                  "cluster the rows by the vectors of this NumPy file; weight: above 0 (default: 1); may be repeated",
                  .needs = TABLE),
    GP_CLI_OPTION("group", 0, GP_OPT_TEXT, "COLUMN", group,
                  "column of the table whose equal values mark dependent rows, such as the images of one prompt",
                  .needs = TABLE, .excludes = "profile=final|article"),
    GP_CLI_FLAG("reduce", 0, reduce, "reduce vectors with UMAP first, as sliceguard does", .needs = TABLE),
    GP_CLI_OPTION("distance", 0, GP_OPT_CHOICE, "euclidean|cosine", distance,
                  "distance between rows for the clustering (default: euclidean)", .needs = TABLE),
    GP_CLI_FLAG("show", 0, show, "print the number of clusters by lift and support, to help choose the limits",
                .needs = TABLE,
                .excludes = "min-support min-lift n-slices criterion remove-outliers alpha resamples group"),
    GP_CLI_CATALOG_NOT_DIR,
    GP_CLI_MODEL("CLIP model whose scores are used, and that sorts images into --categories: hub name or folder "
                 "(default: the scorer used last)"),
    GP_CLI_LOADING(.needs = "model"),
    GP_CLI_FAST_DECODE(.needs = "model"),
    GP_CLI_LONG_PROMPT(.needs = "model"),
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_slices = {
    .name = "slices",
    .arguments = "[DIR]",
    .summary = "Find groups of images with significantly higher scores",
    .about =
        "Finds slices: clusters of images, and of prompts, whose scores are significantly higher than the rest.  "
        "Stores them in the catalog, with categories, near-duplicates and the map.  goldpan pick --strategy slices "
        "picks from them.\n\n"
        "Prints a header line and one line for each slice: lift (column \"drop\"), number of images, mean score, 95 % "
        "interval of the lift, p adjusted for all clusters, space or category, title.  The lift is the mean of the "
        "slice minus the reference mean, in points.  In a pipe, tabs separate the columns.\n\n"
        "With --table the command uses a table instead of a catalog.  The KIND of a --feature is number; "
        "number,unscaled (values stay as they are); category; ordinal=LOW|...|HIGH (all values from low to high); "
        "vector; or vector,weight=W.  Without a KIND, goldpan determines it from the cells of the column.",
    .examples =
        "goldpan slices pictures\n"
        "goldpan slices pictures --categories \"people, landscapes, animals\" --model openai/clip-vit-large-patch14\n"
        "goldpan slices pictures --profile article --min-support 2 --min-lift 4.5\n"
        "goldpan slices --table runs.csv --metric score --feature sampler --embedding clip=x.npy\n"
        "goldpan slices --table runs.csv --metric score --feature \"age:ordinal=teens|twenties|thirties\" "
        "--profile final",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
