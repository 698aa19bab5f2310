/* SPDX-License-Identifier: MIT
 * goldpan status: prints what the catalog contains, what failed, and which command to run next. */
#include "base/json.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <stdio.h>
#include <time.h>

static void line(const char *name, uint64_t count)
{
    printf("%-20s %llu\n", name, (unsigned long long)count);
}

/* Formats a time as "2026-11-29 17:46", in local time. */
static void when(int64_t at, char text[32])
{
    time_t seconds = (time_t)at;
    struct tm local;
    if (!at || !localtime_r(&seconds, &local) || !strftime(text, 32, "%Y-%m-%d %H:%M", &local))
        snprintf(text, 32, "not recorded when");
}

static bool put_scorer(void *user, const gp_scorer_facts *s)
{
    gp_str *json = user;
    char at[32], text[300];
    if (!json) {
        when(s->used_at, at);
        gp_cli_scorer_text(s, text);
        printf("%-20s %s: %llu %s, %s%s\n", "scores by", text, (unsigned long long)s->images,
               gp_plural(s->images, "image", "images"), at, s->last ? ", used last" : "");
        return true;
    }
    gp_cli_json_object(json);
    gp_cli_json_text(json, "id", s->id);
    gp_cli_json_text(json, "name", s->name);
    gp_cli_json_text(json, "model", s->model);
    gp_cli_json_text(json, "precision", s->precision);
    gp_cli_json_text(json, "preprocess_id", s->preprocess_id);
    gp_cli_json_count(json, "images", s->images);
    gp_cli_json_count(json, "picks", s->picks);
    gp_json_put_name(json, "used_at");
    gp_str_printf(json, s->used_at ? "%lld" : "null", (long long)s->used_at);
    gp_cli_json_bool(json, "last", s->last);
    gp_str_putc(json, '}');
    return !json->failed;
}

static gp_status put_scorers(gp_catalog *catalog, gp_str *json, gp_error *err)
{
    if (json) gp_json_put_name(json, "scorers"), gp_str_putc(json, '[');
    gp_status st = gp_catalog_scorers(catalog, put_scorer, json, err);
    if (json) gp_str_putc(json, ']');
    return st;
}

/* Prints the states of the images that `generate` planned, if there are any. */
static void put_requests(const gp_counts *c)
{
    const struct {
        const char *name;
        uint64_t count;
    } states[] = {{"  got", c->requests.got},
                  {"  planned", c->requests.planned},
                  {"  failed", c->requests.failed},
                  {"  refused", c->requests.refused},
                  {"  interrupted", c->requests.interrupted}};
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) all += states[i].count;
    if (all) line("generations", all);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (states[i].count) line(states[i].name, states[i].count);
}

static void put_lines(const char *path, const gp_counts *c)
{
    printf("%-20s %s\n", "catalog", path);
    line("images", c->images);
    line("paths", c->paths);
    line("paths missing", c->missing_paths);
    if (c->apart) line("set apart", c->apart);
    if (c->apart > c->black + c->noise) line("  grid", c->apart - c->black - c->noise);
    if (c->black) line("  black", c->black);
    if (c->noise) line("  noise", c->noise);
    line("prompts", c->prompts);
    line("images with prompt", c->images_with_prompt);
    line("  stated", c->stated);
    line("  derived", c->derived);
    line("  guess", c->guesses);
    line("quality measures", c->measured);
    line("image embeddings", c->image_embeddings);
    line("prompt embeddings", c->prompt_embeddings);
    line("scores", c->scores);
    line("picked by goldpan", c->picks);
    line("failures", c->failures);
    put_requests(c);
}

static void say_next(gp_cli *cli, const gp_counts *c)
{
    const char *next = c->images == 0               ? "goldpan add DIR"
                       : c->images_with_prompt == 0 ? "goldpan add DIR --prompts FILE"
                       : c->scores + c->apart < c->images_with_prompt - c->guesses && c->failures == 0 ? "goldpan score"
                       : c->scores > 0 && c->picks == 0                                                ? "goldpan pick"
                                                                                                       : NULL;
    fflush(stdout);
    if (next) gp_term_say(&cli->term, "next: %s", next);
}

static void put_json(gp_str *json, const char *path, const gp_counts *c)
{
    gp_cli_json_text(json, "catalog", path);
    gp_cli_json_count(json, "images", c->images);
    gp_cli_json_count(json, "paths", c->paths);
    gp_cli_json_count(json, "missing_paths", c->missing_paths);
    gp_cli_json_count(json, "missing_picks", c->missing_picks);
    gp_cli_json_count(json, "apart", c->apart);
    gp_json_put_name(json, "frames");
    gp_str_putc(json, '{');
    gp_cli_json_count(json, "black", c->black);
    gp_cli_json_count(json, "noise", c->noise);
    gp_str_putc(json, '}');
    gp_cli_json_count(json, "measured", c->measured);
    gp_cli_json_count(json, "prompts", c->prompts);
    gp_cli_json_count(json, "images_with_prompt", c->images_with_prompt);
    gp_json_put_name(json, "evidence");
    gp_str_putc(json, '{');
    gp_cli_json_count(json, "stated", c->stated);
    gp_cli_json_count(json, "derived", c->derived);
    gp_cli_json_count(json, "guess", c->guesses);
    gp_cli_json_count(json, "none", c->images - c->images_with_prompt);
    gp_str_putc(json, '}');
    gp_cli_json_count(json, "image_embeddings", c->image_embeddings);
    gp_cli_json_count(json, "prompt_embeddings", c->prompt_embeddings);
    gp_cli_json_count(json, "scores", c->scores);
    gp_cli_json_count(json, "picks", c->picks);
    gp_cli_json_count(json, "failure_count", c->failures);
    gp_json_put_name(json, "generations");
    gp_str_putc(json, '{');
    gp_cli_json_count(json, "planned", c->requests.planned);
    gp_cli_json_count(json, "got", c->requests.got);
    gp_cli_json_count(json, "failed", c->requests.failed);
    gp_cli_json_count(json, "refused", c->requests.refused);
    gp_cli_json_count(json, "interrupted", c->requests.interrupted);
    gp_str_putc(json, '}');
}

typedef struct missing_lines {
    gp_cli *cli;
    gp_str *json; /* NULL: print lines */
    unsigned shown;
} missing_lines;

static bool put_missing(void *user, const gp_missing *m)
{
    missing_lines *l = user;
    if (!l->json) {
        if (l->shown++ == 5) {
            gp_term_say(&l->cli->term, "  ...");
            return false;
        }
        gp_term_say(&l->cli->term, "missing: %llu %s, %llu of them picked by goldpan, in '%s'",
                    (unsigned long long)m->images, gp_plural(m->images, "image", "images"),
                    (unsigned long long)m->picks, m->folder);
        return true;
    }
    gp_cli_json_object(l->json);
    gp_cli_json_text(l->json, "folder", m->folder);
    gp_cli_json_count(l->json, "images", m->images);
    gp_cli_json_count(l->json, "picks", m->picks);
    gp_str_putc(l->json, '}');
    return !l->json->failed;
}

/* Reports the folders where images are missing. */
static gp_status put_all_missing(gp_cli *cli, gp_catalog *catalog, gp_str *json, gp_error *err)
{
    missing_lines lines = {cli, json, 0};
    if (json) gp_str_puts(json, ",\"missing\":[");
    gp_status st = gp_catalog_missing(catalog, put_missing, &lines, err);
    if (json) gp_str_putc(json, ']');
    return st;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    gp_counts counts = GP_INIT(gp_counts);
    gp_str json = GP_STR_INIT;
    int code = GP_EXIT_OK;
    if (gp_cli_catalog_open(cli, cli->arg_count ? cli->args[0] : NULL, GP_CATALOG_READONLY, &catalog, &err) != GP_OK ||
        gp_catalog_counts(catalog, &counts, &err) != GP_OK) {
        gp_catalog_close(catalog);
        return gp_cli_fail(cli, &err);
    }
    gp_status st = GP_OK;
    if (cli->json) {
        gp_str_putc(&json, '{');
        put_json(&json, gp_catalog_path(catalog), &counts);
        st = put_scorers(catalog, &json, &err);
        if (st == GP_OK) st = put_all_missing(cli, catalog, &json, &err);
    } else if (!cli->failures) {
        put_lines(gp_catalog_path(catalog), &counts);
        st = put_scorers(catalog, NULL, &err);
        if (st == GP_OK) st = put_all_missing(cli, catalog, NULL, &err);
        say_next(cli, &counts);
    }
    if (st != GP_OK) {
        gp_str_clear(&json);
        code = gp_cli_fail(cli, &err);
    } else if (cli->failures && gp_cli_put_failures(catalog, cli->json ? &json : NULL, &err) != GP_OK) {
        gp_str_clear(&json);
        code = gp_cli_fail(cli, &err);
    } else if (cli->json) {
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG_NOT_DIR, GP_CLI_FLAG("failures", 0, failures, "list the files that failed: path, stage, reason"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_status = {
    .name = "status",
    .arguments = "[DIR]",
    .summary = "Print what the catalog contains and what failed",
    .about = "Prints the number of images, prompts, embeddings, scores and goldpan's picks.  For each model that "
             "scored, prints "
             "its precision, the number of images with its scores, and the time of its last use.  Without --scorer or "
             "--model, other commands use the model that was used last.",
    .examples = "goldpan status pictures\ngoldpan status pictures --failures",
    .options = options,
    .least = 0,
    .most = 1,
    .run = run,
};
