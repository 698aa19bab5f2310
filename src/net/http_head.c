/* SPDX-License-Identifier: MIT
 * Reads the header lines of an HTTP response.  libcurl parses dates in the three forms of RFC 9110. */
#include "net/http_head.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <string.h>

enum { MOST = 256 << 10 /* bytes kept */ };

void gp_head_add(gp_str *head, const char *bytes, size_t size)
{
    if (size >= 5 && !memcmp(bytes, "HTTP/", 5)) {
        gp_str_reset(head);
        return;
    }
    const char *colon = size ? memchr(bytes, ':', size) : NULL;
    if (!colon || head->size + size + 3 > MOST) return;
    for (const char *p = bytes; p < colon; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
        gp_str_putc(head, (unsigned char)c < 0x20 ? '?' : c);
    }
    gp_str_puts(head, ": ");
    const char *value = colon + 1, *end = bytes + size;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t')) end--;
    for (; value < end; value++) gp_str_putc(head, (unsigned char)*value < 0x20 ? '?' : *value);
    gp_str_putc(head, '\n');
}

char *gp_head_value(const gp_str *head, const char *name)
{
    size_t length = strlen(name);
    const char *line = head->data;
    while (line && *line) {
        const char *end = strchr(line, '\n');
        if (!end) break;
        if ((size_t)(end - line) >= length + 2 && !memcmp(line, name, length) && line[length] == ':')
            return gp_str_dup_n(line + length + 2, (size_t)(end - line) - length - 2);
        line = end + 1;
    }
    return NULL;
}

bool gp_head_range(const gp_str *head, uint64_t *first)
{
    char *range = gp_head_value(head, "content-range");
    bool found = false;
    if (range && gp_str_starts(range, "bytes ")) {
        char *number = range + 6;
        size_t digits = strspn(number, "0123456789");
        found = digits && number[digits] == '-';
        number[digits] = 0;
        found = found && gp_parse_u64(number, first);
    }
    gp_mem_free(range);
    return found;
}

/* Parses a date as seconds since 1970. Returns false if the text is not a date. */
static bool take_date(const char *text, int64_t *out)
{
    if (!text || strlen(text) > 64) return false;
    *out = (int64_t)curl_getdate(text, NULL);
    return *out >= 0;
}

double gp_head_retry_after(const gp_str *head, int64_t now)
{
    char *text = gp_head_value(head, "retry-after"), *date = NULL;
    double seconds = 0;
    int64_t when = 0, here = now;
    if (text && strspn(text, "0123456789.") == strlen(text)) {
        if (!gp_parse_double(text, &seconds) || !(seconds >= 0)) seconds = 0;
    } else if (take_date(text, &when)) {
        date = gp_head_value(head, "date"); /* measured by the server's own clock, which may differ from ours */
        if (take_date(date, &here)) now = here;
        seconds = when > now ? (double)(when - now) : 0;
    }
    gp_mem_free(date);
    gp_mem_free(text);
    return seconds;
}
