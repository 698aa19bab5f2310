/* SPDX-License-Identifier: MIT
 * goldpan slices --table: slices of anyone's table, without a catalog. */
#ifndef GP_CLI_SLICES_TABLE_H
#define GP_CLI_SLICES_TABLE_H

#include "cli/options.h"

/* The exit code. */
int gp_cli_slices_table(gp_cli *cli);

#endif
