/* SPDX-License-Identifier: MIT
 * A request's header, one part on each line: method, address, headers.  Checks that an admitted request came from
 * this server, with the token and X-Goldpan, and that its address equals the route's address.  A range is within its
 * file. */
#include "serve/guard.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOKEN "0123456789abcdef0123456789abcdef"

static void check(bool holds)
{
    if (!holds) abort();
}

/* ------------------------------------------------------------------ the URL written again from its parsed parts */

static void write_address(gp_str *s, const gp_route *r)
{
    char hash[33];
    gp_hash_hex(r->hash, hash);
    switch (r->kind) {
    case GP_ROUTE_NONE: abort();
    case GP_ROUTE_PAGE: gp_str_puts(s, r->name); break;
    case GP_ROUTE_MANIFEST: gp_str_puts(s, "data/catalog.json"); break;
    case GP_ROUTE_COLUMN: gp_str_printf(s, "data/col/%u.bin", r->number); break;
    case GP_ROUTE_WORDS: gp_str_printf(s, "data/words/%u.bin", r->number); break;
    case GP_ROUTE_SLICES: gp_str_puts(s, "data/slices.bin"); break;
    case GP_ROUTE_DETAIL: gp_str_printf(s, "data/detail/%u.json", r->number); break;
    case GP_ROUTE_TAGS: gp_str_puts(s, "data/tags.json"); break;
    case GP_ROUTE_THUMB: gp_str_printf(s, "thumb/%u/%s.jpg", r->number, hash); break;
    case GP_ROUTE_IMAGE: gp_str_printf(s, "image/%s.%s", hash, r->format); break;
    case GP_ROUTE_EVENTS: gp_str_puts(s, "events"); break;
    case GP_ROUTE_RATE: gp_str_puts(s, "api/rate"); break;
    case GP_ROUTE_TAG: gp_str_puts(s, "api/tag"); break;
    case GP_ROUTE_SEARCH: gp_str_puts(s, "api/search"); break;
    case GP_ROUTE_UPLOAD: gp_str_puts(s, "api/upload"); break;
    case GP_ROUTE_SAVED: gp_str_puts(s, "api/saved"); break;
    case GP_ROUTE_EXPORT: gp_str_puts(s, "api/export"); break;
    case GP_ROUTE_OPEN: gp_str_puts(s, "api/open"); break;
    case GP_ROUTE_TRASH: gp_str_puts(s, "api/trash"); break;
    case GP_ROUTE_RESTORE: gp_str_puts(s, "api/restore"); break;
    case GP_ROUTE_GENERATE: gp_str_puts(s, "api/generate"); break;
    case GP_ROUTE_GENERATE_STOP: gp_str_puts(s, "api/generate/stop"); break;
    }
    if (r->has_revision) gp_str_printf(s, "?r=%llu", (unsigned long long)r->revision);
}

static void check_address(const char *address, const gp_route *route)
{
    gp_str s = GP_STR_INIT;
    write_address(&s, route);
    check(!s.failed && strcmp(s.data ? s.data : "", address) == 0);
    check(!strstr(address, "..") || (route->kind == GP_ROUTE_PAGE && !strstr(address, "/.") && address[0] != '.'));
    check(route->methods != 0 && !(route->methods & ~(unsigned)(GP_METHOD_GET | GP_METHOD_POST)));
    check(route->most == 0 || route->methods & GP_METHOD_POST);
    if (route->kind == GP_ROUTE_THUMB) check(route->number == 256 || route->number == 512);
    gp_str_clear(&s);
}

/* ------------------------------------------------------------------ the guard */

static bool is_own(const char *host)
{
    return gp_str_equal_nocase(host, "127.0.0.1:7860") || gp_str_equal_nocase(host, "localhost:7860") ||
           gp_str_equal_nocase(host, "[::1]:7860");
}

static void check_admitted(const gp_guard_request *r, const gp_route *route, uint64_t length)
{
    bool post = strcmp(r->method, "POST") == 0;
    check(r->hosts == 1 && is_own(r->host));
    check(!r->origin || (r->origins == 1 && gp_str_starts(r->origin, "http://") && is_own(r->origin + 7)));
    check(!r->site || strcmp(r->site, "same-origin") == 0 || strcmp(r->site, "none") == 0);
    check(gp_str_starts(r->uri, "/" TOKEN "/"));
    check_address(r->uri + sizeof TOKEN + 1, route);
    check(!r->encoding && r->lengths <= 1);
    if (post) {
        check((route->methods & GP_METHOD_POST) && strcmp(r->mark, "1") == 0);
        check(length > 0 && length <= route->most);
    } else {
        check((route->methods & GP_METHOD_GET) && length == 0);
        check(strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0);
    }
}

static void check_refused(const gp_refusal *no)
{
    static const unsigned known[] = {308, 400, 403, 404, 405, 413, 414};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) found |= no->status == known[i];
    check(found && *no->message && strlen(no->message) < sizeof no->message);
    check(no->redirect == (no->status == 308));
    check((no->allowed != 0) == (no->status == 405));
}

static void ask(const gp_guard_request *r)
{
    const gp_guard open = {.port = 7860, .token = TOKEN}, readonly = {.port = 7860, .token = TOKEN, .readonly = true};
    gp_route route;
    gp_refusal no;
    uint64_t length = 0;
    bool reads = gp_guard_admit(&readonly, r, &route, &length, &no);
    if (reads)
        check_admitted(r, &route, length);
    else
        check_refused(&no);
    if (gp_guard_admit(&open, r, &route, &length, &no)) {
        check_admitted(r, &route, length);
        check(reads != (route.writes && strcmp(r->method, "POST") == 0));
    } else {
        check(!reads);
        check_refused(&no);
    }
}

/* ------------------------------------------------------------------ ranges */

static void ask_range(const char *header)
{
    static const uint64_t sizes[] = {0, 1, 2, 1000, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t first = 1, last = 0, again_first, again_last;
        gp_range range = gp_range_read(header, sizes[i], &first, &last);
        if (range != GP_RANGE_PART) {
            check(first == 1 && last == 0);
            check(range == GP_RANGE_WHOLE || (header && gp_str_starts(header, "bytes=")));
            continue;
        }
        check(first <= last && last < sizes[i]);
        if (last > UINT64_MAX / 20) continue; /* the parser reads no number this large */
        char text[64];
        snprintf(text, sizeof text, "bytes=%llu-%llu", (unsigned long long)first, (unsigned long long)last);
        check(gp_range_read(text, sizes[i], &again_first, &again_last) == GP_RANGE_PART);
        check(first == again_first && last == again_last);
    }
}

/* ------------------------------------------------------------------ the input */

/* Returns the next line of the text and removes it from the text; NULL: there are no more lines. */
static char *next_line(char **at)
{
    char *line = *at;
    if (!line) return NULL;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : NULL;
    if (end) *end = 0;
    return line;
}

static void take_header(gp_guard_request *r, const char **range, char *line)
{
    char *value = strstr(line, ": ");
    if (!value) return;
    *value = 0;
    value += 2;
    if (gp_str_equal_nocase(line, "Host")) r->hosts++, r->host = value;
    if (gp_str_equal_nocase(line, "Origin")) r->origins++, r->origin = value;
    if (gp_str_equal_nocase(line, "Content-Length")) r->lengths++, r->length = value;
    if (gp_str_equal_nocase(line, "Sec-Fetch-Site")) r->site = value;
    if (gp_str_equal_nocase(line, "X-Goldpan")) r->mark = value;
    if (gp_str_equal_nocase(line, "Transfer-Encoding")) r->encoding = value;
    if (gp_str_equal_nocase(line, "Range")) *range = value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = gp_str_dup_n((const char *)data, size), *at = text;
    const char *range = NULL;
    gp_guard_request r = {0};
    gp_route route;
    if (!text) return 0;
    r.method = next_line(&at);
    r.uri = next_line(&at); /* NULL: too long */
    for (char *line; (line = next_line(&at));) take_header(&r, &range, line);
    ask(&r);
    ask_range(range);
    /* Uses the address without its token, so that every input reaches the table of addresses. */
    const char *address = r.uri ? strchr(r.uri + (*r.uri != 0), '/') : NULL;
    if (address && gp_route_find(address + 1, &route)) check_address(address + 1, &route);
    gp_mem_free(text);
    return 0;
}
