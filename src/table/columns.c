/* SPDX-License-Identifier: MIT
 * Converts cells of text to numbers and vectors. */
#include "table/columns.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <string.h>

static bool is_absent(const char *cell)
{
    return !cell || !*cell || gp_str_equal_nocase(cell, "nan") || gp_str_equal_nocase(cell, "null") ||
           gp_str_equal_nocase(cell, "none");
}

static gp_status wrong(const gp_table *t, size_t row, size_t column, const char *what, gp_error *err)
{
    const char *cell = gp_table_cell(t, row, column);
    return gp_fail(err, GP_ERR_USAGE, "row %zu of '%s': '%.60s' in column '%.100s' is %s", row + 1, gp_table_name(t),
                   cell ? cell : "", gp_table_column(t, column), what);
}

gp_status gp_column_numbers(const gp_table *table, size_t column, double *out, gp_error *err)
{
    for (size_t i = 0; i < gp_table_rows(table); i++) {
        const char *cell = gp_table_cell(table, i, column);
        out[i] = NAN;
        if (is_absent(cell)) continue;
        if (gp_parse_double(cell, &out[i])) continue;
        if (gp_str_equal_nocase(cell, "true"))
            out[i] = 1;
        else if (gp_str_equal_nocase(cell, "false"))
            out[i] = 0;
        else
            return wrong(table, i, column, "not a number", err);
    }
    return GP_OK;
}

/* Reads one cell into out [d].  If *d is 0, the cell is the first: sets *d to its length and allocates all rows. */
static gp_status take_vector(const gp_table *t, size_t row, size_t column, float **out, size_t *d, gp_error *err)
{
    const char *cell = gp_table_cell(t, row, column);
    gp_json *root = NULL;
    gp_status st = GP_OK;
    if (!cell || gp_json_parse(cell, strlen(cell), false, 4, &root, NULL) != GP_OK ||
        gp_json_kind_of(root) != GP_JSON_ARRAY || gp_json_count(root) == 0) {
        gp_json_free(root);
        return wrong(t, row, column, "not a vector such as [0.1, 0.2]", err);
    }
    if (*d == 0) {
        size_t numbers;
        *d = gp_json_count(root);
        if (!gp_size_mul(*d, gp_table_rows(t), &numbers))
            GP_TRY_GOTO(gp_fail_path(err, GP_ERR_LIMIT, "the vectors of '%s' do not fit in memory", gp_table_name(t)));
        GP_TRY_GOTO(gp_alloc_aligned((void **)out, numbers, sizeof **out, "the vectors", err));
    }
    if (gp_json_count(root) != *d)
        GP_TRY_GOTO(wrong(t, row, column, "not as long as the vectors of the earlier rows", err));
    for (size_t j = 0; j < *d; j++) {
        double value;
        if (!gp_json_real(gp_json_at(root, j), &value))
            GP_TRY_GOTO(wrong(t, row, column, "not a vector of numbers", err));
        (*out)[row * *d + j] = (float)value;
        if (!isfinite((*out)[row * *d + j]))
            GP_TRY_GOTO(wrong(t, row, column, "not a vector of float32 numbers, because a number is too large", err));
    }
out:
    gp_json_free(root);
    return st;
}

gp_status gp_column_vectors(const gp_table *table, size_t column, float **out, size_t *d, gp_error *err)
{
    float *rows = NULL;
    size_t width = 0;
    if (gp_table_rows(table) == 0) return gp_fail_path(err, GP_ERR_USAGE, "'%s' has no rows", gp_table_name(table));
    for (size_t i = 0; i < gp_table_rows(table); i++) {
        gp_status st = take_vector(table, i, column, &rows, &width, err);
        if (st == GP_OK) continue;
        gp_mem_free(rows);
        return st;
    }
    *out = rows, *d = width;
    return GP_OK;
}
