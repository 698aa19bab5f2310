/* SPDX-License-Identifier: MIT
 * Tables on stdout with a header line: fields separated by tabs in a pipe, aligned columns on a terminal. */
#ifndef GP_OPTIONS_LISTING_H
#define GP_OPTIONS_LISTING_H

#include "base/str.h"

enum { GP_CLI_MOST_COLUMNS = 12 };
typedef struct gp_cli_table {
    const char *const *heads; /* [columns] */
    size_t columns;           /* at most GP_CLI_MOST_COLUMNS */
    unsigned left;            /* bit k set: column k is text, aligned left; not set: numbers, aligned right */
    gp_str cells;             /* the texts of the cells, each followed by a zero byte */
    size_t count;             /* number of cells */
} gp_cli_table;

/* Adds the next cell, row by row.  Control characters become blanks. */
void gp_cli_table_cell(gp_cli_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds the next cell, or "-" if `known` is NaN. */
void gp_cli_table_real(gp_cli_table *table, double known, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints the table and clears it.  False: out of memory, and nothing was printed. */
bool gp_cli_table_print(gp_cli_table *table);

#endif
