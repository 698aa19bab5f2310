/* SPDX-License-Identifier: MIT
 * The table of tokenizer kinds, and the functions that call through it. */
#include "text/tokenizer.h"

#include "base/mem.h"
#include "text/clip_bpe.h"

#include <string.h>

struct gp_tokenizer {
    const gp_tokenizer_kind *kind;
    void *data; /* belongs to the kind */
};

/* ------------------------------------------------------------------ CLIP's byte-level BPE */

static gp_status clip_open(const char *folder, void **data, gp_error *err)
{
    gp_bpe *bpe = NULL;
    GP_TRY(gp_bpe_open(folder, &bpe, err));
    *data = bpe;
    return GP_OK;
}

static void clip_free(void *data)
{
    gp_bpe_free(data);
}

static gp_status clip_encode(const void *data, const char *text, size_t size, int32_t **ids, size_t *count,
                             gp_error *err)
{
    return gp_bpe_encode(data, text, size, ids, count, err);
}

static gp_status clip_encode_cut(const void *data, const char *text, size_t size, size_t context, int32_t *ids,
                                 size_t *count, size_t *full, gp_error *err)
{
    return gp_bpe_encode_cut(data, text, size, context, ids, count, full, err);
}

static const char *clip_token(const void *data, int32_t id)
{
    return gp_bpe_entry(data, id);
}

static size_t clip_size(const void *data)
{
    return gp_bpe_size(data);
}

/* ------------------------------------------------------------------ the table */

const gp_tokenizer_kind gp_tokenizer_clip_bpe = {
    .name = "clip-bpe",
    .rules = {"clip-bpe/cut-keeps-end", "clip-bpe/chunk-mean", "clip-bpe/first-sentence"},
    .starts = 1,
    .ends = 1,
    .comma = ",</w>",
    .files = "vocab.json and merges.txt, or tokenizer.json",
    .open = clip_open,
    .free = clip_free,
    .encode = clip_encode,
    .encode_cut = clip_encode_cut,
    .token = clip_token,
    .size = clip_size};

static const gp_tokenizer_kind *const kinds[] = {&gp_tokenizer_clip_bpe};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ------------------------------------------------------------------ calls */

static gp_status open_kind(const char *folder, const gp_tokenizer_kind *kind, gp_tokenizer *tokenizer, gp_error *err)
{
    tokenizer->kind = kind;
    return kind->open(folder, &tokenizer->data, err);
}

gp_status gp_tokenizer_open_folder(const char *folder, const gp_tokenizer_kind *kind, gp_tokenizer **out, gp_error *err)
{
    gp_tokenizer *tokenizer = gp_mem_zero(1, sizeof *tokenizer);
    if (!tokenizer) return gp_fail_memory(err, "the tokenizer");
    gp_status st = GP_ERR_NOT_FOUND;
    if (kind) st = open_kind(folder, kind, tokenizer, err);
    for (size_t i = 0; !kind && i < KINDS && st == GP_ERR_NOT_FOUND; i++)
        st = open_kind(folder, kinds[i], tokenizer, err);
    if (st == GP_OK)
        *out = tokenizer;
    else
        gp_mem_free(tokenizer);
    return st;
}

void gp_tokenizer_free(gp_tokenizer *tokenizer)
{
    if (!tokenizer) return;
    tokenizer->kind->free(tokenizer->data);
    gp_mem_free(tokenizer);
}

gp_status gp_tokenizer_encode(const gp_tokenizer *tokenizer, const char *text, size_t size, int32_t **ids,
                              size_t *count, gp_error *err)
{
    return tokenizer->kind->encode(tokenizer->data, text, size, ids, count, err);
}

gp_status gp_tokenizer_encode_cut(const gp_tokenizer *tokenizer, const char *text, size_t size, size_t context,
                                  int32_t *ids, size_t *count, size_t *full, gp_error *err)
{
    return tokenizer->kind->encode_cut(tokenizer->data, text, size, context, ids, count, full, err);
}

const char *gp_tokenizer_token(const gp_tokenizer *tokenizer, int32_t id)
{
    return tokenizer->kind->token(tokenizer->data, id);
}

const gp_tokenizer_kind *gp_tokenizer_kind_of(const gp_tokenizer *tokenizer)
{
    return tokenizer->kind;
}

size_t gp_tokenizer_specials(const gp_tokenizer *tokenizer)
{
    return tokenizer->kind->starts + tokenizer->kind->ends;
}

bool gp_tokenizer_is_comma(const gp_tokenizer *tokenizer, int32_t id)
{
    const char *token = gp_tokenizer_token(tokenizer, id);
    return token && strcmp(token, tokenizer->kind->comma) == 0;
}

size_t gp_tokenizer_size(const gp_tokenizer *tokenizer)
{
    return tokenizer->kind->size(tokenizer->data);
}
