/* SPDX-License-Identifier: MIT
 * A checkpoint of PyTorch in memory.  Names of an accepted file are sorted and can be found, every byte of every tensor
 * can be read (by the hash), and the tensors are not many times as large as the file. */
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_error err = {0};
    gp_tensors *set = NULL;
    gp_hash hash;
    size_t bytes = 0;
    if (size > 8 && data[8] == '{') return 0; /* read as safetensors, which has its own target */
    if (gp_tensors_open_memory(data, size, "fuzz.bin", &set, &err) != GP_OK) {
        if (err.status == GP_OK || !strstr(err.message, "'fuzz.bin'")) abort();
        return 0;
    }
    for (size_t i = 0; i < gp_tensors_count(set); i++) {
        const gp_tensor *t = gp_tensors_at(set, i);
        if (gp_tensors_find(set, t->name) != t) abort();
        if (i && strcmp(gp_tensors_at(set, i - 1)->name, t->name) >= 0) abort();
        if (!t->copy && t->bytes && (t->offset > size || t->bytes > size - t->offset)) abort();
        bytes += t->bytes;
    }
    if (bytes > 4 * size || gp_tensors_count(set) == 0) abort();
    if (gp_tensors_hash(set, &hash, &err) != GP_OK) abort();
    gp_tensors_close(set);
    return 0;
}
