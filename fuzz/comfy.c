/* SPDX-License-Identifier: MIT
 * Reads the prompts of ComfyUI graphs. */
#include "meta_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_meta meta = {0};
    gp_status st = gp_meta_comfy((const char *)data, size, NULL, &meta, NULL);
    check_meta(st, &meta);
    return 0;
}
