/* SPDX-License-Identifier: MIT
 * Implements gp_watch_folders of goldpan/stages.h. */
#include "api/api.h"

#include "stage/watch_stage.h"

gp_status gp_watch_folders(gp_catalog *catalog, const gp_model *model, const gp_watch_options *options,
                           gp_watch_report *report, gp_error *err)
{
    gp_watch_options o = GP_WATCH_DEFAULTS;
    gp_watch_report ours = {0};
    gp_watch_parts parts = {.add = GP_ADD_DEFAULTS, .score = GP_SCORE_DEFAULTS, .pick = GP_PICK_DEFAULTS};
    API_NEEDS(catalog);
    API_NEEDS(model);
    API_READ(gp_watch_options, &o, options);
    API_READ(gp_add_options, &parts.add, o.add);
    API_READ(gp_score_options, &parts.score, o.score);
    API_READ(gp_pick_options, &parts.pick, o.pick);
    API_OUTPUT(gp_watch_report, report);
    if (!parts.add.roots || !parts.add.root_count)
        return gp_fail(err, GP_ERR_USAGE, "`roots` is empty: name a folder to watch");
    if (!(o.poll >= 0) || !(o.idle >= 0)) return gp_fail(err, GP_ERR_USAGE, "`poll` and `idle` must be at least 0");
    parts.has_pick = o.pick != NULL, parts.new_only = o.new_only;
    parts.poll = o.poll, parts.idle = o.idle;
    parts.scored = o.scored, parts.scored_user = o.scored_user;
    parts.progress = o.progress, parts.user = o.user;
    return gp_api_give(report, &ours, sizeof ours,
                       gp_stage_watch(catalog, model->encoder, model->name, &parts, &ours, err));
}
