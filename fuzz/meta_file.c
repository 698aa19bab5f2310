/* SPDX-License-Identifier: MIT
 * Reads the prompt and the settings of any image file: the texts of the file, then the readers of all programs. */
#include "meta_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Counts the texts whose prompt goldpan uses. */
static bool count(void *user, const gp_meta_finding *f)
{
    *(size_t *)user += f->used && f->evidence > GP_EVIDENCE_NONE;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gp_chunks chunks = {0};
    gp_meta meta = {0};
    if (gp_image_read_chunks(data, size, &chunks, NULL) != GP_OK) abort();
    gp_status st = gp_meta_read_file(data, size, &chunks, NULL, &meta, NULL);
    check_meta(st, &meta);
    size_t used = 0;
    if (gp_meta_explain(&chunks, NULL, count, &used, NULL) != GP_OK || used > 1) abort();
    gp_chunks_clear(&chunks);
    return 0;
}
