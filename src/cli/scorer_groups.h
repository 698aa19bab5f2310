/* SPDX-License-Identifier: MIT
 * The scorers of --scorer and --probe, grouped by the model that they need, so that each model is opened once. */
#ifndef GP_CLI_SCORER_GROUPS_H
#define GP_CLI_SCORER_GROUPS_H

#include "options/options.h"

enum { GP_CLI_MOST_GROUPS = 16 };
typedef struct gp_cli_group {
    const char *model; /* hub name; NULL: the model that the command chooses */
    gp_str scorers;    /* names, separated by commas; empty: the default scorer */
    bool chosen;       /* the command chooses the model; if `model` is not NULL, it is the chosen one */
    bool probes;       /* the probes belong to this group */
} gp_cli_group;
typedef struct gp_cli_groups {
    size_t count;                           /* at least 1 */
    gp_cli_group items[GP_CLI_MOST_GROUPS]; /* the first one contains the first scorer of --scorer */
    char *usual;                            /* owned: the name that a `model` may point to */
} gp_cli_groups;

/* Groups the scorers.  With --model, there is one group.  The catalog, which may be NULL, decides which model the
 * command chooses.  The caller calls gp_cli_groups_clear, also after an error.  USAGE: an unknown scorer. */
gp_status gp_cli_groups_make(gp_cli *cli, gp_catalog *catalog, gp_cli_groups *out, gp_error *err);
void gp_cli_groups_clear(gp_cli_groups *groups);
/* Fails unless the models of all groups are on this machine. */
gp_status gp_cli_groups_check(const gp_cli *cli, const gp_cli_groups *groups, gp_error *err);
/* Opens the model of a group, and sets the scorers of `options`. */
gp_status gp_cli_group_open(gp_cli *cli, gp_catalog *catalog, const gp_cli_group *group, gp_score_options *options,
                            gp_model **model, gp_error *err);
/* Prints the table of scorers, or one JSON object.  Returns the exit code. */
int gp_cli_list_scorers(gp_cli *cli);

#endif
