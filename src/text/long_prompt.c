/* SPDX-License-Identifier: MIT
 * See long_prompt.h. */
#include "text/long_prompt.h"

#include "base/mem.h"

#include <string.h>

enum { AFTER_COMMA = 20 /* maximum number of tokens from a comma to the end of a part that moves to that comma */ };

const char *gp_long_prompt_name(gp_long_prompt rule)
{
    static const char *const names[GP_LONG_PROMPTS] = {"truncate", "chunks", "first-sentence"};
    return names[rule];
}

/* ------------------------------------------------------------------ the first sentence */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Returns the size of the full stop at `text`, which belongs to the sentence before it; 0: there is none. */
static size_t full_stop(const char *text, size_t size)
{
    static const char *const wide[] = {"\xE3\x80\x82", "\xEF\xBC\x81", "\xEF\xBC\x9F"}; /* U+3002, U+FF01, U+FF1F */
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (size >= 3 && memcmp(text, wide[i], 3) == 0) return 3;
    if (*text != '.' && *text != '!' && *text != '?') return 0;
    size_t next = 1;
    while (next < size && is_space(text[next])) next++;
    if (next == size) return 1;
    return next > 1 && !(text[next] >= 'a' && text[next] <= 'z') ? 1 : 0;
}

size_t gp_text_first_sentence(const char *text, size_t size)
{
    size_t begin = 0;
    while (begin < size && is_space(text[begin])) begin++;
    for (size_t i = begin; i < size; i++) {
        if (text[i] == '\n') return i;
        size_t stop = full_stop(text + i, size - i);
        if (stop) return i + stop;
    }
    return size;
}

/* ------------------------------------------------------------------ parts */

void gp_token_parts_clear(gp_token_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) gp_mem_free(parts->items[i].ids);
    gp_mem_free(parts->items);
    *parts = (gp_token_parts){0};
}

/* Appends a part of `count` ids, which the caller fills in. */
static gp_status add_part(gp_token_parts *parts, size_t count, size_t specials, gp_error *err)
{
    gp_token_part *part = &parts->items[parts->count];
    GP_TRY(gp_alloc((void **)&part->ids, count, sizeof *part->ids, "token ids", err));
    part->count = count;
    part->content = count > specials ? count - specials : 0;
    parts->count++;
    return GP_OK;
}

/* Makes one part: the first `context` tokens of the text. */
static gp_status make_one(const gp_tokenizer *tokenizer, const char *text, size_t size, size_t context,
                          gp_token_parts *parts, gp_error *err)
{
    size_t count = 0;
    int32_t *ids = NULL; /* [context] */
    gp_status st = gp_alloc((void **)&ids, context, sizeof *ids, "token ids", err);
    if (st == GP_OK) st = gp_tokenizer_encode_cut(tokenizer, text, size, context, ids, &count, &parts->full, err);
    if (st == GP_OK) st = add_part(parts, count, gp_tokenizer_specials(tokenizer), err);
    if (st == GP_OK) memcpy(parts->items[0].ids, ids, count * sizeof *ids);
    gp_mem_free(ids);
    return st;
}

/* Returns how many of the content tokens [n] the next part gets: at most `room`. */
static size_t next_size(const gp_tokenizer *tokenizer, const int32_t *content, size_t n, size_t room)
{
    const size_t back = room / 3 < AFTER_COMMA ? room / 3 : AFTER_COMMA;
    if (n <= room) return n;
    if (gp_tokenizer_is_comma(tokenizer, content[room])) return room;
    for (size_t size = room; size + back > room && size > 0; size--)
        if (gp_tokenizer_is_comma(tokenizer, content[size - 1])) return size;
    return room;
}

/* Divides all tokens of the text, which are more than `context`, into parts. */
static gp_status make_chunks(const gp_tokenizer *tokenizer, const char *text, size_t size, size_t context,
                             gp_token_parts *parts, gp_error *err)
{
    const size_t starts = gp_tokenizer_kind_of(tokenizer)->starts, specials = gp_tokenizer_specials(tokenizer);
    int32_t *ids = NULL;
    size_t count = 0;
    GP_TRY(gp_tokenizer_encode(tokenizer, text, size, &ids, &count, err));
    gp_status st = GP_OK;
    size_t at = starts;
    const size_t end = count - (specials - starts);
    for (size_t n; at < end && parts->count < GP_TEXT_MOST_PARTS; at += n) {
        n = next_size(tokenizer, ids + at, end - at, context - specials);
        GP_TRY_GOTO(add_part(parts, n + specials, specials, err));
        int32_t *out = parts->items[parts->count - 1].ids;
        memcpy(out, ids, starts * sizeof *ids);
        memcpy(out + starts, ids + at, n * sizeof *ids);
        memcpy(out + starts + n, ids + end, (specials - starts) * sizeof *ids);
    }
    parts->cut = at < end;
out:
    gp_mem_free(ids);
    return st;
}

static void drop_parts(gp_token_parts *parts)
{
    while (parts->count) gp_mem_free(parts->items[--parts->count].ids);
}

gp_status gp_token_parts_make(const gp_tokenizer *tokenizer, gp_long_prompt rule, const char *text, size_t size,
                              size_t context, gp_token_parts *out, gp_error *err)
{
    *out = (gp_token_parts){0};
    const size_t most = rule == GP_LONG_PROMPT_CHUNKS ? GP_TEXT_MOST_PARTS : 1;
    GP_TRY(gp_alloc((void **)&out->items, most, sizeof *out->items, "token ids", err));
    GP_TRY(make_one(tokenizer, text, size, context, out, err));
    out->cut = out->full > context;
    if (!out->cut || rule == GP_LONG_PROMPT_TRUNCATE || context <= gp_tokenizer_specials(tokenizer)) return GP_OK;
    const size_t full = out->full;
    drop_parts(out);
    gp_status st = rule == GP_LONG_PROMPT_CHUNKS
                       ? make_chunks(tokenizer, text, size, context, out, err)
                       : make_one(tokenizer, text, gp_text_first_sentence(text, size), context, out, err);
    out->full = full;
    return st;
}
