/* SPDX-License-Identifier: MIT
 * The normaliser of CLIP's fast tokenizer: bytes in, code points out.
 *
 *     UTF-8 -> NFC -> every run of white space becomes one space -> each code point is lower-cased by itself
 *
 * NFC is not applied again after lower-casing, so U+0130 stays i + U+0307. Nothing is stripped or repaired; control
 * characters are treated like any other character. Text below U+0300 is always NFC and skips that step; nearly every
 * prompt is such text. utf8proc provides decompositions, combining classes and compositions. The combining marks are
 * sorted here in linear time; a text of nothing but marks must not take quadratic time.
 * Source: transformers' CLIPTokenizer (tests/golden/tokenizer describes the serialised pipeline). */
#include "text/clean.h"
#include "base/mem.h"
#include "base/str.h"
#include "text/tables.h"
#include <string.h>
#include <utf8proc.h>

enum {
    FIRST_MARK = 0x300, /* code points below this are not marks and do not change under NFC */
    DOTTED_I = 0x130,
    FEW_MARKS = 24
};

gp_text_class gp_text_class_of(uint32_t cp)
{
    if (cp < 128) return (gp_text_class)gp_text_ascii_class[cp];
    size_t low = 0, high = gp_text_class_range_count;
    while (low < high) { /* binary search for the first range that does not end before cp */
        size_t mid = low + (high - low) / 2;
        if (gp_text_class_ranges[mid].last < cp)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == gp_text_class_range_count || gp_text_class_ranges[low].first > cp) return GP_TEXT_OTHER;
    return (gp_text_class)gp_text_class_ranges[low].kind;
}

size_t gp_text_lower(uint32_t cp, uint32_t out[2])
{
    out[0] = cp;
    if (cp < 128) {
        out[0] += cp - 'A' < 26 ? 32 : 0;
        return 1;
    }
    if (cp == DOTTED_I) {
        out[0] = 'i', out[1] = 0x307;
        return 2;
    }
    size_t low = 0, high = gp_text_lower_run_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (gp_text_lower_runs[mid].last < cp)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < gp_text_lower_run_count && gp_text_lower_runs[low].first <= cp &&
        (cp - gp_text_lower_runs[low].first) % gp_text_lower_runs[low].step == 0)
        out[0] = (uint32_t)((int32_t)cp + gp_text_lower_runs[low].distance);
    return 1;
}

/* Decodes UTF-8 to code points and sets *marks if one is at or above FIRST_MARK. `points` needs at most `size`
 * elements, because a code point has at least one byte. */
static size_t decode(const char *text, size_t size, int32_t *points, bool *marks)
{
    size_t n = 0;
    *marks = false;
    for (size_t i = 0; i < size; n++) {
        uint32_t cp = (uint8_t)text[i];
        if (cp < 128)
            i++;
        else
            i += gp_utf8_next(text + i, size - i, &cp);
        *marks = *marks || cp >= FIRST_MARK;
        points[n] = (int32_t)cp;
    }
    return n;
}

static unsigned mark_class(int32_t cp)
{
    return (unsigned)utf8proc_get_property(cp)->combining_class;
}

/* Sorts a run of marks by combining class and keeps the order of equal classes. `scratch` [n] is used for long
 * runs. */
static void order_run(int32_t *run, size_t n, int32_t *scratch)
{
    if (n <= FEW_MARKS) {
        for (size_t i = 1; i < n; i++) {
            const int32_t cp = run[i];
            size_t j = i;
            for (; j > 0 && mark_class(run[j - 1]) > mark_class(cp); j--) run[j] = run[j - 1];
            run[j] = cp;
        }
        return;
    }
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[mark_class(run[i]) + 1]++;
    for (size_t c = 0; c < 256; c++) start[c + 1] += start[c];
    for (size_t i = 0; i < n; i++) scratch[start[mark_class(run[i])]++] = run[i];
    memcpy(run, scratch, n * sizeof *run);
}

static void order_marks(int32_t *points, size_t n, int32_t *scratch)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && mark_class(points[end]) != 0) end++;
        order_run(points + i, end - i, scratch);
        i = end + 1;
    }
}

/* Converts *points [*n] to NFC. May replace *points by a larger block. */
static gp_status compose(int32_t **points, size_t *n, gp_error *err)
{
    gp_status st;
    int32_t *decomposed = NULL, *scratch = NULL;
    size_t total = 0;
    int boundary = 0;
    for (size_t i = 0; i < *n; i++)
        total +=
            (size_t)utf8proc_decompose_char((*points)[i], NULL, 0, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
    GP_TRY_GOTO(gp_alloc((void **)&decomposed, total, sizeof *decomposed, "text", err));
    GP_TRY_GOTO(gp_alloc((void **)&scratch, total, sizeof *scratch, "text", err));
    size_t at = 0;
    for (size_t i = 0; i < *n; i++)
        at += (size_t)utf8proc_decompose_char((*points)[i], decomposed + at, (utf8proc_ssize_t)(total - at),
                                              UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
    order_marks(decomposed, at, scratch);
    *n = (size_t)utf8proc_normalize_utf32(decomposed, (utf8proc_ssize_t)at, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    gp_mem_free(*points);
    *points = decomposed;
    decomposed = NULL;
out:
    gp_mem_free(scratch);
    gp_mem_free(decomposed);
    return st;
}

gp_status gp_text_clean(const char *text, size_t size, uint32_t **points, size_t *count, gp_error *err)
{
    gp_status st;
    int32_t *in = NULL;
    uint32_t *out = NULL;
    bool marks;
    GP_TRY_GOTO(gp_alloc((void **)&in, size, sizeof *in, "text", err));
    size_t n = decode(text, size, in, &marks), dotted = 0, used = 0;
    if (marks) GP_TRY_GOTO(compose(&in, &n, err));
    for (size_t i = 0; i < n; i++) dotted += in[i] == DOTTED_I;
    GP_TRY_GOTO(gp_alloc((void **)&out, n + dotted, sizeof *out, "text", err));
    for (size_t i = 0; i < n; i++) {
        uint32_t low[2], cp = (uint32_t)in[i];
        if (gp_text_class_of(cp) == GP_TEXT_SPACE) {
            if (used == 0 || out[used - 1] != ' ') out[used++] = ' ';
            continue;
        }
        size_t k = gp_text_lower(cp, low);
        memcpy(out + used, low, k * sizeof *low);
        used += k;
    }
    *points = out;
    *count = used;
    out = NULL;
out:
    gp_mem_free(out);
    gp_mem_free(in);
    return st;
}
