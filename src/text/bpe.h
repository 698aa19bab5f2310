/* SPDX-License-Identifier: MIT
 * The tokenizer's data: built by vocab.c, used by bpe.c, constant after it is built. */
#ifndef GP_TEXT_BPE_H
#define GP_TEXT_BPE_H

#include "base/str.h"
#include "text/clip_bpe.h"

#define GP_BPE_BOS "<|startoftext|>"
#define GP_BPE_EOS "<|endoftext|>"

enum { GP_BPE_NO_RANK = INT32_MAX };

typedef struct gp_bpe_pair {
    int32_t left, right;
    int32_t rank; /* -1: an empty slot */
} gp_bpe_pair;

struct gp_bpe {
    gp_str pool;      /* all entries, NUL-terminated */
    uint32_t *offset; /* [size] position of each entry in `pool`; UINT32_MAX: the id is not used */
    size_t size;
    gp_bpe_pair *pairs; /* [mask + 1] hash table with open addressing, at most half full */
    size_t mask;
    int32_t *merged; /* [merges] by rank: id of the entry that the merge makes */
    size_t merges;
    int32_t byte_id[2][256]; /* ids of single bytes: [0] inside a piece, [1] at the end of a piece (with </w>) */
    int32_t bos, eos;
};

static inline size_t gp_bpe_slot(int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (size_t)((key * 0x9E3779B97F4A7C15u) >> 32);
}

/* Returns the rank of the pair, or GP_BPE_NO_RANK if the pair is never merged. */
static inline int32_t gp_bpe_rank(const gp_bpe *bpe, int32_t left, int32_t right)
{
    for (size_t i = gp_bpe_slot(left, right);; i++) {
        const gp_bpe_pair *p = &bpe->pairs[i & bpe->mask];
        if (p->rank < 0) return GP_BPE_NO_RANK;
        if (p->left == left && p->right == right) return p->rank;
    }
}

#endif
