/* SPDX-License-Identifier: MIT
 * Implements gp_generate of goldpan/stages.h. */
#include "api/api.h"

#include "generation/generation.h"

static gp_status check_options(const gp_generate_options *given, gp_generate_options *o, gp_error *err)
{
    static const gp_generate_options usual = GP_GENERATE_DEFAULTS;
    API_NEEDS(given);
    API_READ(gp_generate_options, o, given);
    if (!o->prompts && !o->again) return gp_fail(err, GP_ERR_USAGE, "`prompts` is not set: name a table of prompts");
    if (!o->backend && !o->again)
        return gp_fail(err, GP_ERR_USAGE, "`backend` is not set: give the generator's address, or a command");
    if (!o->folder) return gp_fail(err, GP_ERR_USAGE, "`folder` is not set: name a folder for the images");
    if (o->per_prompt < 1 || o->per_prompt > 100000)
        return gp_fail(err, GP_ERR_USAGE, "the number of images per prompt must be 1 to 100000, not %u", o->per_prompt);
    if (o->jobs < 1 || o->jobs > 64)
        return gp_fail(err, GP_ERR_USAGE, "the number of images requested at once must be 1 to 64, not %d", o->jobs);
    if (!(o->min_gain >= 0))
        return gp_fail(err, GP_ERR_USAGE, "the minimum gain must be 0 or more, not %g", o->min_gain);
    if (!(o->timeout >= 0) || o->timeout > 1e9)
        return gp_fail(err, GP_ERR_USAGE, "the time limit must be 0 to 1000000000 seconds, not %g", o->timeout);
    if (o->tries < 1) o->tries = 1;
    if (o->seed > INT64_MAX)
        return gp_fail(err, GP_ERR_USAGE, "the seed must be below 2^63, not %llu", (unsigned long long)o->seed);
    if (o->no_seed && o->again)
        return gp_fail(err, GP_ERR_USAGE, "generating images again needs their seeds: leave out `no_seed`");
    if (o->no_seed && o->seed != usual.seed)
        return gp_fail(err, GP_ERR_USAGE, "`seed` cannot be combined with `no_seed`");
    return GP_OK;
}

gp_status gp_generate_check(const gp_generate_options *options, gp_error *err)
{
    gp_generate_options o = GP_GENERATE_DEFAULTS;
    GP_TRY(check_options(options, &o, err));
    return gp_stage_generate_check(&o, err);
}

gp_status gp_generate(gp_catalog *catalog, const gp_model *model, const gp_generate_options *options,
                      gp_generate_report *report, gp_error *err)
{
    gp_generate_options o = GP_GENERATE_DEFAULTS;
    API_NEEDS(catalog);
    GP_TRY(check_options(options, &o, err));
    if (o.adaptive && !model)
        return gp_fail(err, GP_ERR_USAGE, "adaptive generation needs a model to score the images: pass `model`");
    gp_generate_report ours = {0};
    API_OUTPUT(gp_generate_report, report);
    return gp_api_give(
        report, &ours, sizeof ours,
        gp_stage_generate(catalog, model ? model->encoder : NULL, model ? model->name : NULL, &o, &ours, err));
}
