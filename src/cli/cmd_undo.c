/* SPDX-License-Identifier: MIT
 * goldpan undo: undoes an export, or lists the exports. */
#include "base/str.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "options/common_options.h"

#include <stdio.h>
#include <time.h>

/* in the order of the enum gp_export_mode */
static const char *const modes[] = {"copy", "hardlink", "symlink", "no-files", "move", "reflink", "strip-metadata"};

/* ------------------------------------------------------------------ the list */

typedef struct listing {
    gp_cli *cli;
    gp_str *json; /* elements of an array, with --json */
    uint64_t count;
} listing;

static const char *state_of(const gp_export_entry *e)
{
    return e->running ? "running" : e->undone_at ? "undone" : e->broken_off ? "interrupted" : "done";
}

static void put_json(gp_str *json, const gp_export_entry *e)
{
    gp_cli_json_object(json);
    gp_cli_json_count(json, "number", e->number);
    gp_cli_json_count(json, "at", (uint64_t)(e->at > 0 ? e->at : 0));
    gp_cli_json_text(json, "mode", modes[e->mode]);
    gp_cli_json_text(json, "folder", e->folder);
    gp_cli_json_text(json, "name", e->name);
    gp_cli_json_count(json, "files", e->files);
    gp_cli_json_text(json, "state", state_of(e));
    gp_cli_json_count(json, "left", e->left);
    gp_str_putc(json, '}');
}

static bool list_one(void *user, const gp_export_entry *e)
{
    listing *l = user;
    char date[40] = "", count[32];
    struct tm local;
    time_t at = (time_t)e->at;
    l->count++;
    if (l->cli->json) {
        put_json(l->json, e);
        return true;
    }
    if (localtime_r(&at, &local)) strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &local);
    snprintf(count, sizeof count, "%llu", (unsigned long long)e->number);
    gp_cli_put_field(count, '\t');
    gp_cli_put_field(date, '\t');
    gp_cli_put_field(modes[e->mode], '\t');
    snprintf(count, sizeof count, "%llu", (unsigned long long)e->files);
    gp_cli_put_field(count, '\t');
    gp_cli_put_field(state_of(e), '\t');
    gp_cli_put_field(e->folder, '\n');
    return true;
}

static int list(gp_cli *cli, gp_catalog *catalog)
{
    gp_error err = {0};
    gp_str json = GP_STR_INIT, elements = GP_STR_INIT;
    listing l = {.cli = cli, .json = &elements};
    int code = GP_EXIT_OK;
    if (gp_exports(catalog, list_one, &l, &err) != GP_OK) {
        gp_str_clear(&elements);
        return gp_cli_fail(cli, &err);
    }
    if (l.count == 0) {
        gp_term_warn(&cli->term, "goldpan: no export is recorded");
        code = GP_EXIT_NOTHING;
    }
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        gp_cli_json_array(&json, "exports", &elements);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&elements);
    return code;
}

/* ------------------------------------------------------------------ an undo */

typedef struct left_alone {
    gp_cli *cli;
    gp_str *json; /* elements of an array, with --json */
} left_alone;

static void tell_left(void *user, const char *path, const char *why)
{
    left_alone *l = user;
    gp_term_say(&l->cli->term, "left alone '%s': %s", path, why);
    if (!l->cli->json) return;
    gp_cli_json_object(l->json);
    gp_cli_json_text(l->json, "path", path);
    gp_cli_json_text(l->json, "why", why);
    gp_str_putc(l->json, '}');
}

static void put_part(gp_str *s, uint64_t count, const char *what)
{
    if (count) gp_str_printf(s, "%s%llu %s", s->size ? ", " : "", (unsigned long long)count, what);
}

static void say(gp_cli *cli, const gp_undo_report *r)
{
    gp_str s = GP_STR_INIT;
    put_part(&s, r->removed, r->removed == 1 ? "copy or link deleted" : "copies or links deleted");
    put_part(&s, r->moved, gp_plural(r->moved, "file moved back", "files moved back"));
    put_part(&s, r->tables, gp_plural(r->tables, "table deleted", "tables deleted"));
    put_part(&s, r->folders, gp_plural(r->folders, "folder deleted", "folders deleted"));
    put_part(&s, r->kept,
             r->kept == 1 ? "table kept, because another export wrote it too"
                          : "tables kept, because other exports wrote them too");
    put_part(&s, r->gone, "already gone");
    put_part(&s, r->left, "left alone");
    gp_term_say(&cli->term, "%s export %llu: %s", cli->dry_run ? "would undo" : "undid", (unsigned long long)r->number,
                s.size ? s.data : "nothing, because it found every file in its place");
    gp_str_clear(&s);
}

static bool on_progress(void *user, const gp_progress *progress)
{
    left_alone *l = user;
    return gp_term_progress(&l->cli->term, progress);
}

static void put_report(gp_str *json, gp_cli *cli, const gp_undo_report *r)
{
    gp_cli_json_count(json, "undone", r->number);
    gp_cli_json_bool(json, "dry_run", cli->dry_run);
    gp_cli_json_count(json, "removed", r->removed);
    gp_cli_json_count(json, "moved", r->moved);
    gp_cli_json_count(json, "tables", r->tables);
    gp_cli_json_count(json, "folders", r->folders);
    gp_cli_json_count(json, "kept", r->kept);
    gp_cli_json_count(json, "gone", r->gone);
    gp_cli_json_count(json, "left", r->left);
}

static int undo(gp_cli *cli, gp_catalog *catalog, uint64_t number)
{
    gp_error err = {0};
    gp_undo_options options = GP_UNDO_DEFAULTS;
    gp_undo_report report = GP_INIT(gp_undo_report);
    gp_str json = GP_STR_INIT, elements = GP_STR_INIT;
    left_alone l = {cli, &elements};
    options.number = number;
    options.dry_run = cli->dry_run;
    options.left = tell_left;
    options.progress = on_progress;
    options.user = &l;
    if (gp_undo(catalog, &options, &report, &err) != GP_OK) {
        gp_str_clear(&elements);
        if (err.status == GP_ERR_NOT_FOUND && !number) return gp_cli_fail_as(cli, &err, GP_EXIT_NOTHING);
        return gp_cli_fail(cli, &err);
    }
    say(cli, &report);
    int code = report.left ? GP_EXIT_PARTIAL : GP_EXIT_OK;
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "catalog", gp_catalog_path(catalog));
        put_report(&json, cli, &report);
        gp_cli_json_array(&json, "alone", &elements);
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_str_clear(&elements);
    return code;
}

static int run(gp_cli *cli)
{
    gp_error err = {0};
    gp_catalog *catalog = NULL;
    uint64_t number = 0;
    if (cli->arg_count && (!gp_parse_u64(cli->args[0], &number) || number == 0))
        return gp_cli_usage(cli, "'%s' is no number of an export; list them with goldpan undo --list", cli->args[0]);
    if (gp_cli_catalog_open(cli, NULL, cli->list_exports ? GP_CATALOG_READ_IF_MUST : 0, &catalog, &err) != GP_OK)
        return gp_cli_fail(cli, &err);
    int code = cli->list_exports ? list(cli, catalog) : undo(cli, catalog, number);
    gp_catalog_close(catalog);
    return code;
}

static const gp_cli_option options[] = {
    GP_CLI_CATALOG,
    GP_CLI_FLAG("list", 0, list_exports, "list the exports: number, date, mode, number of files, state and folder",
                .excludes = "dry-run ARGUMENT"),
    GP_CLI_FLAG("dry-run", 0, dry_run, "report what an undo would do, without doing it"), GP_CLI_COMMON};

const gp_cli_command gp_cmd_undo = {
    .name = "undo",
    .arguments = "[NUMBER]",
    .summary = "Undo an export: delete its copies, move its files back",
    .about = "Undoes the export with this number; without a number, the last export that is not undone.\n\n"
             "Deletes a copy, a link or a table only if it still has the content that goldpan wrote.  Deletes a copy "
             "only if its original, or another file of the catalog, still has this content.  Moves a file back only "
             "if no file is at its old path.  Deletes a table only if no other export, "
             "which is not undone, wrote a table of this name to the folder.  Deletes the folders that the export "
             "made, if they are empty.  Leaves "
             "everything else alone, and says why.  Then the exit code is 3, and a second undo of the same number "
             "tries again.\n\n"
             "A killed export can also be undone.  A site (goldpan export --site) is not recorded.",
    .examples = "goldpan undo --list --catalog pictures\n"
                "goldpan undo --dry-run --catalog pictures\n"
                "goldpan undo 7 --catalog pictures",
    .options = options,
    .most = 1,
    .run = run,
};
