/* SPDX-License-Identifier: MIT
 * tokenizer.json, from which vocabulary and merges are read.  A tokenizer from an accepted file must encode texts. */
#include "base/mem.h"
#include "text/clip_bpe.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "a photo of two cats's 3 <|ENDOFTEXT|>";
    gp_bpe *bpe;
    gp_error err;
    if (gp_bpe_from_tokenizer_json((const char *)data, size, &bpe, &err) != GP_OK) return 0;
    int32_t *ids;
    size_t n;
    if (gp_bpe_encode(bpe, text, sizeof text, &ids, &n, &err) != GP_OK) abort();
    for (size_t i = 0; i < n; i++)
        if (!gp_bpe_entry(bpe, ids[i])) abort();
    gp_mem_free(ids);
    gp_bpe_free(bpe);
    return 0;
}
