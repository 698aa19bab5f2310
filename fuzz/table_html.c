/* SPDX-License-Identifier: MIT
 * The log.html of Fooocus: reads a table, writes it as JSON, and reads it again. */
#include "table_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_str page = GP_STR_INIT;
    gp_str_puts(&page, "<html><p>Fooocus Log</p>"); /* other bytes are for the targets of other tables */
    gp_str_add(&page, data, size);
    if (!page.failed) check_table((const uint8_t *)page.data, page.size, NULL, true);
    gp_str_clear(&page);
    return 0;
}
