/* SPDX-License-Identifier: MIT
 * Reads JSON with json-c, after a check of its own.  json-c accepts too much (single quotes), clamps large integers,
 * cuts names at NUL and does not report duplicate names.  So one pass without recursion first checks the grammar of
 * RFC 8259, plus the extensions of the lax mode.  It writes a copy for json-c without comments and trailing commas,
 * in which integers beyond 64 bits are real numbers. */
#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <json-c/json.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { USUAL_DEPTH = 64, MOST_DEPTH = 1000 };

/* ------------------------------------------------------------------ the scan */

typedef struct scan {
    const char *text;
    size_t size, at;
    bool strict;
    size_t names; /* member names seen */
    gp_str copy;
    gp_error *err;
} scan;

static gp_status wrong(const scan *s, size_t at, const char *what)
{
    return gp_fail(s->err, GP_ERR_FORMAT, "JSON: %s at byte %zu", what, at);
}

static int peek(const scan *s)
{
    return s->at < s->size ? (unsigned char)s->text[s->at] : -1;
}

static bool starts(const scan *s, const char *word)
{
    size_t n = strlen(word);
    return s->size - s->at >= n && memcmp(s->text + s->at, word, n) == 0;
}

static void keep(scan *s, size_t from)
{
    gp_str_add(&s->copy, s->text + from, s->at - from);
}

/* Skips white space; in lax mode also // and block comments. */
static gp_status skip_space(scan *s)
{
    for (;;) {
        int c = peek(s);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            s->at++;
        } else if (c == '/' && !s->strict && starts(s, "//")) {
            while (s->at < s->size && s->text[s->at] != '\n') s->at++;
        } else if (c == '/' && !s->strict && starts(s, "/*")) {
            size_t from = s->at;
            for (s->at += 2; s->at < s->size && !starts(s, "*/");) s->at++;
            if (s->at >= s->size) return wrong(s, from, "unterminated comment");
            s->at += 2;
        } else {
            return GP_OK;
        }
    }
}

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int d = gp_hex_digit(p[i]);
        if (d < 0) return -1;
        value = value << 4 | d;
    }
    return value;
}

static gp_status scan_escape(scan *s, bool name)
{
    size_t from = s->at++;
    int c = peek(s);
    if (c >= 0 && strchr("\"\\/bfnrt", c)) {
        s->at++;
        return GP_OK;
    }
    if (c != 'u' || s->size - s->at < 5) return wrong(s, from, "invalid escape");
    int unit = hex4(s->text + s->at + 1);
    if (unit < 0) return wrong(s, from, "invalid escape");
    if (unit == 0 && name) return wrong(s, from, "NUL byte in a member name");
    s->at += 5;
    return GP_OK;
}

static gp_status scan_string(scan *s, bool name)
{
    size_t from = s->at++;
    for (;;) {
        int c = peek(s);
        if (c < 0) return wrong(s, from, "unterminated string");
        if (c == '"') break;
        if (c == '\\') {
            GP_TRY(scan_escape(s, name));
        } else if (c < 0x20 && (s->strict || c == 0)) {
            return wrong(s, s->at, "control character in a string");
        } else if (c >= 0x80 && s->strict) {
            uint32_t cp;
            size_t n = gp_utf8_next(s->text + s->at, s->size - s->at, &cp);
            if (n == 1) return wrong(s, s->at, "invalid UTF-8");
            s->at += n;
        } else {
            s->at++;
        }
    }
    s->at++;
    keep(s, from);
    return GP_OK;
}

static size_t scan_digits(scan *s)
{
    size_t from = s->at;
    while (peek(s) >= '0' && peek(s) <= '9') s->at++;
    return s->at - from;
}

/* Returns true if the number fits int64 (negative) or uint64.  `digits` has no sign and no leading zeros. */
static bool fits(const char *digits, size_t n, bool minus)
{
    const char *most = minus ? "9223372036854775808" : "18446744073709551615";
    size_t m = strlen(most);
    return n < m || (n == m && memcmp(digits, most, n) <= 0);
}

static gp_status scan_number(scan *s)
{
    size_t from = s->at;
    bool minus = peek(s) == '-', real = false;
    s->at += minus;
    size_t digits = s->at, n = scan_digits(s);
    if (n == 0) return wrong(s, from, "invalid value");
    if (n > 1 && s->text[digits] == '0') return wrong(s, from, "number with leading zero");
    if (peek(s) == '.') {
        real = true;
        s->at++;
        if (scan_digits(s) == 0) return wrong(s, from, "invalid number");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        real = true;
        s->at++;
        if (peek(s) == '+' || peek(s) == '-') s->at++;
        if (scan_digits(s) == 0) return wrong(s, from, "invalid number");
    }
    keep(s, from);
    if (!real && !fits(s->text + digits, n, minus)) gp_str_puts(&s->copy, ".0");
    return GP_OK;
}

/* Reads a value that is neither an array nor an object. */
static gp_status scan_scalar(scan *s)
{
    static const char *const literal[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    if (peek(s) == '"') return scan_string(s, false);
    for (int i = 0; i < (s->strict ? 3 : 6); i++) {
        if (!starts(s, literal[i])) continue;
        size_t from = s->at;
        s->at += strlen(literal[i]);
        keep(s, from);
        return GP_OK;
    }
    if (peek(s) < 0) return wrong(s, s->at, "unexpected end");
    return scan_number(s);
}

static gp_status scan_name(scan *s)
{
    GP_TRY(skip_space(s));
    if (peek(s) != '"') return wrong(s, s->at, "member name expected");
    GP_TRY(scan_string(s, true));
    s->names++;
    GP_TRY(skip_space(s));
    if (peek(s) != ':') return wrong(s, s->at, "':' expected");
    s->at++;
    gp_str_putc(&s->copy, ':');
    return GP_OK;
}

/* Reads one value.  `open` holds '[' or '{' for each array or object around the current position. */
static gp_status scan_value(scan *s, char *open, int max_depth)
{
    int depth = 0;
    bool complete = false; /* a value has just ended */
    do {
        GP_TRY(skip_space(s));
        int c = peek(s);
        if (!complete && (c == '[' || c == '{')) {
            if (depth == max_depth) return wrong(s, s->at, "nested too deeply");
            open[depth++] = (char)c;
            s->at++;
            gp_str_putc(&s->copy, (char)c);
            GP_TRY(skip_space(s));
            complete = peek(s) == (c == '[' ? ']' : '}');
            if (!complete && c == '{') GP_TRY(scan_name(s));
            if (!complete) continue;
        } else if (!complete) {
            GP_TRY(scan_scalar(s));
            complete = true;
            continue;
        }
        /* here a value is complete, or an array or object is empty: expect a comma or the closing bracket */
        char close = open[depth - 1] == '[' ? ']' : '}';
        c = peek(s);
        if (c == ',') {
            size_t comma = s->at++;
            GP_TRY(skip_space(s));
            if (peek(s) != close || s->strict) {
                if (peek(s) == close) return wrong(s, comma, "comma before a closing bracket");
                gp_str_putc(&s->copy, ',');
                complete = false;
                if (close == '}') GP_TRY(scan_name(s));
                continue;
            }
            c = close;
        }
        if (c != close)
            return wrong(s, s->at,
                         c < 0          ? "unexpected end"
                         : close == ']' ? "',' or ']' expected"
                                        : "',' or '}' expected");
        s->at++;
        depth--;
        gp_str_putc(&s->copy, close);
    } while (depth > 0 || !complete);
    return GP_OK;
}

/* ------------------------------------------------------------------ the tree */

/* Counts the member names in the tree.  The recursion is safe, because the scan has limited the depth. */
static size_t count_names(struct json_object *value)
{
    size_t total = 0;
    if (json_object_is_type(value, json_type_object)) {
        struct json_object_iter i;
        json_object_object_foreachC(value, i) total += 1 + count_names(i.val);
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            total += count_names(json_object_array_get_idx(value, i));
    }
    return total;
}

static gp_status build(const scan *s, int max_depth, struct json_object **out)
{
    if (s->copy.failed) return gp_fail_memory(s->err, "JSON (%zu bytes)", s->size);
    if (s->copy.size >= INT_MAX) return gp_fail(s->err, GP_ERR_LIMIT, "JSON: more than 2 GiB");
    struct json_tokener *tokener = json_tokener_new_ex(max_depth + 1);
    if (!tokener) return gp_fail_memory(s->err, "JSON (%zu bytes)", s->size);
    /* pass the NUL after the text to the parser too, because only the NUL ends a number that is the last value */
    struct json_object *value = json_tokener_parse_ex(tokener, s->copy.data, (int)s->copy.size + 1);
    enum json_tokener_error failure = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    if (failure != json_tokener_success) {
        json_object_put(value);
        return gp_fail(s->err, GP_ERR_FORMAT, "JSON: %s", json_tokener_error_desc(failure));
    }
    *out = value;
    return GP_OK;
}

gp_status gp_json_parse(const char *text, size_t size, bool strict, int max_depth, gp_json **root, gp_error *err)
{
    scan s = {.text = text, .size = size, .strict = strict, .copy = GP_STR_INIT, .err = err};
    struct json_object *value = NULL;
    void *open = NULL;
    gp_status st;
    if (max_depth <= 0) max_depth = USUAL_DEPTH;
    if (max_depth > MOST_DEPTH) max_depth = MOST_DEPTH;
    GP_TRY(gp_alloc(&open, (size_t)max_depth, 1, "JSON", err));
    if (starts(&s, "\xEF\xBB\xBF")) s.at = 3;
    GP_TRY_GOTO(scan_value(&s, open, max_depth));
    GP_TRY_GOTO(skip_space(&s));
    if (s.at < s.size) {
        st = wrong(&s, s.at, "unexpected text after the value");
        goto out;
    }
    GP_TRY_GOTO(build(&s, max_depth, &value));
    if (strict && count_names(value) != s.names) {
        st = gp_fail(err, GP_ERR_FORMAT, "JSON: a member name occurs twice in one object");
        goto out;
    }
    *root = (gp_json *)value;
    value = NULL;
out:
    json_object_put(value);
    gp_str_clear(&s.copy);
    gp_mem_free(open);
    return st;
}

void gp_json_free(gp_json *root)
{
    json_object_put((struct json_object *)root);
}

/* json-c's functions take non-const pointers even if they only read. */
static struct json_object *inner(const gp_json *value)
{
    return (struct json_object *)(uintptr_t)value;
}

gp_json_kind gp_json_kind_of(const gp_json *value)
{
    switch (json_object_get_type(inner(value))) {
    case json_type_null: return GP_JSON_NULL;
    case json_type_boolean: return GP_JSON_BOOL;
    case json_type_int: return GP_JSON_INT;
    case json_type_double: return GP_JSON_REAL;
    case json_type_string: return GP_JSON_STRING;
    case json_type_array: return GP_JSON_ARRAY;
    case json_type_object: return GP_JSON_OBJECT;
    }
    return GP_JSON_NULL;
}

size_t gp_json_count(const gp_json *value)
{
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_ARRAY) return json_object_array_length(inner(value));
    return kind == GP_JSON_OBJECT ? (size_t)json_object_object_length(inner(value)) : 0;
}

const gp_json *gp_json_at(const gp_json *array, size_t index)
{
    if (gp_json_kind_of(array) != GP_JSON_ARRAY || index >= json_object_array_length(inner(array))) return NULL;
    return (const gp_json *)json_object_array_get_idx(inner(array), index);
}

const gp_json *gp_json_get(const gp_json *object, const char *key)
{
    struct json_object *value = NULL;
    if (gp_json_kind_of(object) != GP_JSON_OBJECT) return NULL;
    return json_object_object_get_ex(inner(object), key, &value) ? (const gp_json *)value : NULL;
}

void gp_json_each(const gp_json *object, bool (*visit)(void *user, const char *key, const gp_json *value), void *user)
{
    if (gp_json_kind_of(object) != GP_JSON_OBJECT) return;
    json_object_object_foreach(inner(object), key, value)
    {
        if (!visit(user, key, (const gp_json *)value)) return;
    }
}

const char *gp_json_text(const gp_json *value, size_t *size)
{
    if (gp_json_kind_of(value) != GP_JSON_STRING) return NULL;
    if (size) *size = (size_t)json_object_get_string_len(inner(value));
    return json_object_get_string(inner(value));
}

bool gp_json_bool(const gp_json *value, bool fallback)
{
    return gp_json_kind_of(value) == GP_JSON_BOOL ? json_object_get_boolean(inner(value)) : fallback;
}

/* json-c clamps a number that does not fit the requested type: to INT64_MAX if it is too large for int64_t, to 0 if it
 * is negative and read as unsigned.  So gp_json_u64 and gp_json_i64 check the range first. */
bool gp_json_u64(const gp_json *value, uint64_t *out)
{
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_INT) {
        if (json_object_get_int64(inner(value)) < 0) return false;
        *out = json_object_get_uint64(inner(value));
        return true;
    }
    double real = kind == GP_JSON_REAL ? json_object_get_double(inner(value)) : -1;
    if (!(real >= 0 && real < 0x1p64) || real != floor(real)) return false;
    *out = (uint64_t)real;
    return true;
}

bool gp_json_i64(const gp_json *value, int64_t *out)
{
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_INT) {
        int64_t whole = json_object_get_int64(inner(value));
        if (whole >= 0 && json_object_get_uint64(inner(value)) > INT64_MAX) return false;
        *out = whole;
        return true;
    }
    double real = kind == GP_JSON_REAL ? json_object_get_double(inner(value)) : NAN;
    if (!(real >= -0x1p63 && real < 0x1p63) || real != floor(real)) return false;
    *out = (int64_t)real;
    return true;
}

bool gp_json_real(const gp_json *value, double *out)
{
    uint64_t large;
    gp_json_kind kind = gp_json_kind_of(value);
    if (kind == GP_JSON_REAL)
        *out = json_object_get_double(inner(value));
    else if (kind != GP_JSON_INT)
        return false;
    else if (gp_json_u64(value, &large))
        *out = (double)large;
    else
        *out = (double)json_object_get_int64(inner(value));
    return true;
}
