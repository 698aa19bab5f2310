/* SPDX-License-Identifier: MIT
 * A table's columns as numbers and as vectors. */
#ifndef GP_TABLE_COLUMNS_H
#define GP_TABLE_COLUMNS_H

#include "table/table.h"

/* out [rows]; absent and empty cells, "nan" and "null" are NaN.  USAGE names the first cell that is no number. */
gp_status gp_column_numbers(const gp_table *table, size_t column, double *out, gp_error *err);
/* Cells like "[0.1, 0.2]", all of one length.  Owns: *out [rows, d], gp_mem_free.  USAGE names the first that is none.
 */
gp_status gp_column_vectors(const gp_table *table, size_t column, float **out, size_t *d, gp_error *err);

#endif
