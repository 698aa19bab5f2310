/* SPDX-License-Identifier: MIT
 * Growing strings, and numbers as text.  Numbers are read and written as in the C locale, whatever locale the calling
 * program has set. */
#include "base/str.h"
#include "base/mem.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static locale_t c_locale; /* created once, never freed */
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* Sets the calling thread's locale to "C".  Returns the old locale for uselocale.  If there is not enough memory, the
 * thread keeps its old locale. */
static locale_t enter_c_locale(void)
{
    pthread_once(&c_locale_once, make_c_locale);
    return uselocale(c_locale);
}

/* Makes room for `extra` more bytes and the NUL. */
static bool reserve(gp_str *s, size_t extra)
{
    size_t need;
    if (s->failed) return false;
    if (!gp_size_add(s->size, extra, &need) || !gp_size_add(need, 1, &need)) return !(s->failed = true);
    if (need <= s->capacity) return true;
    size_t capacity = s->capacity < 32 ? 32 : s->capacity;
    if (capacity < need && capacity <= SIZE_MAX / 2) capacity *= 2;
    if (capacity < need) capacity = need;
    char *data = gp_mem_resize(s->data, capacity, 1);
    if (!data) return !(s->failed = true);
    s->data = data;
    s->capacity = capacity;
    return true;
}

void gp_str_add(gp_str *s, const void *bytes, size_t size)
{
    if (!reserve(s, size)) return;
    if (size) memcpy(s->data + s->size, bytes, size);
    s->size += size;
    s->data[s->size] = '\0';
}

void gp_str_puts(gp_str *s, const char *text)
{
    gp_str_add(s, text, strlen(text));
}

void gp_str_putc(gp_str *s, char c)
{
    gp_str_add(s, &c, 1);
}

void gp_str_vprintf(gp_str *s, const char *format, va_list args)
{
    locale_t before = enter_c_locale();
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    if (size < 0)
        s->failed = true;
    else if (reserve(s, (size_t)size)) {
        vsnprintf(s->data + s->size, (size_t)size + 1, format, again);
        s->size += (size_t)size;
    }
    va_end(again);
    uselocale(before);
}

void gp_str_printf(gp_str *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    gp_str_vprintf(s, format, args);
    va_end(args);
}

void gp_note_say(gp_note_fn note, void *user, const char *code, uint64_t count, const char *format, ...)
{
    gp_str text = GP_STR_INIT;
    va_list args;
    if (!note) return;
    va_start(args, format);
    gp_str_vprintf(&text, format, args);
    va_end(args);
    if (!text.failed) note(user, &(gp_note){.code = code, .message = text.data, .count = count});
    gp_str_clear(&text);
}

void gp_str_reset(gp_str *s)
{
    s->size = 0;
    s->failed = false;
    if (s->data) s->data[0] = '\0';
}

void gp_str_clear(gp_str *s)
{
    gp_mem_free(s->data);
    *s = (gp_str)GP_STR_INIT;
}

char *gp_str_take(gp_str *s)
{
    gp_str_add(s, "", 0);
    char *text = s->data;
    if (s->failed) {
        gp_mem_free(text);
        text = NULL;
    }
    *s = (gp_str)GP_STR_INIT;
    return text;
}

char *gp_str_dup_n(const char *bytes, size_t size)
{
    size_t need;
    if (!gp_size_add(size, 1, &need)) return NULL;
    char *text = gp_mem_new(need, 1);
    if (!text) return NULL;
    if (size) memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

char *gp_str_dup(const char *text)
{
    return gp_str_dup_n(text, strlen(text));
}

size_t gp_str_item(const char *list)
{
    size_t length = strcspn(list, ",");
    const char *argument = memchr(list, ':', length);
    while (argument && list[length]) {
        const char *next = list + length + 1;
        const size_t name = strspn(next, "abcdefghijklmnopqrstuvwxyz0123456789-");
        if (name && (!next[name] || next[name] == ':' || next[name] == ',')) break;
        length += 1 + strcspn(next, ",");
    }
    return length;
}

bool gp_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool gp_str_ends(const char *text, const char *suffix)
{
    size_t a = strlen(text), b = strlen(suffix);
    return a >= b && memcmp(text + (a - b), suffix, b) == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool gp_str_equal_nocase(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) a++, b++;
    return lower(*a) == lower(*b);
}

bool gp_parse_u64(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) return false;
    }
    *out = value;
    return true;
}

bool gp_parse_i64(const char *text, int64_t *out)
{
    uint64_t size;
    bool minus = *text == '-';
    if (!gp_parse_u64(text + (minus || *text == '+'), &size)) return false;
    if (size > (uint64_t)INT64_MAX + minus) return false;
    *out = minus ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

static const char *digits(const char *p)
{
    while (*p >= '0' && *p <= '9') p++;
    return p;
}

/* Returns true for [+-] digits [. digits] [e [+-] digits], with at least one digit before or after the point. */
static bool looks_real(const char *p)
{
    if (*p == '+' || *p == '-') p++;
    const char *start = p, *end = digits(p);
    bool any = end > start;
    if (*end == '.') {
        start = end + 1;
        end = digits(start);
        any |= end > start;
    }
    if (!any) return false;
    if (*end == 'e' || *end == 'E') {
        start = end + 1;
        if (*start == '+' || *start == '-') start++;
        end = digits(start);
        if (end == start) return false;
    }
    return *end == '\0';
}

bool gp_parse_double(const char *text, double *out)
{
    if (!looks_real(text)) return false;
    locale_t before = enter_c_locale();
    double value = strtod(text, NULL);
    uselocale(before);
    if (!isfinite(value)) return false;
    *out = value;
    return true;
}

int gp_hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char letter = (char)(c | 32);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}
