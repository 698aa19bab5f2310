/* SPDX-License-Identifier: MIT
 * vocab.json and merges.txt, separated by the first NUL byte.  A tokenizer from accepted files must encode texts. */
#include "base/mem.h"
#include "text/clip_bpe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "a photo of two cats's 3 <|ENDOFTEXT|>";
    const uint8_t *nul = memchr(data, 0, size);
    const size_t vocab = nul ? (size_t)(nul - data) : size, merges = nul ? size - vocab - 1 : 0;
    gp_bpe *bpe;
    gp_error err;
    if (gp_bpe_from_vocab((const char *)data, vocab, nul ? (const char *)nul + 1 : "", merges, &bpe, &err) != GP_OK)
        return 0;
    int32_t *ids;
    size_t n;
    if (gp_bpe_encode(bpe, text, sizeof text, &ids, &n, &err) != GP_OK) abort();
    for (size_t i = 0; i < n; i++)
        if (!gp_bpe_entry(bpe, ids[i])) abort();
    gp_mem_free(ids);
    gp_bpe_free(bpe);
    return 0;
}
