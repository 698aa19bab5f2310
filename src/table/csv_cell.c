/* SPDX-License-Identifier: MIT
 * See csv_cell.h. */
#include "table/csv_cell.h"

#include <string.h>

const char gp_csv_picks_begin[] =
    "file,score,rank,candidates,prompt,negative,path,hash,width,height,prompt_source,prompt_raw";
const char gp_csv_metadata_begin[] = "file_name,text,score,rank,negative\r\n";

static bool runs(char c)
{
    return c && strchr("=+-@\t\r\n", c);
}

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9') p++;
    return p;
}

/* Returns true for a decimal number with or without sign, fraction and exponent. */
static bool is_number(const char *p)
{
    p += *p == '+' || *p == '-';
    const char *whole = p;
    size_t digits = (size_t)((p = skip_digits(p)) - whole);
    if (*p == '.') {
        const char *part = p + 1;
        p = skip_digits(part);
        digits += (size_t)(p - part);
    }
    if (!digits) return false;
    if (*p == 'e' || *p == 'E') {
        const char *power = p + 1 + (p[1] == '+' || p[1] == '-');
        p = skip_digits(power);
        if (p == power) return false;
    }
    return *p == 0;
}

static bool needs_guard(const char *text)
{
    return runs(text[strspn(text, "'")]) && !is_number(text);
}

static void put(gp_str *s, const char *guard, const char *text)
{
    bool quotes = strpbrk(text, ",\"\r\n") != NULL;
    if (quotes) gp_str_putc(s, '"');
    gp_str_puts(s, guard);
    for (; *text; text++) {
        if (*text == '"') gp_str_putc(s, '"');
        gp_str_putc(s, *text);
    }
    if (quotes) gp_str_putc(s, '"');
}

void gp_csv_put(gp_str *s, const char *text)
{
    if (text) put(s, needs_guard(text) ? "'" : "", text);
}

void gp_csv_put_file(gp_str *s, const char *name)
{
    if (name) put(s, runs(*name) || *name == '\'' ? "./" : "", name);
}

bool gp_csv_is_ours(const char *bytes, size_t size)
{
    size_t picks = strlen(gp_csv_picks_begin), metadata = strlen(gp_csv_metadata_begin);
    return (size >= picks && memcmp(bytes, gp_csv_picks_begin, picks) == 0) ||
           (size >= metadata && memcmp(bytes, gp_csv_metadata_begin, metadata) == 0);
}

bool gp_csv_is_guarded(const char *text, size_t size)
{
    size_t quotes = 0;
    while (quotes < size && text[quotes] == '\'') quotes++;
    return quotes && quotes < size && runs(text[quotes]);
}
