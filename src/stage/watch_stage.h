/* SPDX-License-Identifier: MIT
 * The stage watch: adds and scores images while other programs write them. */
#ifndef GP_STAGE_WATCH_STAGE_H
#define GP_STAGE_WATCH_STAGE_H

#include "base/status.h"
#include "model/encoder.h"

/* gp_watch_options with all structs copied. */
typedef struct gp_watch_parts {
    gp_add_options add;
    gp_score_options score;
    gp_pick_options pick;
    bool has_pick, new_only;
    double poll, idle;
    void (*scored)(void *user, const gp_row *row);
    void *scored_user;
    gp_progress_fn progress;
    void *user;
} gp_watch_parts;
/* *report is filled even if the stage was stopped or failed. */
gp_status gp_stage_watch(gp_catalog *cat, const gp_encoder *encoder, const char *model_name,
                         const gp_watch_parts *parts, gp_watch_report *report, gp_error *err);

#endif
