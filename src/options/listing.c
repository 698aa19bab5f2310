/* SPDX-License-Identifier: MIT
 *
 * Tables on stdout: a header line, then one line for each row.  In a pipe, tabs separate the fields; on a terminal each
 * column is as wide as its widest cell.  A table without rows prints nothing. */
#include "options/listing.h"

#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void __attribute__((format(printf, 2, 0))) add_cell(gp_cli_table *t, const char *format, va_list args)
{
    size_t start = t->cells.size;
    gp_str_vprintf(&t->cells, format, args);
    for (size_t i = start; i < t->cells.size; i++)
        if ((unsigned char)t->cells.data[i] < ' ' || t->cells.data[i] == 0x7f) t->cells.data[i] = ' ';
    gp_str_putc(&t->cells, '\0'); /* ends the cell */
    t->count++;
}

void gp_cli_table_cell(gp_cli_table *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_cell(t, format, args);
    va_end(args);
}

void gp_cli_table_real(gp_cli_table *t, double known, const char *format, ...)
{
    va_list args;
    if (isnan(known)) {
        gp_cli_table_cell(t, "-");
        return;
    }
    va_start(args, format);
    add_cell(t, format, args);
    va_end(args);
}

/* Returns the width in characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++) width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void put_padded(const char *text, size_t width, bool right)
{
    size_t have = width_of(text), gap = have < width ? width - have : 0;
    if (right) printf("%*s", (int)gap, "");
    fputs(text, stdout);
    if (!right) printf("%*s", (int)gap, "");
}

/* Prints the header and all cells, row by row. width [columns]: width of each column; NULL: separates the cells by
 * tabs. */
static void put_all(const gp_cli_table *t, const size_t *width)
{
    const char *cell = t->cells.data;
    for (size_t i = 0; i < t->columns + t->count; i++) {
        size_t k = i % t->columns;
        bool last = k + 1 == t->columns, left = t->left >> k & 1;
        const char *text = i < t->columns ? t->heads[i] : cell;
        if (!width || (last && left))
            fputs(text, stdout);
        else
            put_padded(text, width[k], !left);
        fputs(last ? "\n" : width ? "  " : "\t", stdout);
        if (i >= t->columns) cell += strlen(cell) + 1;
    }
}

bool gp_cli_table_print(gp_cli_table *t)
{
    size_t width[GP_CLI_MOST_COLUMNS] = {0};
    bool good = !t->cells.failed;
    if (good && t->count) {
        const char *cell = t->cells.data;
        for (size_t k = 0; k < t->columns; k++) width[k] = width_of(t->heads[k]);
        for (size_t i = 0; i < t->count; i++, cell += strlen(cell) + 1) {
            size_t wide = width_of(cell);
            if (wide > width[i % t->columns]) width[i % t->columns] = wide;
        }
        put_all(t, isatty(STDOUT_FILENO) ? width : NULL);
    }
    gp_str_clear(&t->cells);
    t->count = 0;
    return good;
}
