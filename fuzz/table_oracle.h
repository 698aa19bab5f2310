/* SPDX-License-Identifier: MIT
 * Checks of a table that was read: every gp_table_ function works on it, and a copy that is written as CSV or JSON and
 * read again is equal to the table. */
#ifndef GP_FUZZ_TABLE_ORACLE_H
#define GP_FUZZ_TABLE_ORACLE_H

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "ingest/match.h"
#include "table/table.h"

#include <stdlib.h>
#include <string.h>

static inline void put_quoted(gp_str *out, const char *text)
{
    gp_str_putc(out, '"');
    for (; text && *text; text++) {
        if (*text == '"') gp_str_putc(out, '"');
        gp_str_putc(out, *text);
    }
    gp_str_putc(out, '"');
}

static inline void write_csv(gp_str *out, const gp_table *t)
{
    size_t columns = gp_table_columns(t);
    for (size_t c = 0; c < columns; c++) {
        if (c) gp_str_putc(out, ',');
        put_quoted(out, gp_table_column(t, c));
    }
    for (size_t r = 0; r < gp_table_rows(t); r++)
        for (size_t c = 0; c < columns; c++) {
            gp_str_putc(out, c ? ',' : '\n');
            put_quoted(out, gp_table_cell(t, r, c));
        }
}

static inline void write_json(gp_str *out, const gp_table *t)
{
    for (size_t r = 0; r < gp_table_rows(t); r++) {
        gp_str_puts(out, r ? ",{" : "[{");
        for (size_t c = 0; c < gp_table_columns(t); c++) {
            const char *cell = gp_table_cell(t, r, c);
            if (c) gp_str_putc(out, ',');
            gp_json_put_string(out, gp_table_column(t, c));
            gp_str_putc(out, ':');
            if (cell)
                gp_json_put_string(out, cell);
            else
                gp_str_puts(out, "null");
        }
        gp_str_putc(out, '}');
    }
    gp_str_puts(out, gp_table_rows(t) ? "]" : "[]");
}

static inline bool same_cells(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !(a && *a) && !(b && *b);
}

static inline void check_same(const gp_table *a, const gp_table *b)
{
    if (gp_table_rows(a) != gp_table_rows(b)) abort();
    if (!gp_table_rows(a)) return;
    if (gp_table_columns(a) != gp_table_columns(b)) abort();
    for (size_t c = 0; c < gp_table_columns(a); c++) {
        if (strcmp(gp_table_column(a, c), gp_table_column(b, c)) != 0) abort();
        for (size_t r = 0; r < gp_table_rows(a); r++)
            if (!same_cells(gp_table_cell(a, r, c), gp_table_cell(b, r, c))) abort();
    }
}

/* Makes image paths from the first rows, and matches them with the rows. Checks that each image gets at most one row,
 * and each row at most one image. */
static inline void ask(const gp_table *t)
{
    enum { MOST = 16 };
    char *paths[MOST];
    size_t rows[MOST], n = 0;
    gp_match_counts counts;
    const char *root = "/fuzz/below";
    for (size_t r = 0; r < gp_table_rows(t) && gp_table_columns(t) && n < MOST; r++) {
        gp_str path = GP_STR_INIT;
        const char *cell = gp_table_cell(t, r, 0);
        if (!cell || !*cell || strlen(cell) > 300) continue;
        gp_str_printf(&path, "%s%s", r % 3 ? "/fuzz/" : "/fuzz/below/", cell);
        paths[n] = gp_str_take(&path);
        n += paths[n] != NULL;
    }
    if (!n) return;
    if (gp_match_rows(t, 0, (const char *const *)paths, n, &root, 1, NULL, rows, &counts, NULL) != GP_OK) abort();
    for (size_t i = 0; i < n; i++) {
        if (rows[i] != SIZE_MAX && rows[i] >= gp_table_rows(t)) abort();
        for (size_t k = 0; k < i; k++)
            if (rows[i] != SIZE_MAX && rows[i] == rows[k]) abort();
    }
    for (size_t i = 0; i < n; i++) gp_mem_free(paths[i]);
}

static inline void check_table(const uint8_t *data, size_t size, const char *kind, bool as_json)
{
    gp_table *t = NULL, *again = NULL;
    gp_str out = GP_STR_INIT;
    gp_error err = {0};
    if (gp_table_parse("/fuzz/table", data, size, kind, &t, &err) != GP_OK) {
        if (t || !err.message[0]) abort();
        return;
    }
    ask(t);
    if (as_json)
        write_json(&out, t);
    else
        write_csv(&out, t);
    if (gp_table_columns(t)) {
        if (gp_table_parse("/fuzz/table", out.data, out.size, as_json ? "json" : "csv", &again, &err) != GP_OK) abort();
        check_same(t, again);
    }
    gp_table_close(again);
    gp_str_clear(&out);
    gp_table_close(t);
}

#endif
