/* SPDX-License-Identifier: MIT
 * Header lines of HTTP responses, as libcurl delivers them one by one.  Stored lines are "name: value" without
 * control characters, and values read from them are in range. */
#include "base/mem.h"
#include "net/http_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void check_lines(const gp_str *head)
{
    const char *end;
    for (const char *line = head->data; line && *line; line = end + 1) {
        end = strchr(line, '\n');
        const char *colon = strstr(line, ": ");
        check(end && colon && colon < end);
        for (const char *p = line; p < end; p++) check((unsigned char)*p >= 0x20);
        for (const char *p = line; p < strchr(line, ':'); p++) check(*p < 'A' || *p > 'Z');
    }
}

/* Checks that the parser returned the value of the first header line with this name. */
static void check_value(const gp_str *head, const char *name)
{
    char *value = gp_head_value(head, name);
    gp_str line = GP_STR_INIT;
    if (value) {
        gp_str_printf(&line, "%s: %s\n", name, value);
        const char *at = strstr(head->data, line.data);
        check(at != NULL && !strchr(value, '\n'));
        while (at != head->data && at[-1] != '\n') at = strstr(at + 1, line.data), check(at != NULL);
    }
    gp_str_clear(&line);
    gp_mem_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"location",       "retry-after",         "date",          "content-type",
                                        "content-length", "content-disposition", "content-range", "x-linked-size"};
    gp_str head = GP_STR_INIT;
    uint64_t first = 0;
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at + 1 : size - at;
        gp_head_add(&head, (const char *)data + at, length);
        at += length;
    }
    check(!head.failed && head.size <= 256 << 10);
    check(!head.data || strlen(head.data) == head.size);
    check_lines(&head);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_value(&head, names[i]);
    double seconds = gp_head_retry_after(&head, 1700000000);
    check(seconds >= 0 && !isnan(seconds));
    (void)gp_head_range(&head, &first);
    gp_str_clear(&head);
    return 0;
}
