/* SPDX-License-Identifier: MIT
 * See clean_weights.h. Each function cleans a text to a form that it does not change again; a fuzz target checks this. */
#include "metadata/clean_weights.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_gap(char c)
{
    return is_space(c) || c == ',';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* ------------------------------------------------------------------ NovelAI */

/* Returns the start of a weight such as "1.3" or "-2" at the end of text [0, size), or `size` if there is none. A weight
 * stands at the start of the text, or after a blank or a comma. */
static size_t weight_start(const char *text, size_t size)
{
    enum { LONGEST = 16 };
    size_t start = size;
    bool digits = false;
    while (start && size - start < LONGEST && (is_digit(text[start - 1]) || text[start - 1] == '.'))
        digits |= is_digit(text[--start]);
    if (start && digits && text[start - 1] == '-') start--;
    return digits && (!start || is_gap(text[start - 1])) ? start : size;
}

void gp_clean_novelai(char *text, size_t *size)
{
    size_t kept = 0, to = 0;
    bool open = false; /* a weight 1.3:: waits for its :: */
    for (size_t i = 0; i < *size; i++)
        if (!strchr("{}[]", text[i]) || !text[i]) text[kept++] = text[i];
    for (size_t i = 0; i < kept; i++) {
        bool colons = text[i] == ':' && i + 1 < kept && text[i + 1] == ':';
        size_t start = colons ? weight_start(text, to) : to;
        if (colons && (start < to || open)) {
            open = start < to;
            to = start, i++;
        } else {
            text[to++] = text[i];
            if (colons) text[to++] = text[++i]; /* as in "std::vector" */
        }
    }
    text[to] = 0;
    *size = to;
}

/* ------------------------------------------------------------------ InvokeAI */

static bool ends_word(const char *text, size_t size, size_t at)
{
    return at >= size || is_gap(text[at]) || text[at] == ')';
}

/* Returns the length of the weight at the start of a text: "++", "-" or "1.2", up to the end of the word; else 0. */
static size_t weight_after(const char *text, size_t size)
{
    size_t end = strspn(text, "+-");
    if (!end && size && is_digit(*text)) end = strspn(text, "0123456789.");
    return ends_word(text, size, end) ? end : 0;
}

/* Removes "++" or "--" from the end of a word at the end of the output. */
static size_t without_signs(const char *text, size_t size)
{
    enum { LONGEST = 64 }; /* without a limit, "+()+()+()" would take quadratic time */
    size_t end = size;
    while (end && size - end < LONGEST && (text[end - 1] == '+' || text[end - 1] == '-')) end--;
    return end && (is_letter(text[end - 1]) || is_digit(text[end - 1])) ? end : size;
}

void gp_clean_invokeai(char *text, size_t *size)
{
    size_t to = 0;
    for (size_t i = 0; i < *size; i++) {
        char c = text[i];
        if (c == '\\' && i + 1 < *size && strchr("()", text[i + 1])) {
            i++; /* remove an escaped bracket too, with its backslash */
        } else if (c == ')') {
            to = without_signs(text, to);
            i += weight_after(text + i + 1, *size - i - 1);
        } else if (c != '(') {
            if (is_gap(c)) to = without_signs(text, to);
            text[to++] = c;
        }
    }
    to = without_signs(text, to);
    text[to] = 0;
    *size = to;
}

/* ------------------------------------------------------------------ web interfaces */

/* Returns true if a weight such as ":1.2" ends at the bracket text[at]. The scan ends at the bracket before, so all calls
 * for one text need linear time. */
static bool has_weight(const char *text, size_t at)
{
    size_t end = at;
    while (end && is_space(text[end - 1])) end--;
    size_t start = end;
    while (start && (is_digit(text[start - 1]) || text[start - 1] == '.')) start--;
    if (start == end) return false;
    while (start && (is_space(text[start - 1]) || text[start - 1] == '+' || text[start - 1] == '-')) start--;
    return start && text[start - 1] == ':';
}

/* Returns true if the text has `word` between gaps or ends. */
static bool is_alone(const char *text, size_t size, size_t at, const char *word)
{
    size_t length = strlen(word);
    return at + length <= size && memcmp(text + at, word, length) == 0 && (!at || is_gap(text[at - 1])) &&
           (at + length == size || is_gap(text[at + length]));
}

static bool begins_tag(const char *text, size_t size, size_t at)
{
    size_t end = at + 1;
    while (end < size && (is_letter(text[end]) || is_digit(text[end]))) end++;
    return end > at + 1 && end < size && text[end] == ':';
}

/* Returns true if only white space is between `at` and a comma or an end of the text. step: 1 or -1. */
static bool at_edge(const char *text, size_t size, size_t at, int step)
{
    for (size_t i = at + (size_t)step; i < size; i += (size_t)step) /* before the first byte, i wraps to SIZE_MAX */
        if (!is_space(text[i])) return text[i] == ',';
    return true;
}

bool gp_clean_has_syntax(const char *text, size_t size)
{
    size_t open = size; /* the last '(' at the start of a part */
    for (size_t i = 0; i < size; i++) {
        char c = text[i], next = i + 1 < size ? text[i + 1] : 0;
        if (c == '(' && next == '(') return true;
        if (c == '\\' && (next == '(' || next == ')')) return true;
        if ((c == ')' || c == ']') && has_weight(text, i)) return true;
        if (c == '<' && begins_tag(text, size, i)) return true;
        if (c == 'e' && size - i > 10 && memcmp(text + i, "embedding:", 10) == 0) return true;
        if (c == 'B' && is_alone(text, size, i, "BREAK")) return true;
        if (c == '(' || c == ',') open = c == '(' && at_edge(text, size, i, -1) ? i : size;
        if (c == ')' && open < size && at_edge(text, size, i, 1)) return true;
    }
    return false;
}
