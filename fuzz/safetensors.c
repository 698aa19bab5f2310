/* SPDX-License-Identifier: MIT
 * safetensors in memory.  An accepted file must consist of its tensors: every byte of every tensor is read (by the
 * hash), names are sorted and can be found, and the sizes add up. */
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_error err = {0};
    gp_tensors *set = NULL;
    gp_hash hash;
    if (gp_tensors_open_memory(data, size, "fuzz", &set, &err) != GP_OK) {
        if (err.status == GP_OK || !strstr(err.message, "'fuzz'")) abort();
        return 0;
    }
    size_t bytes = 8;
    for (int i = 7, n = 0; i >= 0; i--) {
        n = n << 8 | data[i];
        if (i == 0) bytes += (size_t)n;
    }
    for (size_t i = 0; i < gp_tensors_count(set); i++) {
        const gp_tensor *t = gp_tensors_at(set, i);
        if (gp_tensors_find(set, t->name) != t) abort();
        if (i && strcmp(gp_tensors_at(set, i - 1)->name, t->name) >= 0) abort();
        if (t->offset > size || t->bytes > size - t->offset) abort();
        bytes += t->bytes;
    }
    if (bytes != size) abort();
    if (gp_tensors_hash(set, &hash, &err) != GP_OK) abort();
    gp_tensors_close(set);
    return 0;
}
