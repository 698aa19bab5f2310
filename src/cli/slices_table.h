/* SPDX-License-Identifier: MIT
 * goldpan slices --table: finds slices of a table, without a catalog. */
#ifndef GP_CLI_SLICES_TABLE_H
#define GP_CLI_SLICES_TABLE_H

#include "options/options.h"

/* Returns the exit code. */
int gp_cli_slices_table(gp_cli *cli);

#endif
