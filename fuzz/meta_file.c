/* SPDX-License-Identifier: MIT
 * Reads the prompt and the settings of any image file: the texts of the file, then the readers of all programs. */
#include "meta_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    if (gp_image_read_chunks(data, size, &chunks, NULL) != GP_OK) abort();
    gp_status st = gp_meta_read_file(data, size, &chunks, NULL, &meta, NULL);
    check_meta(st, &meta);
    gp_chunks_clear(&chunks);
    return 0;
}
