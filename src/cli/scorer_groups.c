/* SPDX-License-Identifier: MIT
 * See scorer_groups.h. */
#include "cli/scorer_groups.h"

#include "base/mem.h"
#include "cli/context.h"
#include "options/listing.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ grouping */

typedef struct kind_search {
    const char *name;
    size_t length;
    const char *model;
} kind_search;

static bool see_kind(void *user, const gp_scorer_kind *kind)
{
    kind_search *s = user;
    if (strlen(kind->name) != s->length || memcmp(kind->name, s->name, s->length) != 0) return true;
    s->model = kind->model;
    return false;
}

/* Returns the group with this model; creates it if there is none; NULL: too many. */
static gp_cli_group *group_of(gp_cli_groups *groups, const char *model)
{
    for (size_t i = 0; i < groups->count; i++) {
        const char *other = groups->items[i].model;
        if (model == other || (model && other && strcmp(model, other) == 0)) return &groups->items[i];
    }
    if (groups->count == GP_CLI_MOST_GROUPS) return NULL;
    gp_cli_group *group = &groups->items[groups->count++];
    *group = (gp_cli_group){.model = model, .scorers = GP_STR_INIT};
    return group;
}

/* Adds one scorer, NAME or NAME:ARGUMENT. */
static gp_status add_scorer(const gp_cli *cli, gp_cli_groups *groups, const char *named, size_t length, gp_error *err)
{
    kind_search search = {.name = named, .length = strcspn(named, ":,")};
    if (!length) return gp_fail(err, GP_ERR_USAGE, "the list of scorers '%.100s' has an empty name", cli->scorer);
    GP_TRY(gp_scorer_kinds(see_kind, &search, err)); /* gp_score rejects a scorer that does not exist */
    const char *own = cli->model ? NULL : search.model;
    gp_cli_group *group = group_of(groups, own ? own : groups->usual);
    if (!group) return gp_fail(err, GP_ERR_USAGE, "--scorer needs more than %d models", GP_CLI_MOST_GROUPS);
    group->chosen = group->chosen || !own;
    gp_str_printf(&group->scorers, "%s%.*s", group->scorers.size ? "," : "", (int)length, named);
    return group->scorers.failed ? gp_fail_memory(err, "the scorers") : GP_OK;
}

gp_status gp_cli_groups_make(gp_cli *cli, gp_catalog *catalog, gp_cli_groups *out, gp_error *err)
{
    *out = (gp_cli_groups){0};
    /* If the command chooses a model that another scorer needs too, both share a group.  Without such a model the
     * choice is made, and fails, when the group is opened. */
    if (!cli->model && cli->scorer && strchr(cli->scorer, ','))
        GP_TRY(gp_cli_model_usual(cli, catalog, &out->usual, err));
    for (const char *at = cli->scorer; at;) {
        const size_t length = gp_str_item(at);
        GP_TRY(add_scorer(cli, out, at, length, err));
        at = at[length] ? at + length + 1 : NULL;
    }
    if (out->count == 0) group_of(out, NULL)->chosen = true;
    gp_cli_group *probed = &out->items[0];
    for (size_t i = 0; i < out->count; i++)
        if (out->items[i].chosen) probed = &out->items[i];
    probed->probes = true;
    return GP_OK;
}

void gp_cli_groups_clear(gp_cli_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) gp_str_clear(&groups->items[i].scorers);
    gp_mem_free(groups->usual);
    *groups = (gp_cli_groups){0};
}

/* ------------------------------------------------------------------ models */

gp_status gp_cli_groups_check(const gp_cli *cli, const gp_cli_groups *groups, gp_error *err)
{
    for (size_t i = 0; i < groups->count; i++) {
        const char *name = groups->items[i].model;
        char *folder = NULL;
        if (!name && groups->count == 1) continue; /* gp_cli_group_open chooses the model */
        if (!name) GP_TRY(gp_cli_model_name(cli, &name, err));
        GP_TRY(gp_model_find(name, cli->revision, &folder, err));
        gp_free(folder);
    }
    return GP_OK;
}

gp_status gp_cli_group_open(gp_cli *cli, gp_catalog *catalog, const gp_cli_group *group, gp_score_options *options,
                            gp_model **model, gp_error *err)
{
    const char *names = group->scorers.size ? group->scorers.data : NULL;
    options->scorer = names;
    options->probes = NULL, options->probe_count = 0;
    if (group->probes) options->probes = cli->probes.items, options->probe_count = cli->probes.count;
    if (group->chosen) return gp_cli_model_open_scoring(cli, catalog, model, err);
    return gp_cli_model_open_named(cli, group->model, names, model, err);
}

/* ------------------------------------------------------------------ the list */

typedef struct kind_list {
    gp_str *json;
    gp_cli_table table; /* without JSON */
} kind_list;

static bool put_kind(void *user, const gp_scorer_kind *kind)
{
    kind_list *l = user;
    if (!l->json) {
        if (kind->argument)
            gp_cli_table_cell(&l->table, kind->argument_optional ? "%s[:%s]" : "%s:%s", kind->name, kind->argument);
        else
            gp_cli_table_cell(&l->table, "%s", kind->name);
        gp_cli_table_cell(&l->table, "%s", kind->needs_text ? "yes" : "no");
        gp_cli_table_cell(&l->table, "%s", kind->scale);
        gp_cli_table_cell(&l->table, "%s", kind->model ? kind->model : "any CLIP model");
        gp_cli_table_cell(&l->table, "%s", kind->licence);
        gp_cli_table_cell(&l->table, "%s", kind->looks_at);
        return !l->table.cells.failed;
    }
    gp_cli_json_object(l->json);
    gp_cli_json_text(l->json, "name", kind->name);
    gp_cli_json_text(l->json, "argument", kind->argument);
    gp_cli_json_bool(l->json, "argument_optional", kind->argument_optional);
    gp_cli_json_bool(l->json, "needs_text", kind->needs_text);
    gp_cli_json_bool(l->json, "higher_better", kind->higher_better);
    gp_cli_json_text(l->json, "scale", kind->scale);
    gp_cli_json_text(l->json, "model", kind->model);
    gp_cli_json_text(l->json, "licence", kind->licence);
    gp_cli_json_text(l->json, "looks_at", kind->looks_at);
    gp_str_putc(l->json, '}');
    return !l->json->failed;
}

int gp_cli_list_scorers(gp_cli *cli)
{
    static const char *const heads[] = {"scorer", "needs prompt", "score", "model", "licence", "looks at"};
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    kind_list list = {.json = cli->json ? &json : NULL, .table = {heads, 6, 0x3f, {0}, 0}};
    if (cli->json) gp_str_puts(&json, "{\"scorers\":[");
    bool good = gp_scorer_kinds(put_kind, &list, &err) == GP_OK;
    if (good && !gp_cli_table_print(&list.table)) good = gp_fail_memory(&err, "the table") == GP_OK;
    if (!good) {
        gp_str_clear(&list.table.cells);
        gp_str_clear(&json);
        return gp_cli_fail(cli, &err);
    }
    if (!cli->json) return GP_EXIT_OK;
    gp_str_puts(&json, "]}");
    return gp_cli_json_print(cli, &json, GP_EXIT_OK);
}
