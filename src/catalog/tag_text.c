/* SPDX-License-Identifier: MIT
 * The text of a tag: what the user typed, or what a journal of marks contains, as the catalog stores it. */
#include "base/mem.h"
#include "catalog/catalog.h"

#include <utf8proc.h>

/* MOST_BYTES: maximum bytes of a text that is normalised. Longer texts are rejected first, because the time to
 * normalise a text grows with the square of the length of a run of combining marks. MOST_PARTS: maximum code points
 * after decomposition, because a code point decomposes into at most 4 code points (canonical decomposition). */
enum { MOST_BYTES = 1024, MOST_PARTS = 4 * MOST_BYTES, BYTE_ORDER_MARK = 0xFEFF };

/* White space as in ECMAScript, so that the page and the catalog trim alike. */
static bool is_space(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return (c >= 9 && c <= 13) || c == BYTE_ORDER_MARK || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

static gp_status too_long(gp_error *err)
{
    return gp_fail(err, GP_ERR_USAGE, "a tag must have at most %d characters", GP_CAT_TAG_LENGTH);
}

/* Writes the code points of the text. Replaces each run of white space by one space, and removes white space at the
 * ends. */
static gp_status read_points(const char *text, size_t size, int32_t *points, size_t *count, gp_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < size;) {
        int32_t c = 0;
        utf8proc_ssize_t bytes = utf8proc_iterate((const uint8_t *)text + i, (utf8proc_ssize_t)(size - i), &c);
        if (bytes <= 0) return gp_fail(err, GP_ERR_USAGE, "a tag must be UTF-8");
        i += (size_t)bytes;
        if (is_space(c)) {
            if (n > 0 && points[n - 1] != ' ') points[n++] = ' ';
            continue;
        }
        if (c == ',') return gp_fail(err, GP_ERR_USAGE, "a tag must not contain a comma, because commas separate tags");
        if (utf8proc_category(c) == UTF8PROC_CATEGORY_CC)
            return gp_fail(err, GP_ERR_USAGE, "a tag must not contain control characters");
        points[n++] = c;
    }
    if (n > 0 && points[n - 1] == ' ') n--;
    if (n == 0) return gp_fail(err, GP_ERR_USAGE, "a tag must not be empty");
    *count = n;
    return GP_OK;
}

/* Replaces each code point by its canonical decomposition, with the combining marks in order. */
static size_t decompose(const int32_t *points, size_t count, int32_t *parts)
{
    char bytes[MOST_BYTES];
    utf8proc_ssize_t size = 0;
    for (size_t i = 0; i < count; i++) size += utf8proc_encode_char(points[i], (uint8_t *)bytes + size);
    utf8proc_ssize_t n =
        utf8proc_decompose((const uint8_t *)bytes, size, parts, MOST_PARTS, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    return n > 0 && n <= MOST_PARTS ? (size_t)n : 0;
}

gp_status gp_cat_tag_clean(const char *text, size_t size, char **tag, gp_error *err)
{
    int32_t points[MOST_BYTES], parts[MOST_PARTS + 1];
    size_t count = 0;
    if (size > MOST_BYTES) return too_long(err);
    GP_TRY(read_points(text, size, points, &count, err));
    size_t n = decompose(points, count, parts);
    if (n == 0) return gp_fail(err, GP_ERR_USAGE, "a tag must be UTF-8");
    utf8proc_ssize_t composed =
        utf8proc_normalize_utf32(parts, (utf8proc_ssize_t)n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (composed > GP_CAT_TAG_LENGTH) return too_long(err);
    char *out = gp_mem_new((size_t)composed * 4 + 1, 1);
    if (!out) return gp_fail_memory(err, "a tag");
    size_t end = 0;
    for (utf8proc_ssize_t i = 0; i < composed; i++) end += (size_t)utf8proc_encode_char(parts[i], (uint8_t *)out + end);
    out[end] = '\0';
    *tag = out;
    return GP_OK;
}
