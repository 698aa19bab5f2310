/* SPDX-License-Identifier: MIT
 * Tokenizers by kind.  A kind is one entry of the table in tokenizer.c: a set of functions, and the rule that scorer
 * ids contain.  `model` names the kind that an encoder needs and opens it; `encode` and `api` call the functions below
 * and know no kind.  Text in, ids out. */
#ifndef GP_TEXT_TOKENIZER_H
#define GP_TEXT_TOKENIZER_H

#include "base/status.h"

typedef struct gp_tokenizer_kind {
    const char *name;  /* such as "clip-bpe" */
    const char *rule;  /* kind and rule for long texts, part of the id of a scorer: never changes */
    const char *files; /* what a model folder must contain, for messages */
    /* NOT_FOUND: the folder has no such tokenizer.  Owns: *data, free. */
    gp_status (*open)(const char *folder, void **data, gp_error *err);
    void (*free)(void *data);
    gp_status (*encode)(const void *data, const char *text, size_t size, int32_t **ids, size_t *count, gp_error *err);
    gp_status (*encode_cut)(const void *data, const char *text, size_t size, size_t context, int32_t *ids,
                            size_t *count, size_t *full, gp_error *err);
    const char *(*token)(const void *data, int32_t id);
    size_t (*size)(const void *data);
} gp_tokenizer_kind;

extern const gp_tokenizer_kind gp_tokenizer_clip_bpe;

/* Opens the tokenizer of a model folder.  kind NULL: the first kind whose files are there.  Owns: *out,
 * gp_tokenizer_free.  Errors: NOT_FOUND, FORMAT (names file and entry), LIMIT. */
gp_status gp_tokenizer_open_folder(const char *folder, const gp_tokenizer_kind *kind, gp_tokenizer **out,
                                   gp_error *err);
void gp_tokenizer_free(gp_tokenizer *tokenizer);

/* All ids of a text, with the special tokens at its start and end.  text: any bytes.  Owns: *ids, gp_mem_free.
 * Threads: any. */
gp_status gp_tokenizer_encode(const gp_tokenizer *tokenizer, const char *text, size_t size, int32_t **ids,
                              size_t *count, gp_error *err);
/* The same, cut to `context` ids by the kind's rule: ids [capacity >= context]; *full: number of ids before the cut. */
gp_status gp_tokenizer_encode_cut(const gp_tokenizer *tokenizer, const char *text, size_t size, size_t context,
                                  int32_t *ids, size_t *count, size_t *full, gp_error *err);
const char *gp_tokenizer_token(const gp_tokenizer *tokenizer, int32_t id); /* borrowed; NULL: no such id */
size_t gp_tokenizer_size(const gp_tokenizer *tokenizer);                   /* largest id + 1 */

#endif
