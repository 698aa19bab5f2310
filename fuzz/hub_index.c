/* SPDX-License-Identifier: MIT
 * The index of a sharded model.  For every input: each returned name is a plain file name. */
#include "base/str.h"
#include "net/hub_cache.h"
#include "net/hub_index.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char **names = NULL;
    size_t count = 0;
    gp_error err = {0};
    if (size > 1 << 16) return 0;
    if (gp_hub_shards((const char *)data, size, &names, &count, &err) != GP_OK) return 0;
    if (count == 0) abort();
    for (size_t i = 0; i < count; i++) {
        if (strchr(names[i], '/') || names[i][0] == '.' ||
            !(gp_str_ends(names[i], ".safetensors") || gp_str_ends(names[i], ".bin")))
            abort();
        if (i > 0 && strcmp(names[i - 1], names[i]) >= 0) abort();
    }
    gp_hub_shards_free(names, count);
    return 0;
}
