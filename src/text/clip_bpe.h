/* SPDX-License-Identifier: MIT
 * CLIP's tokenizer: clean-up, lower case, pattern, byte-level BPE, equal to transformers' fast CLIPTokenizer.
 * Text in, ids out; never prints.  Built from vocab.json + merges.txt or from tokenizer.json. */
#ifndef GP_TEXT_CLIP_BPE_H
#define GP_TEXT_CLIP_BPE_H

#include "base/status.h"

typedef struct gp_bpe gp_bpe;

/* From a model folder: vocab.json + merges.txt if both are there, else tokenizer.json.  Owns: *out, gp_bpe_free.
 * Errors: NOT_FOUND, FORMAT (names file and entry), LIMIT. */
gp_status gp_bpe_open(const char *folder, gp_bpe **out, gp_error *err);
gp_status gp_bpe_from_vocab(const char *vocab_json, size_t vocab_size, const char *merges, size_t merges_size,
                            gp_bpe **out, gp_error *err);
gp_status gp_bpe_from_tokenizer_json(const char *json, size_t size, gp_bpe **out, gp_error *err);
void gp_bpe_free(gp_bpe *bpe);

/* All ids, bos and eos included, uncut.  text: any bytes (invalid UTF-8 becomes U+FFFD), may hold NUL.
 * Owns: *ids, gp_mem_free.  Threads: any. */
gp_status gp_bpe_encode(const gp_bpe *bpe, const char *text, size_t size, int32_t **ids, size_t *count, gp_error *err);
/* Cut to `context`: first context-1 ids, then eos.  ids [capacity >= context]; *full: count before the cut. */
gp_status gp_bpe_encode_cut(const gp_bpe *bpe, const char *text, size_t size, size_t context, int32_t *ids,
                            size_t *count, size_t *full, gp_error *err);
const char *gp_bpe_entry(const gp_bpe *bpe, int32_t id); /* borrowed, NULL if none */
int32_t gp_bpe_bos(const gp_bpe *bpe);
int32_t gp_bpe_eos(const gp_bpe *bpe);
size_t gp_bpe_size(const gp_bpe *bpe); /* largest id + 1 */

#endif
