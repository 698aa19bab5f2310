/* SPDX-License-Identifier: MIT
 * goldpan watch: scores new images as other programs write them. */
#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/scorer_groups.h"
#include "options/common_options.h"

#include <string.h>

static void put_line(const gp_row *row)
{
    char score[32], rank[48];
    snprintf(score, sizeof score, "%.2f", row->score);
    if (row->rank == 1)
        snprintf(rank, sizeof rank, "best of %lu", (unsigned long)row->candidates);
    else
        snprintf(rank, sizeof rank, "%lu of %lu", (unsigned long)row->rank, (unsigned long)row->candidates);
    gp_cli_put_field(row->path, '\t');
    gp_cli_put_field(score, '\t');
    gp_cli_put_field(row->prompt, '\t');
    gp_cli_put_field(rank, '\n');
}

static void put_json(gp_str *json)
{
    gp_str_putc(json, '}');
    if (!json->failed) puts(json->data);
    gp_str_clear(json);
}

/* Prints a line for a new score, at once. */
static void on_scored(void *user, const gp_row *row)
{
    gp_cli *cli = user;
    gp_str json = GP_STR_INIT;
    if (cli->bests && row->rank != 1) return;
    gp_term_clear(&cli->term);
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "event", "score");
        gp_cli_json_text(&json, "path", row->path);
        gp_cli_json_real(&json, "score", row->score);
        gp_cli_json_text(&json, "prompt", row->prompt);
        gp_cli_json_count(&json, "rank", row->rank);
        gp_cli_json_count(&json, "candidates", row->candidates);
        gp_cli_json_bool(&json, "best", row->rank == 1);
        gp_cli_json_text(&json, "evidence", row->evidence);
        gp_cli_json_text(&json, "hash", row->hash);
        put_json(&json);
    } else {
        put_line(row);
    }
    fflush(stdout);
}

/* Notes go to standard error only, because there is no end of their number. A folder that is empty at the start is
 * usual. */
static void on_note(void *user, const gp_note *note)
{
    gp_cli *cli = user;
    if (strcmp(note->code, "empty-folder") == 0 || strcmp(note->code, "no-images") == 0) return;
    gp_term_say(&cli->term, "%s", note->message);
}

static double rate_of(const gp_watch_report *r)
{
    return r->busy_seconds > 0 ? (double)r->scored / r->busy_seconds : 0;
}

static void say_summary(gp_cli *cli, const gp_watch_report *r)
{
    gp_str s = GP_STR_INIT;
    char text[16];
    gp_term_clock(r->seconds, text);
    gp_str_printf(&s, "scored %llu %s in %s", (unsigned long long)r->scored, gp_plural(r->scored, "image", "images"),
                  text);
    if (r->scored) gp_str_printf(&s, ", %.1f/s while busy", rate_of(r));
    if (r->bests)
        gp_str_printf(&s, ", %llu the best of %s", (unsigned long long)r->bests,
                      gp_plural(r->bests, "its prompt", "their prompt"));
    if (r->without_prompt) gp_str_printf(&s, ", %llu without a prompt", (unsigned long long)r->without_prompt);
    if (r->failed) gp_str_printf(&s, ", %llu failed", (unsigned long long)r->failed);
    if (r->picked) gp_str_printf(&s, ", picked %llu", (unsigned long long)r->picked);
    if (!s.failed) gp_term_say(&cli->term, "%s", s.data);
    gp_str_clear(&s);
}

static void put_summary(gp_cli *cli, const gp_catalog *catalog, const gp_model *model, const gp_watch_report *r)
{
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_str json = GP_STR_INIT;
    gp_model_info(model, &facts, NULL);
    gp_str_putc(&json, '{');
    gp_cli_json_text(&json, "event", "end");
    gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
    gp_cli_json_text(&json, "model", facts.name);
    gp_cli_json_text(&json, "precision", facts.precision);
    gp_cli_json_count(&json, "added", r->added);
    gp_cli_json_count(&json, "scored", r->scored);
    gp_cli_json_count(&json, "bests", r->bests);
    gp_cli_json_count(&json, "failed", r->failed);
    gp_cli_json_count(&json, "without_prompt", r->without_prompt);
    gp_cli_json_count(&json, "incomplete", r->incomplete);
    gp_cli_json_count(&json, "picked", r->picked);
    gp_cli_json_count(&json, "batches", r->batches);
    gp_cli_json_real(&json, "seconds", r->seconds);
    gp_cli_json_real(&json, "busy_seconds", r->busy_seconds);
    put_json(&json);
    cli->json_printed = true;
}

static int finish(gp_cli *cli, gp_catalog *catalog, const gp_model *model, gp_status st, const gp_watch_report *report,
                  const gp_error *err)
{
    int code = report->failed ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    say_summary(cli, report);
    if (report->failed) gp_cli_say_failures(cli, catalog, NULL, report->failed);
    if (st != GP_OK && st != GP_ERR_STOPPED) return gp_cli_fail(cli, err);
    if (cli->json) put_summary(cli, catalog, model, report);
    return st == GP_OK ? code : gp_term_signal() ? 128 + gp_term_signal() : GP_EXIT_INTERRUPTED;
}

/* Opens the model of the scorers, which must all need the same model. */
static gp_status open_group(gp_cli *cli, gp_catalog *catalog, gp_cli_groups *groups, gp_score_options *score,
                            gp_model **model, gp_error *err)
{
    GP_TRY(gp_cli_groups_make(cli, catalog, groups, err));
    if (groups->count > 1)
        return gp_fail(err, GP_ERR_USAGE, "the scorers '%s' need %zu models, but goldpan watch keeps only one open",
                       cli->scorer, groups->count);
    return gp_cli_group_open(cli, catalog, &groups->items[0], score, model, err);
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_model *model = NULL;
    gp_watch_options options = GP_WATCH_DEFAULTS;
    gp_watch_report report = GP_INIT(gp_watch_report);
    gp_add_options add;
    gp_score_options score;
    gp_pick_options pick;
    gp_cli_groups groups = {0};
    char *path = NULL;
    int code;
    gp_cli_add_options(cli, &add);
    gp_cli_score_options(cli, &score);
    gp_cli_pick_options(cli, &pick);
    add.note = score.note = pick.note = on_note;
    add.note_user = score.note_user = pick.note_user = cli;
    options.add = &add, options.score = &score, options.pick = cli->pick_again ? &pick : NULL;
    options.new_only = cli->new_only;
    if (cli->poll.set) options.poll = cli->poll.value;
    if (cli->idle.set) options.idle = cli->idle.value;
    options.scored = on_scored, options.scored_user = cli;
    options.progress = gp_term_progress, options.user = &cli->term;
    /* open the model before creating a catalog, so that a missing model leaves no empty catalog */
    if (gp_cli_check_roots(cli, &err) != GP_OK || gp_cli_check_folders(cli, &err) != GP_OK ||
        gp_cli_catalog_open_old(cli, cli->args, cli->arg_count, GP_CATALOG_CREATE, &path, &catalog, &err) != GP_OK ||
        open_group(cli, catalog, &groups, &score, &model, &err) != GP_OK ||
        (!catalog && gp_cli_catalog_open_at(path, GP_CATALOG_CREATE, &catalog, &err) != GP_OK)) {
        code = gp_cli_fail(cli, &err);
    } else {
        gp_status st = gp_watch_folders(catalog, model, &options, &report, &err);
        code = finish(cli, catalog, model, st, &report, &err);
    }
    gp_cli_groups_clear(&groups);
    gp_mem_free(path);
    gp_model_close(model);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    GP_CLI_TABLE,
    GP_CLI_PROMPT_FROM,
    GP_CLI_FLAG("new-only", 0, new_only, "leave out the images that exist already"),
    GP_CLI_FLAG("best", 0, bests, "print only images that are the best of their prompt so far"),
    GP_CLI_FLAG("pick", 0, pick_again, "pick the best images again after new scores"),
    GP_CLI_OPTION("per-prompt", 'k', GP_OPT_COUNT, "K", per_prompt,
                  "pick at most K images of each prompt; 0: no limit (default: 1)", .range = GP_CLI_FROM_U32(0),
                  .needs = "pick"),
    GP_CLI_OPTION("min-score", 0, GP_OPT_REAL, "S", min_score,
                  "pick only images with a raw score of at least S, on the scale 0 to 100 (default: no limit)",
                  .needs = "pick"),
    GP_CLI_OPTION("poll", 0, GP_OPT_REAL, "SECONDS", poll,
                  "search the folders every SECONDS seconds (default: 2 for network folders; for other folders the "
                  "system reports changes)",
                  .range = GP_CLI_FROM_TO(0.1, 86400)),
    GP_CLI_OPTION("until-idle", 0, GP_OPT_REAL, "SECONDS", idle,
                  "end when no new image has come for SECONDS seconds (default: only Ctrl-C ends the command)",
                  .range = GP_CLI_FROM_TO(0.1, 1e9)),
    GP_CLI_MODEL(GP_CLI_MODEL_SCORING),
    GP_CLI_LOADING(.needs = NULL),
    GP_CLI_FAST_DECODE(.needs = NULL),
    GP_CLI_LONG_PROMPT(.needs = NULL),
    GP_CLI_SCORING,
    GP_CLI_MAX_PIXELS,
    GP_CLI_THREADS,
    GP_CLI_BATCH,
    GP_CLI_COMMON_AS("print one JSON object a line on standard output: the new scores, then a summary")};

const gp_cli_command gp_cmd_watch = {
    .name = "watch",
    .arguments = "DIR...",
    .summary = "Score new images as a generator writes them",
    .about =
        "Adds and scores the images in the folders, and then each new image a moment after it is written.  Prints a "
        "line for each new score: path, score, prompt, and the rank within the prompt, such as \"best of 5\" or \"2 of "
        "5\".  An open explorer shows the new images by itself.\n\n"
        "An image that is still being written is read when it is complete.  An image whose prompt comes later, in a "
        "text file beside it, is scored then.  Folders may disappear and return.  Folders on the network are searched "
        "every 2 seconds.\n\n"
        "The command runs until Ctrl-C or --until-idle.  All finished results are stored; the same command continues.",
    .examples = "goldpan watch ComfyUI/output --model openai/clip-vit-base-patch32\n"
                "goldpan watch outputs --new-only --best\n"
                "goldpan watch outputs --until-idle 60 --pick --json",
    .options = options,
    .least = 1,
    .most = SIZE_MAX,
    .run = run,
};
