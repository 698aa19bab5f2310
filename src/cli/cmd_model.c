/* SPDX-License-Identifier: MIT
 * goldpan model list, get and info: list the models in the cache, download a model, describe a model. */
#include "cli/commands.h"
#include "options/common_options.h"
#include "cli/context.h"
#include "options/listing.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ list */

struct listing {
    gp_cli *cli;
    gp_str *json;
    gp_cli_table table; /* without --json */
    uint64_t count, cached;
};

static const char *const list_heads[] = {"model", "revision", "size", "state"};

static bool put_model(void *user, const gp_cached_model *m)
{
    struct listing *l = user;
    char size[16];
    l->count++;
    l->cached += !m->bundled;
    if (!l->json) {
        gp_term_bytes((double)m->bytes, size);
        gp_cli_table_cell(&l->table, "%s", m->name);
        gp_cli_table_cell(&l->table, "%s", m->revision ? m->revision : "-");
        gp_cli_table_cell(&l->table, "%s", size);
        bool latest = !m->revision || !strcmp(m->revision, "main");
        if (m->lacks)
            gp_cli_table_cell(&l->table, "incomplete: %s is missing; complete it with: goldpan model get %s%s%s",
                              m->lacks, m->name, latest ? "" : " --revision ", latest ? "" : m->revision);
        else
            gp_cli_table_cell(&l->table, "%s%s", m->usable ? "usable" : "not usable",
                              m->bundled ? ", bundled for the sample" : "");
        return !l->table.cells.failed;
    }
    gp_cli_json_object(l->json);
    gp_cli_json_text(l->json, "name", m->name);
    gp_cli_json_text(l->json, "revision", m->revision);
    gp_cli_json_text(l->json, "folder", m->folder);
    gp_cli_json_count(l->json, "bytes", m->bytes);
    gp_cli_json_bool(l->json, "usable", m->usable);
    gp_cli_json_bool(l->json, "bundled", m->bundled);
    gp_cli_json_text(l->json, "lacks", m->lacks);
    gp_str_putc(l->json, '}');
    return !l->json->failed;
}

static int run_list(gp_cli *cli)
{
    gp_error err = {0};
    gp_str json = GP_STR_INIT;
    struct listing listing = {.cli = cli, .json = cli->json ? &json : NULL, .table = {list_heads, 4, 0xb, {0}, 0}};
    if (cli->json) gp_str_puts(&json, "{\"models\":[");
    if (gp_model_list(put_model, &listing, &err) != GP_OK) {
        gp_str_clear(&listing.table.cells);
        gp_str_clear(&json);
        return gp_cli_fail(cli, &err);
    }
    if (!gp_cli_table_print(&listing.table)) {
        gp_fail_memory(&err, "the table");
        return gp_cli_fail(cli, &err);
    }
    if (listing.cached == 0)
        gp_term_say(&cli->term,
                    "the cache contains no models; to download one: goldpan model get openai/clip-vit-large-patch14");
    if (!cli->json) return GP_EXIT_OK;
    gp_str_puts(&json, "]}");
    return gp_cli_json_print(cli, &json, GP_EXIT_OK);
}

static const gp_cli_option list_options[] = {GP_CLI_COMMON};

const gp_cli_command gp_cmd_model_list = {
    .name = "model list",
    .arguments = "",
    .summary = "List the models in the Hugging Face cache",
    .about = "Prints a header line and one line for each model: name, revision, size, and whether goldpan can use it.  "
             "In a pipe, tabs separate the columns.  The bundled model comes first.  It works only for the images of "
             "the sample.",
    .examples = "goldpan model list",
    .options = list_options,
    .least = 0,
    .most = 0,
    .run = run_list,
};

/* ------------------------------------------------------------------ get */

/* Returns the text for a licence that may be unknown. */
static const char *licence_of(const char *licence)
{
    return licence ? licence : "not known to goldpan; see the model's page";
}

static int run_get(gp_cli *cli)
{
    gp_error err = {0};
    char *folder = NULL;
    gp_str json = GP_STR_INIT;
    gp_fetch_options options = GP_FETCH_DEFAULTS;
    options.revision = cli->revision;
    options.force = cli->force;
    options.progress = gp_term_progress;
    options.user = &cli->term;
    if (gp_model_fetch(cli->args[0], &options, &folder, &err) != GP_OK) return gp_cli_fail(cli, &err);
    gp_term_clear(&cli->term);
    int code = GP_EXIT_OK;
    if (cli->json) {
        gp_str_putc(&json, '{');
        gp_cli_json_text(&json, "name", cli->args[0]);
        gp_cli_json_text(&json, "folder", folder);
        gp_cli_json_text(&json, "licence", gp_model_licence(cli->args[0]));
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    } else
        puts(folder);
    const char *licence = gp_model_licence(cli->args[0]);
    if (licence) gp_term_say(&cli->term, "licence: %s", licence);
    gp_free(folder);
    return code;
}

static const gp_cli_option get_options[] = {
    GP_CLI_OPTION("revision", 0, GP_OPT_TEXT, "REV", revision,
                  "branch, tag or commit of the model on the hub (default: main)"),
    GP_CLI_FLAG("force", 0, force, "ask the hub for a newer version, and verify the files in the cache"),
    GP_CLI_COMMON};

const gp_cli_command gp_cmd_model_get = {
    .name = "model get",
    .arguments = "ORG/NAME",
    .summary = "Download a CLIP model from the Hugging Face hub",
    .about = "Downloads into the cache that Python programs use too, and prints the folder of the model.  A download "
             "ends with an error if less than 1 KiB arrives in 10 seconds ($HF_HUB_DOWNLOAD_TIMEOUT).  The same "
             "command continues an interrupted download.\n\n"
             "Environment: HF_ENDPOINT (a mirror), HF_HOME, HF_HUB_CACHE, HF_TOKEN (for gated and private models), "
             "HF_HUB_OFFLINE.",
    .examples = "goldpan model get openai/clip-vit-base-patch32\n"
                "HF_ENDPOINT=https://hf-mirror.com goldpan model get openai/clip-vit-large-patch14",
    .options = get_options,
    .least = 1,
    .most = 1,
    .run = run_get,
};

/* ------------------------------------------------------------------ info */

static void text(gp_str *json, const char *name, const char *value)
{
    if (json)
        gp_cli_json_text(json, name, value);
    else {
        printf("%-14s ", name);
        gp_cli_put_field(value, '\n');
    }
}

static void number(gp_str *json, const char *name, uint64_t value)
{
    if (json)
        gp_cli_json_count(json, name, value);
    else
        printf("%-14s %llu\n", name, (unsigned long long)value);
}

static void put_facts(gp_str *json, const gp_model_facts *f)
{
    text(json, "name", f->name);
    text(json, "folder", f->folder);
    text(json, "licence", json ? f->licence : licence_of(f->licence));
    text(json, "weight_hash", f->weight_hash);
    text(json, "preprocess_id", f->preprocess_id);
    text(json, "precision", f->precision);
    text(json, "engine", f->engine);
    text(json, "dtype", f->dtype);
    text(json, "activation", f->activation);
    number(json, "parameters", f->parameters);
    number(json, "embedding", f->embedding);
    if (f->has_image_tower) {
        number(json, "image_side", f->image_side);
        number(json, "patch", f->patch);
        number(json, "image_width", f->image_width);
        number(json, "image_layers", f->image_layers);
        number(json, "image_heads", f->image_heads);
    }
    if (f->has_text_tower) {
        number(json, "text_width", f->text_width);
        number(json, "text_layers", f->text_layers);
        number(json, "text_heads", f->text_heads);
        number(json, "context", f->context);
        number(json, "vocabulary", f->vocabulary);
    }
    if (json)
        gp_cli_json_real(json, "logit_scale", f->logit_scale);
    else
        printf("%-14s %.6g\n", "logit_scale", f->logit_scale);
}

static int run_info(gp_cli *cli)
{
    gp_error err = {0};
    gp_model *model = NULL;
    gp_model_facts facts = GP_INIT(gp_model_facts);
    gp_str json = GP_STR_INIT;
    int code = GP_EXIT_OK;
    if (cli->arg_count) cli->model = cli->args[0];
    if (gp_cli_model_open(cli, NULL, &model, &err) != GP_OK) return gp_cli_fail(cli, &err);
    gp_model_info(model, &facts, NULL);
    if (cli->json) gp_str_putc(&json, '{');
    put_facts(cli->json ? &json : NULL, &facts);
    if (cli->json) {
        gp_str_putc(&json, '}');
        code = gp_cli_json_print(cli, &json, code);
    }
    gp_model_close(model);
    return code;
}

static const gp_cli_option info_options[] = {GP_CLI_MODEL(GP_CLI_MODEL_ANY, .excludes = "ARGUMENT"),
                                             GP_CLI_LOADING(.needs = NULL), GP_CLI_FAST_DECODE(.needs = NULL),
                                             GP_CLI_COMMON};

const gp_cli_command gp_cmd_model_info = {
    .name = "model info",
    .arguments = "[NAME|DIR]",
    .summary = "Print the sizes, the precision and the hash of a model",
    .about = "Opens the model as goldpan score does, and prints one line for each fact: its name, then its value.",
    .examples = "goldpan model info openai/clip-vit-base-patch32",
    .options = info_options,
    .least = 0,
    .most = 1,
    .run = run_info,
};
