/* SPDX-License-Identifier: MIT
 * Texts that have more tokens than the context of a model: which tokens the text tower reads (enum gp_long_prompt).
 *
 *   truncate        the first tokens of the text
 *   chunks          all tokens, in parts that each fit the context.  A part ends after a comma if the comma is one of
 *                   its last 20 tokens and the text continues without a comma, as in AUTOMATIC1111's web interface.
 *                   The embedding of the text is the mean of the embeddings of its parts, weighted by their numbers of
 *                   tokens, and normalised.
 *   first-sentence  the first sentence, truncated
 *
 * A text that fits the context has one part, which is the same for all rules. */
#ifndef GP_TEXT_LONG_PROMPT_H
#define GP_TEXT_LONG_PROMPT_H

#include "text/tokenizer.h"

#include <stdbool.h>

/* Returns "truncate", "chunks" or "first-sentence". */
const char *gp_long_prompt_name(gp_long_prompt rule);

enum { GP_TEXT_MOST_PARTS = 256 /* tokens beyond this number of parts are not read */ };

typedef struct gp_token_part {
    int32_t *ids;   /* owned: [count], with the special tokens */
    size_t count;   /* at most the context */
    size_t content; /* number of ids without the special tokens */
} gp_token_part;

typedef struct gp_token_parts {
    gp_token_part *items; /* owned: [count] */
    size_t count;         /* 1 to GP_TEXT_MOST_PARTS */
    size_t full;          /* number of tokens of the whole text, with the special tokens */
    bool cut;             /* true: the parts do not contain all tokens of the text */
} gp_token_parts;

/* Tokenises a text and divides the tokens into parts of at most `context` tokens.  text [size]: any bytes.  The caller
 * frees *out with gp_token_parts_clear, also after an error.  Errors: MEMORY, and those of the tokenizer.
 * Threads: any. */
gp_status gp_token_parts_make(const gp_tokenizer *tokenizer, gp_long_prompt rule, const char *text, size_t size,
                              size_t context, gp_token_parts *out, gp_error *err);
void gp_token_parts_clear(gp_token_parts *parts);

/* Returns the size of the first sentence of a text.  A sentence ends with a line, with U+3002, U+FF01 or U+FF1F, or
 * with '.', '!' or '?' if the text ends there, or if white space and then a character other than a to z follow.  A text
 * without such an end is one sentence. */
size_t gp_text_first_sentence(const char *text, size_t size);

#endif
