/* SPDX-License-Identifier: MIT
 * CSV and TSV tables: reads a table, writes it with every cell in quotes, and reads it again. */
#include "table_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_table(data, size, "csv", false);
    check_table(data, size, "tsv", false);
    return 0;
}
