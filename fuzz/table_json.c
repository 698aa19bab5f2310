/* SPDX-License-Identifier: MIT
 * JSON tables in all their forms: reads a table, writes it as records, and reads it again.  Input with an odd number
 * of bytes is read as JSON lines. */
#include "table_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* each input is parsed as one kind of table, because parsing it as all three kinds would take three times as
     * long */
    check_table(data, size, size % 2 ? "jsonl" : "json", true);
    return 0;
}
