/* SPDX-License-Identifier: MIT
 * Writes JSON: always valid UTF-8, and numbers that read back equal. */
#include "base/json.h"

#include <math.h>
#include <string.h>

void gp_json_put_string_n(gp_str *out, const char *text, size_t size)
{
    gp_str_putc(out, '"');
    for (size_t i = 0; i < size;) {
        uint32_t cp;
        size_t n = gp_utf8_next(text + i, size - i, &cp);
        if (cp == '"' || cp == '\\')
            gp_str_printf(out, "\\%c", (char)cp);
        else if (cp == '\n')
            gp_str_puts(out, "\\n");
        else if (cp == '\t')
            gp_str_puts(out, "\\t");
        else if (cp == '\r')
            gp_str_puts(out, "\\r");
        else if (cp < 0x20 || cp == 0x7F)
            gp_str_printf(out, "\\u%04x", (unsigned)cp);
        else
            gp_utf8_put(out, cp);
        i += n;
    }
    gp_str_putc(out, '"');
}

void gp_json_put_string(gp_str *out, const char *text)
{
    if (text)
        gp_json_put_string_n(out, text, strlen(text));
    else
        gp_str_puts(out, "null");
}

void gp_json_put_text(gp_str *out, const char *name, const char *text)
{
    gp_json_put_name(out, name);
    gp_json_put_string(out, text);
}

void gp_json_put_name(gp_str *out, const char *name)
{
    if (out->size > 0 && !strchr("{[", out->data[out->size - 1])) gp_str_putc(out, ',');
    gp_json_put_string(out, name);
    gp_str_putc(out, ':');
}

/* Writes the fewest digits from which a JSON reader gets exactly `value`.  17 digits always suffice (IEEE 754). */
void gp_json_put_real(gp_str *out, double value)
{
    if (!isfinite(value)) {
        gp_str_puts(out, "null");
        return;
    }
    if (value == 0) { /* negative zero needs ".0", because "-0" would be read back as an integer */
        gp_str_puts(out, signbit(value) ? "-0.0" : "0");
        return;
    }
    gp_str digits = GP_STR_INIT;
    for (int precision = 15; precision <= 17; precision++) {
        double back;
        gp_str_reset(&digits);
        gp_str_printf(&digits, "%.*g", precision, value);
        if (digits.failed || (gp_parse_double(digits.data, &back) && back == value)) break;
    }
    if (digits.failed)
        out->failed = true;
    else
        gp_str_add(out, digits.data, digits.size);
    gp_str_clear(&digits);
}

typedef struct members {
    gp_str *out;
    bool first;
} members;

static bool put_member(void *user, const char *key, const gp_json *value)
{
    members *m = user;
    if (!m->first) gp_str_putc(m->out, ',');
    m->first = false;
    gp_json_put_string(m->out, key);
    gp_str_putc(m->out, ':');
    gp_json_write(m->out, value);
    return !m->out->failed;
}

static void put_int(gp_str *out, const gp_json *value)
{
    uint64_t large;
    int64_t small = 0;
    if (gp_json_u64(value, &large))
        gp_str_printf(out, "%llu", (unsigned long long)large);
    else if (gp_json_i64(value, &small))
        gp_str_printf(out, "%lld", (long long)small);
}

/* The recursion is safe, because the parser has limited the depth. */
void gp_json_write(gp_str *out, const gp_json *value)
{
    double real = 0;
    size_t size = 0;
    const char *text = gp_json_text(value, &size);
    members m = {out, true};
    switch (gp_json_kind_of(value)) {
    case GP_JSON_NULL: gp_str_puts(out, "null"); break;
    case GP_JSON_BOOL: gp_str_puts(out, gp_json_bool(value, false) ? "true" : "false"); break;
    case GP_JSON_INT: put_int(out, value); break;
    case GP_JSON_REAL:
        gp_json_real(value, &real);
        gp_json_put_real(out, real);
        break;
    case GP_JSON_STRING: gp_json_put_string_n(out, text, size); break;
    case GP_JSON_ARRAY:
        gp_str_putc(out, '[');
        for (size_t i = 0; i < gp_json_count(value) && !out->failed; i++) {
            if (i) gp_str_putc(out, ',');
            gp_json_write(out, gp_json_at(value, i));
        }
        gp_str_putc(out, ']');
        break;
    case GP_JSON_OBJECT:
        gp_str_putc(out, '{');
        gp_json_each(value, put_member, &m);
        gp_str_putc(out, '}');
        break;
    }
}

void gp_json_put_parts(gp_str *out, const char *name, const char *text, const char *separator)
{
    gp_json_put_name(out, name);
    gp_str_putc(out, '[');
    while (text) {
        const char *end = strstr(text, separator);
        gp_json_put_string_n(out, text, end ? (size_t)(end - text) : strlen(text));
        if (end) gp_str_putc(out, ',');
        text = end ? end + strlen(separator) : NULL;
    }
    gp_str_putc(out, ']');
}
