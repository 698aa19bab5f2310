/* SPDX-License-Identifier: MIT
 * Tables on stdout with a line of heads: fields between tabs, columns on a terminal. */
#ifndef GP_CLI_LISTING_H
#define GP_CLI_LISTING_H

#include "base/str.h"

enum { GP_CLI_MOST_COLUMNS = 12 };
typedef struct gp_cli_table {
    const char *const *heads; /* [columns] */
    size_t columns;           /* at most GP_CLI_MOST_COLUMNS */
    unsigned left;            /* bit k: column k is words, not numbers */
    gp_str cells;             /* each with its zero byte */
    size_t count;             /* of cells */
} gp_cli_table;

/* The next cell, row by row.  Control characters become blanks. */
void gp_cli_table_cell(gp_cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Print and clear; false when memory was short: then nothing is printed. */
bool gp_cli_table_print(gp_cli_table *table);

#endif
