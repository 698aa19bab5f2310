/* SPDX-License-Identifier: MIT
 * Implements gp_explore of goldpan/outputs.h. */
#include "api/api.h"

#include "base/mem.h"
#include "catalog/read_all.h"
#include "serve/serve.h"

#include <stdio.h>

typedef struct talk {
    const gp_explore_options *options;
    const char *note;
} talk;

static void listening(void *user, const char *url)
{
    const talk *t = user;
    if (t->options->listening) t->options->listening(t->options->user, url, t->note);
}

/* Finds the folder of the model for searches.  A model that the caller names must exist.  The catalog's own model may
 * be missing: *folder is then NULL, and the note says what does not work. */
static gp_status find_model(gp_catalog *catalog, const gp_explore_options *o, char **folder, char note[512],
                            gp_error *err)
{
    gp_cat_summary facts = {0};
    gp_error inner = {0};
    if (o->model) return gp_model_find(o->model, o->revision, folder, err);
    GP_TRY(gp_cat_summary_read(catalog, NULL, &facts, err));
    if (facts.model && gp_model_find(facts.model, o->revision, folder, &inner) != GP_OK)
        snprintf(note, 512,
                 "search by words does not work: model '%s', which computed the embeddings of this catalog, is not on "
                 "this machine; name its folder with --model",
                 facts.model);
    gp_cat_summary_clear(&facts);
    return GP_OK;
}

gp_status gp_explore(gp_catalog *catalog, const gp_explore_options *options, gp_error *err)
{
    gp_explore_options o = GP_EXPLORE_DEFAULTS;
    char note[512] = "", *folder = NULL;
    API_NEEDS(catalog);
    API_READ(gp_explore_options, &o, options);
    GP_TRY(find_model(catalog, &o, &folder, note, err));
    talk t = {&o, *note ? note : NULL};
    gp_serve_setup setup = {.catalog = catalog,
                            .model_folder = folder,
                            .precision = o.precision,
                            .engine = o.engine,
                            .port = o.port,
                            .exact_port = o.exact_port,
                            .readonly = o.readonly,
                            .backend = o.backend,
                            .protocol = o.protocol,
                            .login = o.login,
                            .token = o.token,
                            .new_key = o.new_key,
                            .listening = listening,
                            .listening_user = &t,
                            .progress = o.progress,
                            .user = o.user};
    gp_status st = gp_serve_run(&setup, err);
    gp_mem_free(folder);
    return st;
}
