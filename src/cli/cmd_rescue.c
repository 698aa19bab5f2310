/* SPDX-License-Identifier: MIT
 * goldpan check reports whether the catalog is sound.  goldpan rescue makes a new catalog from the parts of the old one
 * that can be read, and from the journal of marks. */
#include "base/mem.h"
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"

#include <stdio.h>

/* ------------------------------------------------------------------ check */

typedef struct printer {
    gp_cli *cli;
    gp_str json;
} printer;

static bool put_problem(void *user, const gp_catalog_problem *problem)
{
    printer *p = user;
    if (p->cli->json) {
        gp_cli_json_object(&p->json);
        gp_cli_json_text(&p->json, "problem", problem->what);
        gp_cli_json_count(&p->json, "count", problem->count);
        gp_cli_json_text(&p->json, "advice", problem->advice);
        gp_str_putc(&p->json, '}');
    } else {
        gp_cli_put_field(problem->what, '\t');
        gp_cli_put_field(problem->advice, '\n');
    }
    return true;
}

/* The argument may be the catalog's folder or the catalog file itself. */
static gp_status check_path(gp_cli *cli, char **path, gp_error *err)
{
    const char *first = cli->arg_count ? cli->args[0] : NULL;
    if (!first || gp_cli_is_folder(first)) return gp_cli_catalog_path(cli, cli->args, cli->arg_count, 0, path, err);
    cli->catalog = first;
    return gp_cli_catalog_path(cli, NULL, 0, 0, path, err);
}

static int run_check(gp_cli *cli)
{
    gp_error err = {0};
    printer p = {.cli = cli};
    char *path = NULL;
    uint64_t problems = 0;
    gp_str json = GP_STR_INIT;
    gp_status st = check_path(cli, &path, &err);
    if (st == GP_OK) st = gp_catalog_check(path, gp_term_go_on, NULL, put_problem, &p, &problems, &err);
    int code = st != GP_OK ? gp_cli_fail(cli, &err) : problems ? GP_EXIT_FAILURE : GP_EXIT_OK;
    if (st == GP_OK)
        gp_term_say(&cli->term, problems ? "catalog '%s' has %llu %s" : "catalog '%s' is sound", path,
                    (unsigned long long)problems, gp_plural(problems, "problem", "problems"));
    if (st == GP_OK && cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", path);
        gp_cli_json_bool(&json, "sound", problems == 0);
        gp_cli_json_array(&json, "problems", &p.json);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&json);
    gp_str_clear(&p.json);
    gp_mem_free(path);
    return code;
}

/* ------------------------------------------------------------------ rescue */

static void say_rescue(gp_cli *cli, const gp_rescue_report *r)
{
    if (r->sound && !cli->out)
        gp_term_say(&cli->term, "the catalog is sound, so it was not replaced");
    else
        gp_term_say(&cli->term, "the new catalog has %llu rows of the old catalog%s", (unsigned long long)r->rows,
                    r->lost ? "; others could not be read" : "");
    if (r->kept[0]) gp_term_say(&cli->term, "the old catalog is now '%s'", r->kept);
    if (r->marks + r->views + r->picks + r->plans)
        gp_term_say(
            &cli->term,
            "restored from the journal of marks: marks %llu, saved views %llu, picks %llu, generation plans %llu",
            (unsigned long long)r->marks, (unsigned long long)r->views, (unsigned long long)r->picks,
            (unsigned long long)r->plans);
    else if (!r->waiting)
        gp_term_say(&cli->term, "the journal of marks contains nothing that the catalog lacks");
}

/* Reports images that have no prompt after their files were read again. */
static void say_without_prompt(gp_cli *cli, const gp_report *added)
{
    char message[200];
    if (!added->without_prompt) return;
    snprintf(message, sizeof message,
             "%llu %s no prompt now: to read prompts from a table again, run `goldpan add DIR --prompts FILE`",
             (unsigned long long)added->without_prompt, gp_plural(added->without_prompt, "image has", "images have"));
    gp_cli_note(cli, &(gp_note){"rescue-without-prompt", message, added->without_prompt});
}

/* Adds the user's folders to the new catalog.  Marks in the journal apply only to images that the catalog contains. */
static gp_status add_folders(gp_cli *cli, const char *path, gp_report *report, gp_error *err)
{
    gp_catalog *catalog = NULL;
    gp_add_options options = GP_ADD_DEFAULTS;
    gp_cli_add_options(cli, &options);
    GP_TRY(gp_catalog_open(path, 0, &catalog, err));
    gp_status st = gp_add(catalog, &options, report, err);
    if (st == GP_OK) gp_cli_say_add(cli, report), say_without_prompt(cli, report);
    gp_catalog_close(catalog);
    return st;
}

static int print_rescue(gp_cli *cli, const char *path, const gp_rescue_report *r, const gp_report *added)
{
    gp_str json = GP_STR_INIT;
    gp_str_putc(&json, '{');
    gp_cli_json_text(&json, "catalog", path);
    gp_cli_json_bool(&json, "sound", r->sound);
    gp_cli_json_text(&json, "kept", r->kept[0] ? r->kept : NULL);
    gp_cli_json_count(&json, "rows", r->rows);
    gp_cli_json_count(&json, "lost", r->lost);
    gp_cli_json_count(&json, "marks", r->marks);
    gp_cli_json_count(&json, "views", r->views);
    gp_cli_json_count(&json, "picks", r->picks);
    gp_cli_json_count(&json, "plans", r->plans);
    gp_cli_json_count(&json, "waiting", r->waiting);
    if (cli->arg_count) gp_cli_json_report(&json, "add", added);
    gp_cli_json_notes(&json, cli);
    gp_str_putc(&json, '}');
    return gp_cli_json_print(cli, &json, added->failed ? GP_EXIT_PARTIAL : GP_EXIT_OK);
}

static int run_rescue(gp_cli *cli)
{
    gp_error err = {0};
    char *path = NULL;
    gp_rescue_options options = GP_RESCUE_DEFAULTS;
    gp_rescue_report report = GP_INIT(gp_rescue_report);
    gp_report added = GP_INIT(gp_report);
    options.out = cli->out;
    options.go_on = gp_term_go_on;
    options.note = gp_cli_note, options.note_user = cli;
    gp_status st = gp_cli_check_roots(cli, &err);
    /* use the folder's own .goldpan even if its catalog is lost, because otherwise the catalog of a parent folder would
     * be rescued instead */
    if (st == GP_OK)
        st = gp_cli_catalog_path(cli, cli->args, cli->arg_count, GP_CATALOG_CREATE | GP_CLI_OWN, &path, &err);
    if (st == GP_OK) st = gp_catalog_rescue(path, &options, &report, &err);
    if (st == GP_OK) say_rescue(cli, &report);
    const char *made = cli->out ? cli->out : path;
    if (st == GP_OK && cli->arg_count) st = add_folders(cli, made, &added, &err);
    int code = st == GP_OK ? added.failed ? GP_EXIT_PARTIAL : GP_EXIT_OK : gp_cli_fail(cli, &err);
    if (st == GP_OK && !cli->arg_count && report.waiting)
        gp_term_say(&cli->term,
                    "%llu entries of the journal belong to images that are not in the catalog: run `goldpan add DIR`",
                    (unsigned long long)report.waiting);
    if (st == GP_OK && cli->json) code = print_rescue(cli, made, &report, &added);
    gp_mem_free(path);
    return code;
}

static const gp_cli_option check_options[] = {GP_CLI_CATALOG_NOT_DIR, GP_CLI_COMMON};
static const gp_cli_option rescue_options[] = {
    GP_CLI_OPTION("out", 0, GP_OPT_TEXT, "FILE", out,
                  "write the new catalog to this file, and leave the old one unchanged (default: replace it)"),
    GP_CLI_CATALOG, GP_CLI_THREADS_AS(.needs = "ARGUMENT"), GP_CLI_MAX_PIXELS_AS(.needs = "ARGUMENT"), GP_CLI_COMMON};

const gp_cli_command gp_cmd_check = {
    .name = "check",
    .arguments = "[DIR|FILE.db]",
    .summary = "Check that the catalog and its journal of marks are sound",
    .about = "Prints one line for each problem: what is wrong and what to do, separated by a tab.  Reads the whole "
             "catalog and changes nothing.  Exit code 0: no problems; 1: problems.",
    .examples = "goldpan check pictures\ngoldpan check --catalog copy.db --json",
    .options = check_options,
    .most = 1,
    .keeps_nothing = true,
    .run = run_check,
};

const gp_cli_command gp_cmd_rescue = {
    .name = "rescue",
    .arguments = "[DIR|FILE...]",
    .summary = "Create a new catalog from a damaged or lost one",
    .about = "Reads what is readable in the old catalog, and the flags, stars, saved views, picks and plans in the "
             "journal of marks beside it.  Then adds the images of DIR, so that every mark finds its image.  The old "
             "catalog stays under another name; nothing is deleted.\n\n"
             "goldpan score computes lost scores again.  With DIR, the command also reads the prompts in image files "
             "and in text files beside them.  To read the prompts of a table again, run goldpan add DIR --prompts "
             "TABLE.  A line reports how many images have no prompt.",
    .examples = "goldpan rescue pictures\ngoldpan rescue --catalog damaged.db --out new.db pictures",
    .options = rescue_options,
    .most = SIZE_MAX,
    .run = run_rescue,
};
