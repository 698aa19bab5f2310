/* SPDX-License-Identifier: MIT
 * Reads an untrusted NumPy array, and all numbers of an accepted array. */
#include "base/mem.h"
#include "table/npy_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float *rows = NULL;
    size_t n, d;
    double sum = 0;
    if (gp_npy_parse("fuzz.npy", data, size, &rows, &n, &d, NULL) != GP_OK) return 0;
    for (size_t i = 0; i < n * d; i++) sum += (double)rows[i];
    gp_mem_free(rows);
    return sum == 1e308; /* this condition is never true; it keeps the compiler from removing the reads */
}
