/* SPDX-License-Identifier: MIT
 * Reads a table's columns as numbers or as vectors. */
#ifndef GP_TABLE_COLUMNS_H
#define GP_TABLE_COLUMNS_H

#include "table/table.h"

/* Writes a column's numbers to out [rows].  Absent and empty cells, "nan" and "null" become NaN.  A USAGE error names
 * the first cell that is not a number. */
gp_status gp_column_numbers(const gp_table *table, size_t column, double *out, gp_error *err);
/* Reads cells like "[0.1, 0.2]", all of the same length.  Owned: *out [rows, d] (gp_mem_free).  A USAGE error names
 * the first cell that is not such a vector. */
gp_status gp_column_vectors(const gp_table *table, size_t column, float **out, size_t *d, gp_error *err);

#endif
