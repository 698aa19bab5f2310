/* SPDX-License-Identifier: MIT
 * goldpan slices: where the generator did exceptionally well.  Over a catalog: analyse it and print what stands out. */
#include "base/json.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/analysis_options.h"
#include "cli/slices_table.h"
#include "cli/listing.h"

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
    gp_str *json; /* or NULL: lines */
    const gp_cli_paths *paths;
    gp_cli_table table;
    uint64_t count; /* that are printed without --json too, so that the exit code is the same */
} printer;

static bool put_slice(void *user, const gp_analysis_slice *s)
{
    printer *p = user;
    bool asked = !s->category || p->cli->all; /* those within categories are for pick, and for those who ask */
    p->count += asked;
    if (!asked && !p->json) return true;
    if (p->json)
        put_object(p->json, s, p->paths);
    else
        put_line(&p->table, s);
    return true;
}

/* ------------------------------------------------------------------ the catalog */

/* Without a name the scores made last say which model it was; its towers are wanted for probes and categories only. */
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
    if (!gp_cli_table_print(&p.table) && st == GP_OK) st = gp_fail(err, GP_ERR_MEMORY, "out of memory");
    gp_cli_paths_clear(&paths);
    *count = p.count;
    return st;
}

/* A read-only catalog keeps the results of the last analysis. */
static gp_status find(gp_cli *cli, gp_catalog *catalog, gp_model *model, const gp_cli_find *options,
                      gp_analyze_report *report, gp_error *err)
{
    if (!gp_catalog_readonly(catalog)) return gp_analyze(catalog, model, &options->find, report, err);
    gp_term_say(&cli->term, "the catalog is read-only: these are the slices that were found last");
    return GP_OK;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_cli_find options = {0};
    gp_analyze_report report = {0};
    gp_str json = GP_STR_INIT;
    uint64_t count = 0;
    int code = GP_EXIT_OK;
    if (cli->table) return gp_cli_slices_table(cli);
    if (cli->show || cli->value || cli->features.count || cli->embeddings.count || cli->reduce || cli->distance ||
        cli->group)
        return gp_cli_usage(
            cli, "--metric, --feature, --embedding, --group, --reduce, --distance and --show go with --table");
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
        gp_term_say(&cli->term, "no slice stands out beyond chance");
    }
    if (cli->json) code = gp_cli_json_print(cli, &json, code);
out:
    gp_cli_find_clear(&options);
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    {"profile", 0, GP_OPT_CHOICE, "goldpan|final|article", GP_CLI_FIELD(profile),
     "rules: ours (default), or sliceguard's 0.0.35, 0.0.8"},
    {"mode", 0, GP_OPT_CHOICE, "high|low", GP_CLI_FIELD(mode), "where the score is high (default) or low"},
    {"min-support", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(min_support), "slices of at least N images"},
    {"min-drop", 0, GP_OPT_REAL, "S", GP_CLI_FIELD(min_lift), "slices whose mean is at least S above the overall mean"},
    {"n-slices", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(n_slices), "no more than the best N"},
    {"criterion", 0, GP_OPT_CHOICE, "drop|support|drop*support", GP_CLI_FIELD(criterion),
     "best by what (default: drop)"},
    {"reference", 0, GP_OPT_CHOICE, "overall|parent", GP_CLI_FIELD(reference),
     "drop against all, or the cluster around it"},
    {"drop-reference", 0, GP_OPT_CHOICE, "overall|parent", GP_CLI_FIELD(reference), "the same, by sliceguard's name"},
    {"remove-outliers", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(remove_outliers), "judge clusters without their outliers"},
    {"alpha", 0, GP_OPT_REAL, "P", GP_CLI_FIELD(alpha), "chance of a false slice in a table of chance (default 0.01)"},
    {"resamples", 0, GP_OPT_NUMBER, "N", GP_CLI_FIELD(resamples), "rounds of shuffles and bootstrap (default 2000)"},
    {"all", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(all), "print the slices within categories too"},
    GP_CLI_FIND_CATEGORIES,
    {"no-map", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(no_map), "without the map"},
    {"no-duplicates", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(no_duplicates), "without the search for near copies"},
    {"min-cosine", 0, GP_OPT_REAL, "C", GP_CLI_FIELD(min_cosine), "of near copies (default 0.97)"},
    {"seed", 0, GP_OPT_COUNT, "N", GP_CLI_FIELD(seed), "of what is drawn at random (default 42)"},
    {"table", 0, GP_OPT_TEXT, "FILE", GP_CLI_FIELD(table), "of this table instead: CSV, TSV, JSON, JSONL, Parquet"},
    {"metric", 0, GP_OPT_TEXT, "COLUMN", GP_CLI_FIELD(value), "its column of what is measured"},
    {"feature", 0, GP_OPT_TEXTS, "COLUMN[:KIND]", GP_CLI_FIELD(features),
     "look in it (kinds: see above); may be repeated"},
    {"embedding", 0, GP_OPT_TEXTS, "NAME=X.npy[:weight=W]", GP_CLI_FIELD(embeddings),
     "look in these vectors; may be repeated"},
    {"group", 0, GP_OPT_TEXT, "COLUMN", GP_CLI_FIELD(group),
     "rows of one value depend on each other, such as the images of a prompt"},
    {"reduce", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(reduce), "reduce vectors by UMAP first, as sliceguard does"},
    {"distance", 0, GP_OPT_CHOICE, "euclidean|cosine", GP_CLI_FIELD(distance),
     "of rows, for their clusters (default: euclidean)"},
    {"show", 0, GP_OPT_FLAG, NULL, GP_CLI_FIELD(show), "clusters by drop and support, to choose thresholds by"},
    GP_CLI_CATALOG,
    GP_CLI_ENCODER("use this CLIP's scores, and let it sort images into --categories"),
    GP_CLI_THREADS,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_slices = {
    .name = "slices",
    .arguments = "[DIR]",
    .summary = "Find where the generator did exceptionally well",
    .about = "Looks for clusters of images, and of prompts, whose scores stand out beyond chance, and\n"
             "records them with categories, near copies and the map.  Prints a header line and a line for\n"
             "each: how far above the mean, images, mean score, 95 % interval, corrected p, where it is,\n"
             "and what it shows; separated by tabs in a pipe.  goldpan pick --strategy slices picks from them.\n"
             "\n"
             "With --table, no catalog is used.  Kinds of --feature: number, or number,unscaled to leave it\n"
             "as it is; category; ordinal=LOW|...|HIGH with its values in order; vector, or vector,weight=W.\n"
             "Without a kind: vector, number or category, by the column's cells.",
    .examples =
        "goldpan slices pictures\n"
        "goldpan slices pictures --categories \"people, landscapes, animals\" --model openai/clip-vit-large-patch14\n"
        "goldpan slices pictures --profile article --min-support 2 --min-drop 4.5\n"
        "goldpan slices --table runs.csv --metric score --feature sampler --embedding clip=x.npy\n"
        "goldpan slices --table runs.csv --metric score --feature \"age:ordinal=teens|twenties|thirties\" "
        "--profile final",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
