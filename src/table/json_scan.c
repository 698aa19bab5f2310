/* SPDX-License-Identifier: MIT
 * The cursor over JSON text: strings are unescaped in place, nested values lose their white space in place. */
#include "table/json_scan.h"

#include "base/str.h"

#include <string.h>

enum { MAX_DEPTH = 64, TELL_EVERY = 1 << 16 };

gp_status gp_scan_wrong(const gp_scan *c, const char *what)
{
    const char *end = c->at < c->end ? "" : c->one_line ? " (the line ends here)" : " (the file ends here)";
    return gp_table_wrong(c->table, c->line, c->err, "%s%s", what, end);
}

char gp_scan_peek(gp_scan *c)
{
    for (; *c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'; c->at++) c->line += *c->at == '\n';
    return *c->at;
}

static gp_status expect(gp_scan *c, char wanted, const char *what)
{
    if (gp_scan_peek(c) != wanted) return gp_scan_wrong(c, what);
    c->at++;
    return GP_OK;
}

gp_status gp_scan_next(gp_scan *c, char close, bool *more)
{
    char byte = gp_scan_peek(c);
    *more = byte == ',';
    if (!*more && byte != close)
        return gp_scan_wrong(c, close == '}' ? "',' or '}' was expected" : "',' or ']' was expected");
    c->at++;
    return GP_OK;
}

gp_status gp_scan_open(gp_scan *c, char bracket, const char *what, bool *more)
{
    char close = bracket == '{' ? '}' : ']';
    GP_TRY(expect(c, bracket, what));
    *more = gp_scan_peek(c) != close;
    if (!*more) c->at++;
    return GP_OK;
}

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = gp_hex_digit(p[i]);
        if (digit < 0) return -1; /* also at the NUL at the end of the text */
        value = value * 16 + digit;
    }
    return value;
}

/* Reads the escape at c->at (after the backslash) and writes its character to *to. The character is never longer than
 * its escape, so the text can be unescaped in place. */
static bool unescape(gp_scan *c, char **to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *known = *c->at ? strchr(names, *c->at) : NULL;
    if (known) {
        *(*to)++ = values[known - names];
        c->at++;
        return true;
    }
    if (*c->at != 'u') return false;
    int unit = hex4(c->at + 1);
    if (unit < 0) return false;
    c->at += 5;
    uint32_t cp = (uint32_t)unit;
    if (cp >= 0xD800 && cp <= 0xDBFF && c->at[0] == '\\' && c->at[1] == 'u') {
        int low = hex4(c->at + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            cp = 0x10000 + ((cp & 0x3FF) << 10 | ((uint32_t)low & 0x3FF));
            c->at += 6;
        }
    }
    *to += gp_utf8_encode(*to, cp ? cp : 0xFFFD);
    return true;
}

/* Reads and unescapes the string at c->at; *end is behind its last byte. */
static gp_status read_string(gp_scan *c, char **out, char **end)
{
    char *to;
    GP_TRY(expect(c, '"', "a string in double quotes was expected"));
    *out = to = c->at;
    for (;;) {
        char byte = *c->at;
        if (byte == '"') break;
        if ((unsigned char)byte < 0x20 && byte != '\t') return gp_scan_wrong(c, "a string has no closing quote");
        c->at++;
        if (byte != '\\')
            *to++ = byte;
        else if (!unescape(c, &to))
            return gp_scan_wrong(c, "a bad \\ escape");
    }
    c->at++;
    *end = to; /* `to` is at the closing quote or before that quote */
    return GP_OK;
}

gp_status gp_scan_name(gp_scan *c, char **name)
{
    char *end;
    GP_TRY(read_string(c, name, &end));
    *end = 0;
    return expect(c, ':', "':' was expected");
}

/* Skips a string without changing it. */
static gp_status skip_string(gp_scan *c)
{
    for (c->at++; *c->at != '"'; c->at++) {
        if (*c->at == '\\' && c->at[1]) c->at++;
        if ((unsigned char)*c->at < 0x20 && *c->at != '\t') return gp_scan_wrong(c, "a string has no closing quote");
    }
    c->at++;
    return GP_OK;
}

/* Skips an array or object.  Unless `to` is NULL, also moves it to `to` without white space, and sets *new_end to
 * its end there. */
static gp_status skip_nested(gp_scan *c, char *to, char **new_end)
{
    uint64_t arrays = 0; /* bit i: level i is an array */
    int depth = 0;
    const char *told = c->at;
    do {
        gp_scan_peek(c);
        char *from = c->at, byte = *from;
        if (byte == '"') {
            GP_TRY(skip_string(c));
        } else if (byte == '[' || byte == '{') {
            if (depth == MAX_DEPTH) return gp_scan_wrong(c, "values are nested too deeply");
            arrays = (arrays << 1) | (byte == '[');
            depth++, c->at++;
        } else if (byte == ']' || byte == '}') {
            if ((byte == ']') != (arrays & 1))
                return gp_scan_wrong(c, "a bracket is closed by a bracket of another type");
            arrays >>= 1;
            depth--, c->at++;
        } else if (byte == ',' || byte == ':' || byte == '-' || byte == '+' || byte == '.' ||
                   (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) {
            c->at++;
        } else {
            return gp_scan_wrong(c, "a bracket is never closed, or a value is not JSON");
        }
        if (to) memmove(to, from, (size_t)(c->at - from)), to += c->at - from;
        if ((size_t)(c->at - told) < TELL_EVERY) continue;
        GP_TRY(gp_watch_work(c->table->watch, (size_t)(c->at - told), c->err));
        told = c->at;
    } while (depth);
    if (new_end) *new_end = to;
    return GP_OK;
}

static bool is_number(const char *p, size_t size)
{
    if (size > 100) return false;
    char copy[104];
    double value;
    memcpy(copy, p, size);
    copy[size] = 0;
    return *p != '+' && *p != '.' && gp_parse_double(copy, &value);
}

/* Reads a number, true or false; null, NaN and infinities set *text to NULL. */
static gp_status read_word(gp_scan *c, const char **text, size_t *size)
{
    static const char *const absent[] = {"null", "NaN", "Infinity", "-Infinity"};
    const char *start = c->at;
    size_t n = 0;
    while (n < 100 && start[n] && !strchr(" \t\r\n,]}:\"[{", start[n])) n++;
    c->at += n;
    *text = NULL, *size = 0;
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        if (n == strlen(absent[i]) && memcmp(start, absent[i], n) == 0) return GP_OK;
    bool boolean = (n == 4 && memcmp(start, "true", 4) == 0) || (n == 5 && memcmp(start, "false", 5) == 0);
    if (!boolean && (!n || !is_number(start, n))) return gp_scan_wrong(c, "a value was expected");
    *text = start, *size = n;
    return GP_OK;
}

gp_status gp_scan_cell(gp_scan *c, const char **text, size_t *size)
{
    char *start, *end, first = gp_scan_peek(c);
    if (first != '"' && first != '{' && first != '[') return read_word(c, text, size);
    start = c->at;
    GP_TRY(first == '"' ? read_string(c, &start, &end) : skip_nested(c, start, &end));
    *text = start, *size = (size_t)(end - start);
    return GP_OK;
}

gp_status gp_scan_skip(gp_scan *c)
{
    const char *text;
    size_t size;
    char first = gp_scan_peek(c);
    if (first == '"') return skip_string(c);
    return first == '{' || first == '[' ? skip_nested(c, NULL, NULL) : read_word(c, &text, &size);
}
