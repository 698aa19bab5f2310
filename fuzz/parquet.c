/* SPDX-License-Identifier: MIT
 * Parquet tables: reads a table and all its cells. */
#include "table/table.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_table *t = NULL;
    size_t sum = 0;
    if (size < 4 || memcmp(data, "PAR1", 4) != 0 || gp_table_parse("fuzz.parquet", data, size, NULL, &t, NULL) != GP_OK)
        return 0;
    for (size_t r = 0; r < gp_table_rows(t); r++)
        for (size_t c = 0; c < gp_table_columns(t); c++) {
            const char *cell = gp_table_cell(t, r, c);
            sum += cell ? strlen(cell) : 1;
        }
    gp_table_close(t);
    return sum == SIZE_MAX; /* this condition is never true; it keeps the compiler from removing the reads */
}
