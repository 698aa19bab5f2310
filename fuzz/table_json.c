/* SPDX-License-Identifier: MIT
 * JSON tables in all their forms: read, written as records, read again. */
#include "table_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_table(data, size, "json", true);
    check_table(data, size, "jsonl", true);
    check_table(data, size, NULL, true);
    return 0;
}
