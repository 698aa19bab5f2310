/* SPDX-License-Identifier: MIT
 * Parses A1111 infotext. */
#include "meta_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_meta meta = {0};
    gp_status st = gp_meta_a1111((const char *)data, size, &meta, NULL);
    check_meta(st, &meta);
    return 0;
}
