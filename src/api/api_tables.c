/* SPDX-License-Identifier: MIT
 * Implements goldpan/tables.h: tables from files. */
#include "api/api.h"

#include "base/clock.h"
#include "table/columns.h"

/* gp_columns is the public name of gp_table. */
static const gp_table *table_of(const gp_columns *columns)
{
    return (const gp_table *)(const void *)columns;
}

static bool goes_on(void *user)
{
    return gp_progress_meter_update(user, 0, 0);
}

gp_status gp_columns_open(const char *path, gp_progress_fn progress, void *user, gp_note_fn note, void *note_user,
                          gp_columns **out, gp_error *err)
{
    gp_table *table = NULL;
    gp_progress_meter ticker;
    API_NEEDS(path);
    API_NEEDS(out);
    gp_progress_meter_init(&ticker, "table", 0, progress, user);
    GP_TRY(gp_table_read(path, &(gp_watch){.go_on = goes_on, .user = &ticker}, &table, err));
    gp_table_notes(table, note, note_user);
    *out = (gp_columns *)(void *)table;
    return GP_OK;
}

void gp_columns_close(gp_columns *table)
{
    gp_table_close((gp_table *)(void *)table);
}

size_t gp_columns_rows(const gp_columns *table)
{
    return gp_table_rows(table_of(table));
}

size_t gp_columns_count(const gp_columns *table)
{
    return gp_table_columns(table_of(table));
}

const char *gp_columns_name(const gp_columns *table, size_t column)
{
    return gp_table_column(table_of(table), column);
}

size_t gp_columns_find(const gp_columns *table, const char *name)
{
    return gp_table_find(table_of(table), name);
}

const char *gp_columns_cell(const gp_columns *table, size_t row, size_t column)
{
    return gp_table_cell(table_of(table), row, column);
}

gp_status gp_columns_numbers(const gp_columns *table, size_t column, double *out, gp_error *err)
{
    API_NEEDS(table);
    API_NEEDS(out);
    return gp_column_numbers(table_of(table), column, out, err);
}

gp_status gp_columns_vectors(const gp_columns *table, size_t column, float **out, size_t *d, gp_error *err)
{
    API_NEEDS(table);
    API_NEEDS(out);
    API_NEEDS(d);
    return gp_column_vectors(table_of(table), column, out, d, err);
}
