/* SPDX-License-Identifier: MIT
 * Tokenizers by kind: text in, ids out. A kind is an entry of the table in tokenizer.c: a set of functions, and the
 * rule name that scorer ids contain. `model` names and opens the kind that an encoder needs. `encode` and `api` use the
 * functions below and do not depend on a kind. */
#ifndef GP_TEXT_TOKENIZER_H
#define GP_TEXT_TOKENIZER_H

#include "base/status.h"

#include <stdbool.h>

typedef struct gp_tokenizer_kind {
    const char *name; /* such as "clip-bpe" */
    /* names the kind and the rule for long texts, by gp_long_prompt; part of a scorer's id, so it must never change */
    const char *rules[GP_LONG_PROMPTS];
    size_t starts, ends; /* number of special tokens at the start and at the end of a text */
    const char *comma;   /* the token of a comma */
    const char *files;   /* files that a model folder must contain, for messages */
    /* Returns NOT_FOUND if the folder has no such tokenizer. The caller owns *data and frees it with `free`. */
    gp_status (*open)(const char *folder, void **data, gp_error *err);
    void (*free)(void *data);
    gp_status (*encode)(const void *data, const char *text, size_t size, int32_t **ids, size_t *count, gp_error *err);
    gp_status (*encode_cut)(const void *data, const char *text, size_t size, size_t context, int32_t *ids,
                            size_t *count, size_t *full, gp_error *err);
    const char *(*token)(const void *data, int32_t id);
    size_t (*size)(const void *data);
} gp_tokenizer_kind;

extern const gp_tokenizer_kind gp_tokenizer_clip_bpe;

/* Opens the tokenizer of a model folder. kind NULL: the first kind whose files exist. The caller frees *out with
 * gp_tokenizer_free. Errors: NOT_FOUND, FORMAT (the message names file and entry), LIMIT. */
gp_status gp_tokenizer_open_folder(const char *folder, const gp_tokenizer_kind *kind, gp_tokenizer **out,
                                   gp_error *err);
void gp_tokenizer_free(gp_tokenizer *tokenizer);

/* Returns all ids of a text, including the special tokens at its start and end. `text` may be any bytes. The caller
 * frees *ids with gp_mem_free. Threads: any. */
gp_status gp_tokenizer_encode(const gp_tokenizer *tokenizer, const char *text, size_t size, int32_t **ids,
                              size_t *count, gp_error *err);
/* Like gp_tokenizer_encode, but truncates to `context` ids by the rule of the kind. ids: [at least context]; *full:
 * number of ids before truncation. */
gp_status gp_tokenizer_encode_cut(const gp_tokenizer *tokenizer, const char *text, size_t size, size_t context,
                                  int32_t *ids, size_t *count, size_t *full, gp_error *err);
const char *gp_tokenizer_token(const gp_tokenizer *tokenizer, int32_t id); /* borrowed; NULL: no such id */
const gp_tokenizer_kind *gp_tokenizer_kind_of(const gp_tokenizer *tokenizer);
size_t gp_tokenizer_specials(const gp_tokenizer *tokenizer); /* number of special tokens of a text */
bool gp_tokenizer_is_comma(const gp_tokenizer *tokenizer, int32_t id);
size_t gp_tokenizer_size(const gp_tokenizer *tokenizer); /* largest id + 1 */

#endif
