/* SPDX-License-Identifier: MIT
 * CLIP's tokenizer: clean-up, lower case, split into pieces, byte-level BPE. The ids equal those of transformers' fast
 * CLIPTokenizer. It is built from vocab.json and merges.txt, or from tokenizer.json. It prints nothing. */
#ifndef GP_TEXT_CLIP_BPE_H
#define GP_TEXT_CLIP_BPE_H

#include "base/status.h"

typedef struct gp_bpe gp_bpe;

/* Opens the tokenizer of a model folder: vocab.json and merges.txt if both exist, else tokenizer.json. The caller frees
 * *out with gp_bpe_free. Errors: NOT_FOUND, FORMAT (the message names file and entry), LIMIT. */
gp_status gp_bpe_open(const char *folder, gp_bpe **out, gp_error *err);
gp_status gp_bpe_from_vocab(const char *vocab_json, size_t vocab_size, const char *merges, size_t merges_size,
                            gp_bpe **out, gp_error *err);
gp_status gp_bpe_from_tokenizer_json(const char *json, size_t size, gp_bpe **out, gp_error *err);
void gp_bpe_free(gp_bpe *bpe);

/* Returns all ids, including start and end token. `text` may be any bytes, including NUL; invalid UTF-8 becomes U+FFFD.
 * The caller frees *ids with gp_mem_free. Threads: any. */
gp_status gp_bpe_encode(const gp_bpe *bpe, const char *text, size_t size, int32_t **ids, size_t *count, gp_error *err);
/* Like gp_bpe_encode, but returns at most `context` ids: longer results are truncated to the first context-1 ids and
 * the end token. ids: [at least context]; *full: number of ids before truncation, may be NULL. */
gp_status gp_bpe_encode_cut(const gp_bpe *bpe, const char *text, size_t size, size_t context, int32_t *ids,
                            size_t *count, size_t *full, gp_error *err);
const char *gp_bpe_entry(const gp_bpe *bpe, int32_t id); /* borrowed; NULL if there is no such id */
int32_t gp_bpe_bos(const gp_bpe *bpe);
int32_t gp_bpe_eos(const gp_bpe *bpe);
size_t gp_bpe_size(const gp_bpe *bpe); /* largest id + 1 */

#endif
