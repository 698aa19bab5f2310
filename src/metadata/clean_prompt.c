/* SPDX-License-Identifier: MIT
 * Removes the prompt syntax of the web interfaces and keeps the words. Four passes over one buffer, each in linear
 * time:
 *
 *   tags      removes <lora:name:0.8> and every other <word:...>
 *   brackets  (x), ((x)), (x:1.2) and [x] become x; [a|b] becomes "a b"; [a:b:0.5] becomes the text used in more steps:
 *             b, or a if the switch comes after the middle; [a::8] becomes a, [b:8] becomes b. Escaped brackets \( \)
 *             are also removed, because they are not words
 *   tags      again, for tags that had brackets inside
 *   words     removes embedding:name; BREAK becomes a blank; AND becomes a comma, and a weight " :1.2" before it is
 *             removed. A keyword stays if both neighbours are in capitals too ("BOARD, AND I AM" is prose). White space
 *             is folded. Empty parts between commas, and commas at the ends, are removed
 *
 * The result contains no bracket, tag or keyword, so cleaning it again changes nothing; a fuzz target checks this. Open
 * brackets are kept in a list on the heap, so there is no recursion. */
#include "metadata/clean_prompt.h"
#include "base/mem.h"
#include "base/str.h"
#include "metadata/clean_weights.h"
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Returns true if text [0, size) is a weight or a step: a plain number, with blanks around it allowed. Sets *value to
 * the number. */
static bool is_weight(const char *text, size_t size, double *value)
{
    char copy[32];
    while (size && is_space(*text)) text++, size--;
    while (size && is_space(text[size - 1])) size--;
    if (!size || size >= sizeof copy) return false;
    memcpy(copy, text, size);
    copy[size] = 0;
    return strspn(copy, "+-.0123456789") == size && gp_parse_double(copy, value);
}

/* ------------------------------------------------------------------ tags */

/* Returns true if the text between < and > has the form "name:anything". */
static bool is_tag(const char *text, size_t size)
{
    size_t name = 0;
    while (name < size && is_word(text[name])) name++;
    return name && name < size && text[name] == ':';
}

/* Removes tags in place, inner tags first. Each open '<' stores the position of the previous open '<'; these links form
 * a stack. */
static gp_status remove_tags(char *text, size_t *size, gp_error *err)
{
    size_t to = 0, last = SIZE_MAX;
    if (!memchr(text, '<', *size)) return GP_OK;
    size_t *before = gp_mem_new(*size, sizeof *before); /* [position of '<']: position of the previous '<' that is still
                                                           open */
    if (!before) return gp_fail_memory(err, "a prompt");
    for (size_t i = 0; i < *size; i++) {
        char c = text[i];
        if (c == '>' && last != SIZE_MAX) {
            size_t start = last;
            last = before[start];
            if (is_tag(text + start + 1, to - start - 1)) {
                to = start;
                continue;
            }
            last = SIZE_MAX; /* as in "<3 and >": this '>' is plain text, so no earlier '<' can start a tag */
        }
        if (c == '<') before[to] = last, last = to;
        text[to++] = c;
    }
    text[to] = 0;
    *size = to;
    gp_mem_free(before);
    return GP_OK;
}

/* ------------------------------------------------------------------ brackets */

typedef struct frame {
    size_t start;           /* start of the bracket's content in the output */
    size_t colon, previous; /* positions of the last two ':' at this depth; SIZE_MAX: none */
    char bracket;           /* '(' or '[' */
} frame;

/* Handles a closing ')': returns the end of the content, without a weight such as ":1.2" at its end. */
static size_t close_round(const char *text, const frame *f, size_t to)
{
    double weight;
    return f->colon != SIZE_MAX && is_weight(text + f->colon + 1, to - f->colon - 1, &weight) ? f->colon : to;
}

/* Handles a closing ']': of [x], [to:when] or [from:to:when], keeps only x, `to` or `from`. Moves the kept text to
 * f->start and returns its end. */
static size_t close_square(char *text, const frame *f, size_t to)
{
    double when;
    if (f->colon == SIZE_MAX || !is_weight(text + f->colon + 1, to - f->colon - 1, &when)) return to;
    if (f->previous == SIZE_MAX) return f->colon; /* [to:when] */
    size_t from_size = f->previous - f->start, to_size = f->colon - f->previous - 1, blanks = 0;
    while (blanks < to_size && is_space(text[f->previous + 1 + blanks])) blanks++;
    bool from = blanks == to_size || (when > 0.5 && when < 1 && from_size);
    if (from) return f->previous;
    memmove(text + f->start, text + f->previous + 1, to_size);
    return f->start + to_size;
}

static gp_status remove_brackets(char *text, size_t *size, gp_error *err)
{
    gp_status st = GP_OK;
    frame *frames = NULL;
    size_t depth = 0, capacity = 0, to = 0;
    for (size_t i = 0; i < *size; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < *size && strchr("()[]", text[i + 1])) {
            i++;
        } else if (c == '(' || c == '[') {
            if (depth == capacity) {
                capacity = capacity ? 2 * capacity : 16;
                void *grown = gp_mem_resize(frames, capacity, sizeof *frames);
                if (!grown) GP_TRY_GOTO(gp_fail_memory(err, "a prompt"));
                frames = grown;
            }
            frames[depth++] = (frame){to, SIZE_MAX, SIZE_MAX, c};
        } else if (c == ')' || c == ']') {
            const frame *f = depth ? &frames[depth - 1] : NULL;
            if (!f || (f->bracket == '(') != (c == ')')) continue; /* no matching open bracket */
            to = c == ')' ? close_round(text, f, to) : close_square(text, f, to);
            depth--;
        } else {
            frame *f = depth ? &frames[depth - 1] : NULL;
            if (f && c == ':') f->previous = f->colon, f->colon = to;
            text[to++] = f && c == '|' && f->bracket == '[' ? ' ' : c;
        }
    }
    text[to] = 0;
    *size = to;
out:
    gp_mem_free(frames);
    return st;
}

/* ------------------------------------------------------------------ words */

static bool is_gap(char c)
{
    return is_space(c) || c == ',';
}

/* Finds the next word in [*at, size), without the gaps around it, and moves *at past it. Returns false if there is
 * none. */
static bool next_word(const char *text, size_t size, size_t *at, size_t *start, size_t *length)
{
    size_t i = *at;
    while (i < size && is_gap(text[i])) i++;
    *start = i;
    while (i < size && !is_gap(text[i])) i++;
    *length = i - *start;
    *at = i;
    return *length > 0;
}

/* Returns true for AND or BREAK, alone or followed by a weight or part of a weight ("AND:1.2", "AND:"). If "AND:1.2"
 * were not a keyword, the removal of its weight would later leave a bare AND in the prompt. */
static bool is_keyword(const char *word, size_t length)
{
    size_t at = length >= 5 && memcmp(word, "BREAK", 5) == 0 ? 5 : length >= 3 && memcmp(word, "AND", 3) == 0 ? 3 : 0;
    if (!at || (at < length && word[at] != ':')) return false;
    while (at < length && strchr(":+-.0123456789", word[at])) at++;
    return at == length;
}

static bool is_capitals(const char *word, size_t length)
{
    bool any = false;
    for (size_t i = 0; i < length; i++) {
        if ((word[i] >= 'a' && word[i] <= 'z') || (unsigned char)word[i] >= 0x80) return false;
        any |= word[i] >= 'A' && word[i] <= 'Z';
    }
    return any;
}

/* Returns true if the next word that is not a keyword is in capitals. The caller evaluates this once per run of
 * keywords. */
static bool capitals_follow(const char *text, size_t size, size_t at)
{
    size_t start, length;
    while (next_word(text, size, &at, &start, &length))
        if (!is_keyword(text + start, length)) return is_capitals(text + start, length);
    return false;
}

/* Removes a weight such as ":1.2" from the end of the output. Called at AND, because a prompt before AND may end with
 * its weight. */
static void remove_weight(gp_str *s)
{
    size_t end = s->size, colon;
    double weight;
    while (end && is_gap(s->data[end - 1])) end--;
    colon = end;
    while (colon && s->data[colon - 1] != ':' && end - colon < 31) colon--;
    if (!colon || s->data[colon - 1] != ':' || !is_weight(s->data + colon, end - colon, &weight)) return;
    for (colon--; colon && is_gap(s->data[colon - 1]);) colon--;
    s->size = colon;
}

/* The separators that the output needs between two words. */
typedef struct gap {
    bool comma, blank;
} gap;

static void add_gap(gap *g, const char *from, const char *to)
{
    for (; from < to; from++) g->comma |= *from == ',', g->blank |= is_space(*from);
}

static void put_word(gp_str *out, const gap *g, const char *word, size_t length)
{
    if (out->size && g->comma) gp_str_putc(out, ',');
    if (out->size && g->blank) gp_str_putc(out, ' ');
    gp_str_add(out, word, length);
}

/* Returns the length of "embedding:name" at the start of a word. The name ends before '<' or '>'. Otherwise the removal
 * of "embedding:name" could join two parts of the text to a new tag. */
static size_t embedding_size(const char *word, size_t length)
{
    size_t size = 10;
    if (length <= size || memcmp(word, "embedding:", size) != 0) return 0;
    while (size < length && word[size] != '<' && word[size] != '>') size++;
    return size > 10 ? size : 0;
}

/* keywords: remove AND, BREAK and embeddings. */
static void clean_words(const char *text, size_t size, bool keywords, gp_str *out)
{
    size_t at = 0, start, length, end = 0; /* end: end of the previous word */
    gap g = {0};
    bool capitals = false, follow = false, run = false, split = false;
    for (; next_word(text, size, &at, &start, &length); end = at) {
        const char *word = text + start;
        add_gap(&g, text + end, word);
        if (keywords && is_keyword(word, length)) {
            if (!run) follow = capitals_follow(text, size, at); /* once per run of keywords */
            run = true;
            if (!capitals || !follow) {
                if (*word == 'A') {
                    remove_weight(out);
                    g.comma = split = true;
                }
                g.blank = true;
                continue;
            }
        } else {
            run = false;
            capitals = is_capitals(word, length);
            size_t name = keywords ? embedding_size(word, length) : 0;
            if (name == length) continue;
            word += name, length -= name;
        }
        put_word(out, &g, word, length);
        g = (gap){0};
    }
    if (split) remove_weight(out); /* the weight of the last part */
}

/* ------------------------------------------------------------------ whole texts */

/* Folds white space that contains a line break into one blank and trims the ends, for prose. */
static void fold_lines(const char *text, size_t size, gp_str *out)
{
    while (size && is_space(*text)) text++, size--;
    while (size && is_space(text[size - 1])) size--;
    for (size_t i = 0; i < size;) {
        size_t end = i;
        bool breaks = false;
        for (; end < size && is_space(text[end]); end++) breaks |= text[end] == '\n' || text[end] == '\r';
        if (end == i) end = i + 1;
        if (breaks)
            gp_str_putc(out, ' ');
        else
            gp_str_add(out, text + i, end - i);
        i = end;
    }
}

gp_prompt_syntax gp_prompt_syntax_of(const char *tool)
{
    return strcmp(tool, "comfyui") == 0    ? GP_PROMPT_GRAPH
           : strcmp(tool, "novelai") == 0  ? GP_PROMPT_NOVELAI
           : strcmp(tool, "invokeai") == 0 ? GP_PROMPT_INVOKEAI
                                           : GP_PROMPT_WEBUI;
}

gp_status gp_prompt_clean(const char *raw, gp_prompt_syntax syntax, char **out, gp_error *err)
{
    gp_status st = GP_OK;
    gp_str result = GP_STR_INIT;
    size_t size = strlen(raw);
    char *text = gp_str_dup_n(raw, size), *taken;
    if (!text) GP_TRY_GOTO(gp_fail_memory(err, "a prompt"));
    if (syntax == GP_PROMPT_GRAPH) syntax = gp_clean_has_syntax(text, size) ? GP_PROMPT_WEBUI : GP_PROMPT_PLAIN;
    if (syntax == GP_PROMPT_WEBUI) {
        GP_TRY_GOTO(remove_tags(text, &size, err));
        GP_TRY_GOTO(remove_brackets(text, &size, err));
        GP_TRY_GOTO(remove_tags(text, &size, err));
        clean_words(text, size, true, &result);
        if (result.data)
            result.data[result.size] = 0; /* remove_weight only reduces the size, so the NUL must be written again */
    } else if (syntax != GP_PROMPT_PLAIN) {
        (syntax == GP_PROMPT_NOVELAI ? gp_clean_novelai : gp_clean_invokeai)(text, &size);
        clean_words(text, size, false, &result);
    } else {
        fold_lines(text, size, &result);
    }
    taken = gp_str_take(&result);
    if (!taken) GP_TRY_GOTO(gp_fail_memory(err, "a prompt"));
    *out = taken;
out:
    gp_str_clear(&result);
    gp_mem_free(text);
    return st;
}
