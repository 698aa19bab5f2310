/* SPDX-License-Identifier: MIT
 * CSV and TSV tables: read, written with every cell in quotes, read again. */
#include "table_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_table(data, size, "csv", false);
    check_table(data, size, "tsv", false);
    return 0;
}
