/* SPDX-License-Identifier: MIT
 * Growing strings, and functions on text.  A failed append sets `failed`, so that a series of appends needs only one
 * check at its end. */
#ifndef GP_BASE_STR_H
#define GP_BASE_STR_H

#include "base/status.h"
#include <stdarg.h>

typedef struct gp_str {
    char *data; /* NUL-terminated after the first append; NULL before */
    size_t size, capacity;
    bool failed;
} gp_str;
/* clang-format off */
#define GP_STR_INIT {NULL, 0, 0, false}
/* clang-format on */

void gp_str_add(gp_str *s, const void *bytes, size_t size);
void gp_str_puts(gp_str *s, const char *text);
void gp_str_putc(gp_str *s, char c);
void gp_str_printf(gp_str *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gp_str_vprintf(gp_str *s, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
void gp_str_reset(gp_str *s); /* sets size to 0 and keeps the memory */
void gp_str_clear(gp_str *s);
/* Returns the text ("" if nothing was appended), owned, gp_mem_free; NULL if an append failed.  Clears s. */
char *gp_str_take(gp_str *s);

char *gp_str_dup(const char *text); /* owned, gp_mem_free; NULL on failure */
char *gp_str_dup_n(const char *bytes, size_t size);
bool gp_str_starts(const char *text, const char *prefix);
/* Returns the length of the first item of a list "NAME,NAME:ARGUMENT,...".  A comma belongs to ARGUMENT if no name (small
 * letters, digits, '-') with ':', ',' or the end follows it, such as in a path. */
size_t gp_str_item(const char *list);
bool gp_str_ends(const char *text, const char *suffix);
bool gp_str_equal_nocase(const char *a, const char *b); /* ignores the case of ASCII letters only */

/* Returns true for valid UTF-8: no surrogates, no overlong forms, at most U+10FFFF. */
bool gp_utf8_valid(const char *bytes, size_t size);
/* Decodes one code point at s[0..size) into *cp and returns its length.  An invalid byte gives length 1 and U+FFFD.
 * size > 0. */
size_t gp_utf8_next(const char *s, size_t size, uint32_t *cp);
void gp_utf8_put(gp_str *s, uint32_t cp);
/* Writes a code point, at most 4 bytes, and returns their number; surrogates become U+FFFD. */
size_t gp_utf8_encode(char *bytes, uint32_t cp);
/* Append Latin-1 or UTF-16 (big or little endian) as UTF-8.  Lone surrogates become U+FFFD. */
void gp_str_add_latin1(gp_str *s, const void *bytes, size_t size);
void gp_str_add_utf16(gp_str *s, const void *bytes, size_t size, bool big_endian);

/* Returns the singular or plural word for a count: "1 image", "2 images". */
static inline const char *gp_plural(uint64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

/* Sends a note with a printf-style message; does nothing if `note` is NULL or memory runs out. */
void gp_note_say(gp_note_fn note, void *user, const char *code, uint64_t count, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Returns the value of a hexadecimal digit, or -1. */
int gp_hex_digit(char c);
/* Parse numbers.  The whole text must be one number. */
bool gp_parse_u64(const char *text, uint64_t *out);
bool gp_parse_i64(const char *text, int64_t *out);
bool gp_parse_double(const char *text, double *out); /* independent of the locale */

#endif
