/* SPDX-License-Identifier: MIT
 * goldpan run: adds, scores, analyses and picks images, and draws the contact sheet. */
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "cli/analysis_options.h"
#include "cli/scorer_groups.h"

/* Returns the path of the contact sheet: the value of --sheet, or else sheet.jpg beside the catalog.  Owned; NULL when
 * out of memory. */
static char *sheet_path(const gp_cli *cli, const gp_catalog *catalog)
{
    if (cli->sheet) return gp_str_dup(cli->sheet);
    char *folder = gp_path_folder(gp_catalog_path(catalog));
    char *path = folder ? gp_path_join(folder, "sheet.jpg") : NULL;
    gp_mem_free(folder);
    return path;
}

/* The structs that a gp_run_report points to. */
typedef struct run_result {
    gp_report add, score, pick, sheet;
    gp_analyze_report find;
    gp_counts counts;
    gp_pick_strategy strategy;
} run_result;

static gp_status run_stages(gp_catalog *catalog, const gp_model *model, const gp_run_options *options, run_result *r,
                            gp_error *err)
{
    gp_run_report report = GP_INIT(gp_run_report);
    report.add = options->no_add ? NULL : &r->add, report.score = &r->score, report.pick = &r->pick,
    report.sheet = &r->sheet;
    report.analysis = &r->find, report.counts = &r->counts;
    gp_status st = gp_run(catalog, model, options, &report, err);
    r->strategy = report.strategy;
    return st;
}

/* Prints the picks, or appends them to `json`.  If this run picked nothing, the earlier picks stay in the catalog, but
 * they are not reported as the result of this run. */
static gp_status put_choice(gp_cli *cli, gp_catalog *catalog, const run_result *report, gp_str *json, uint64_t *count,
                            gp_error *err)
{
    const gp_counts *c = &report->counts;
    bool none = c->images == 0 || c->images_with_prompt == 0; /* if so, gp_add has already sent a note */
    if (!report->pick.done) {
        if (none && report->find.levels)
            gp_term_warn(&cli->term, "goldpan: no image has a prompt, so none is scored or picked; the map, categories "
                                     "and near-duplicates are computed");
        else if (none && report->counts.images)
            gp_term_warn(&cli->term, "goldpan: no image has a prompt, so none is scored or picked");
        else if (report->counts.apart == report->counts.images)
            gp_term_warn(&cli->term, "goldpan: nothing was picked: all images are set apart");
        else if (!none)
            gp_term_warn(&cli->term, "goldpan: nothing was picked: no image with a prompt passes the filters");
        gp_cli_put_no_picks(cli, c->picks, json);
        return GP_OK;
    }
    GP_TRY(gp_cli_put_picks(cli, catalog, json, count, err));
    bool fitted = report->strategy == GP_PICK_CATEGORY && !gp_cli_given(cli, "strategy");
    gp_term_say(&cli->term, "picked %llu%s", (unsigned long long)*count, fitted ? " by category" : "");
    return GP_OK;
}

static void put_apart(gp_str *s, uint64_t count, const char *one, const char *several)
{
    if (count) gp_str_printf(s, ", %llu %s set apart", (unsigned long long)count, gp_plural(count, one, several));
}

/* Reports the numbers of images and prompts that the picks were made from. */
static void say_counts(gp_cli *cli, const gp_counts *c)
{
    gp_str s = GP_STR_INIT;
    gp_str_printf(&s, "%llu %s, %llu with a prompt, %llu %s with at least two candidates",
                  (unsigned long long)c->images, gp_plural(c->images, "image", "images"),
                  (unsigned long long)c->images_with_prompt, (unsigned long long)c->contested,
                  gp_plural(c->contested, "prompt", "prompts"));
    put_apart(&s, c->apart - c->black - c->noise, "grid", "grids");
    put_apart(&s, c->black, "black image", "black images");
    put_apart(&s, c->noise, "noise image", "noise images");
    if (cli->own) gp_str_printf(&s, ", %llu drawn by goldpan", (unsigned long long)cli->own);
    if (c->failures) gp_str_printf(&s, ", %llu failed", (unsigned long long)c->failures);
    if (c->missing_paths) gp_str_printf(&s, ", %llu missing", (unsigned long long)c->missing_paths);
    if (!s.failed) gp_term_say(&cli->term, "%s", s.data);
    gp_str_clear(&s);
}

static void put_counts(const gp_cli *cli, gp_str *json, const gp_counts *c)
{
    gp_json_put_name(json, "candidates");
    gp_str_putc(json, '{');
    gp_cli_json_count(json, "images", c->images);
    gp_cli_json_count(json, "with_prompt", c->images_with_prompt);
    gp_cli_json_count(json, "prompts_with_two", c->contested);
    gp_cli_json_count(json, "apart", c->apart);
    gp_cli_json_count(json, "own", cli->own);
    gp_cli_json_count(json, "failed", c->failures);
    gp_cli_json_count(json, "missing_paths", c->missing_paths);
    gp_cli_json_count(json, "missing_picks", c->missing_picks);
    gp_str_putc(json, '}');
}

static int finish(gp_cli *cli, gp_catalog *catalog, const gp_model *model, const run_result *report, const char *sheet)
{
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    uint64_t count = 0, failed = report->add.failed + report->score.failed;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_model_info(model, &facts, NULL);
    gp_cli_say_add(cli, &report->add);
    gp_cli_say_score(cli, &report->score);
    if (report->find.images) gp_cli_say_find(cli, &report->find);
    if (report->counts.images || report->counts.failures || cli->own) say_counts(cli, &report->counts);
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_text(&json, "model", facts.name);
        gp_cli_json_text(&json, "precision", facts.precision);
        gp_cli_json_text(&json, "sheet", report->pick.done ? sheet : NULL);
        gp_cli_json_notes(&json, cli);
        gp_cli_json_report(&json, "add", &report->add);
        gp_cli_json_report(&json, "score", &report->score);
        gp_cli_json_report(&json, "pick", &report->pick);
        if (report->find.images) gp_cli_json_find(&json, &report->find);
        gp_cli_json_choice(&json, "strategy", GP_CLI_STRATEGIES, (int)report->strategy);
        gp_cli_json_by(&json, cli);
        put_counts(cli, &json, &report->counts);
    }
    if (put_choice(cli, catalog, report, cli->json ? &json : NULL, &count, &err) != GP_OK ||
        (cli->json && gp_cli_put_failures(catalog, &json, &err) != GP_OK)) {
        gp_str_clear(&json);
        return gp_cli_fail(cli, &err);
    }
    gp_cli_say_failures(cli, catalog, NULL, failed);
    if (sheet && count) gp_term_say(&cli->term, "drew the sheet '%s'", sheet);
    int code = failed ? GP_EXIT_PARTIAL : count == 0 ? GP_EXIT_NOTHING : GP_EXIT_OK;
    if (!cli->json) return code;
    gp_str_putc(&json, '}');
    return gp_cli_json_print(cli, &json, code);
}

/* Returns true if no option says which images to pick, so that `run` may choose the strategy. */
static bool may_fit(const gp_cli *cli)
{
    bool all = cli->per_prompt.set && !cli->per_prompt.value;
    return !all && !gp_cli_given(cli, "strategy") && !cli->top.set && !cli->min_score.set;
}

static gp_status open_catalog(const char *path, gp_catalog **catalog, gp_error *err)
{
    return *catalog ? GP_OK : gp_cli_catalog_open_at(path, GP_CATALOG_CREATE, catalog, err);
}

/* Adds the images and scores them by the groups after the first, each with its own model, one after another. */
static gp_status run_others(gp_cli *cli, gp_catalog *catalog, const gp_cli_groups *groups, const gp_add_options *add,
                            gp_report *added, gp_error *err)
{
    GP_TRY(gp_add(catalog, add, added, err));
    for (size_t i = groups->count; i-- > 1;) {
        gp_model *model = NULL;
        gp_score_options score;
        gp_report report = GP_INIT(gp_report);
        gp_cli_score_options(cli, &score);
        GP_TRY(gp_cli_group_open(cli, catalog, &groups->items[i], &score, &model, err));
        gp_status st = gp_score(catalog, model, &score, &report, err);
        gp_model_close(model);
        GP_TRY(st);
        gp_cli_say_score(cli, &report);
    }
    return GP_OK;
}

/* Opens the catalog and the model of the first group.  With one group, opens the model before it creates a catalog, so
 * that a missing model leaves no empty catalog.  With several groups, first checks that all models exist; then opens one
 * after the other, so that only one model is in memory at a time. */
static gp_status open_all(gp_cli *cli, gp_cli_groups *groups, gp_run_options *options, gp_score_options *score,
                          gp_catalog **catalog, gp_model **model, gp_report *added, gp_error *err)
{
    char *path = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_cli_catalog_open_old(cli, cli->args, cli->arg_count, GP_CATALOG_CREATE, &path, catalog, err));
    GP_TRY_GOTO(gp_cli_groups_make(cli, *catalog, groups, err));
    if (groups->count > 1) {
        GP_TRY_GOTO(gp_cli_groups_check(cli, groups, err));
        GP_TRY_GOTO(open_catalog(path, catalog, err));
        GP_TRY_GOTO(run_others(cli, *catalog, groups, options->add, added, err));
        options->no_add = true;
    }
    GP_TRY_GOTO(gp_cli_group_open(cli, *catalog, &groups->items[0], score, model, err));
    GP_TRY_GOTO(open_catalog(path, catalog, err));
out:
    gp_mem_free(path);
    return st;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_run_options options = GP_RUN_DEFAULTS;
    gp_add_options add;
    gp_score_options score;
    gp_pick_options pick;
    gp_sheet_options drawing;
    gp_cli_find find = {0};
    gp_cli_groups groups = {0};
    run_result report = {.add = GP_INIT(gp_report),
                         .score = GP_INIT(gp_report),
                         .pick = GP_INIT(gp_report),
                         .sheet = GP_INIT(gp_report),
                         .find = GP_INIT(gp_analyze_report),
                         .counts = GP_INIT(gp_counts)};
    char *sheet = NULL;
    int code;
    gp_cli_add_options(cli, &add);
    gp_cli_score_options(cli, &score);
    gp_cli_pick_options(cli, &pick);
    gp_cli_sheet_options(cli, &drawing);
    options.add = &add, options.score = &score, options.pick = &pick, options.sheet = &drawing;
    if (gp_cli_check_roots(cli, &err) != GP_OK || (cli->sheet && gp_cli_check_output(cli, cli->sheet, &err) != GP_OK) ||
        gp_cli_find_options(cli, &find, &err) != GP_OK ||
        open_all(cli, &groups, &options, &score, &catalog, &model, &report.add, &err) != GP_OK) {
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    if (!cli->no_sheet && !(sheet = sheet_path(cli, catalog))) {
        gp_fail_memory(&err, "a path");
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    if (sheet && !cli->sheet && gp_cli_check_own(cli, sheet, &err) != GP_OK) {
        code = gp_cli_fail(cli, &err);
        goto out;
    }
    drawing.file = sheet;
    options.find = &find.find, options.no_analysis = cli->no_analysis;
    options.fit_strategy = may_fit(cli);
    code = run_stages(catalog, model, &options, &report, &err) == GP_OK ? finish(cli, catalog, model, &report, sheet)
                                                                        : gp_cli_fail(cli, &err);
out:
    gp_cli_groups_clear(&groups);
    gp_cli_find_clear(&find);
    gp_mem_free(sheet);
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

#define NO_ANALYSIS "no-analysis"

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    GP_CLI_TABLE,
    GP_CLI_PROMPT_FROM,
    GP_CLI_MODEL(GP_CLI_MODEL_SCORING),
    GP_CLI_LOADING(.needs = NULL),
    GP_CLI_FAST_DECODE(.needs = NULL),
    GP_CLI_LONG_PROMPT(.needs = NULL),
    GP_CLI_PICK,
    GP_CLI_ANALYSIS(NO_ANALYSIS),
    GP_CLI_FLAG(NO_ANALYSIS, 0, no_analysis, "skip slices, categories, near-duplicates and the map", .old = "no-find"),
    GP_CLI_OPTION("sheet", 0, GP_OPT_TEXT, "FILE", sheet,
                  "file of the contact sheet, .jpg or .png (default: sheet.jpg beside the catalog)",
                  .excludes = "no-sheet"),
    GP_CLI_FORCE(.excludes = "no-sheet"),
    GP_CLI_FLAG("no-sheet", 0, no_sheet, "draw no contact sheet"),
    GP_CLI_SHEET("no-sheet"),
    GP_CLI_SCORING,
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_BATCH,
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_run = {
    .name = "run",
    .arguments = "DIR|FILE...",
    .summary = "Add, score, analyse and pick images, and draw a contact sheet",
    .about = "Prints one line for each pick: path, score, prompt, separated by tabs.  Stores all results in "
             "DIR/.goldpan/catalog.db and the contact sheet in DIR/.goldpan/sheet.jpg.  If a folder above DIR has a "
             "catalog, uses that catalog instead.  Skips images that already have a score; the same command continues "
             "an interrupted run.\n\n"
             "If no prompt has two images, the command picks the best of each category instead of each prompt.",
    .examples = "goldpan run pictures --model openai/clip-vit-base-patch32\n"
                "goldpan run pictures --prompts prompts.csv --per-prompt 2\n"
                "goldpan run pictures --scorer pickscore,clip,aesthetic-v2\n"
                "goldpan run pictures --prompt-from '{prompt}_{seed}'",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
