/* SPDX-License-Identifier: MIT
 * The commands.  Each has its table in cmd_<name>.c. */
#ifndef GP_CLI_COMMANDS_H
#define GP_CLI_COMMANDS_H

#include "options/options.h"

extern const gp_cli_command gp_cmd_run, gp_cmd_add, gp_cmd_score, gp_cmd_pick, gp_cmd_explore, gp_cmd_export,
    gp_cmd_undo, gp_cmd_sheet, gp_cmd_slices, gp_cmd_words, gp_cmd_tour, gp_cmd_neighbours, gp_cmd_cluster, gp_cmd_map,
    gp_cmd_generate, gp_cmd_regenerate, gp_cmd_categories, gp_cmd_duplicates, gp_cmd_status, gp_cmd_show,
    gp_cmd_model_list, gp_cmd_model_get, gp_cmd_model_info, gp_cmd_embed, gp_cmd_tokens, gp_cmd_bench, gp_cmd_check,
    gp_cmd_rescue, gp_cmd_mark, gp_cmd_unpack, gp_cmd_watch, gp_cmd_ratings_read, gp_cmd_ratings_write;

#endif
