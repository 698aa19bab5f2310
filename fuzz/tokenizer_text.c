/* SPDX-License-Identifier: MIT
 * Any bytes as a text for the mini tokenizer: ids are in range between bos and eos, and the truncated row equals
 * the start of the complete row. */
#include "base/mem.h"
#include "text/clip_bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const gp_bpe *mini(void)
{
    static gp_bpe *bpe;
    const char *root = getenv("GOLDPAN_SOURCE");
    char folder[1024];
    gp_error err;
    snprintf(folder, sizeof folder, "%s/models/drawn-world-mini", root ? root : ".");
    if (!bpe && gp_bpe_open(folder, &bpe, &err) != GP_OK) {
        fprintf(stderr, "%s (run from the source folder, or set GOLDPAN_SOURCE)\n", err.message);
        exit(1);
    }
    return bpe;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum {
        CONTEXT = 20,
        MOST = 320 /* maximum size of an input in bytes: enough to reach every rule, and a run takes
                                     * less than 2 ms */
    };
    const gp_bpe *bpe = mini();
    int32_t *ids, cut[CONTEXT];
    size_t n, kept, full;
    gp_error err;
    if (size > MOST) size = MOST;
    if (gp_bpe_encode(bpe, (const char *)data, size, &ids, &n, &err) != GP_OK) abort();
    if (n < 2 || ids[0] != gp_bpe_bos(bpe) || ids[n - 1] != gp_bpe_eos(bpe)) abort();
    for (size_t i = 0; i < n; i++)
        if (!gp_bpe_entry(bpe, ids[i])) abort();
    if (gp_bpe_encode_cut(bpe, (const char *)data, size, CONTEXT, cut, &kept, &full, &err) != GP_OK) abort();
    if (full != n || kept != (n < CONTEXT ? n : CONTEXT) || cut[kept - 1] != gp_bpe_eos(bpe) ||
        memcmp(cut, ids, (kept - 1) * sizeof *ids) != 0)
        abort();
    gp_mem_free(ids);
    return 0;
}
