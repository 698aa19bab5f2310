/* SPDX-License-Identifier: MIT
 * The order of the checks matters, so that a client that is not this server's own page does not learn which addresses
 * exist. */
#include "serve/guard.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool reject(gp_refusal *no, unsigned status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool reject(gp_refusal *no, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(no->message, sizeof no->message, format, args);
    va_end(args);
    no->status = status;
    return false;
}

/* Returns true if `host` is "127.0.0.1:7860" or another loopback name with this port. */
static bool is_own(const char *host, uint16_t port)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    char own[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(own, sizeof own, "%s:%u", names[i], port);
        if (gp_str_equal_nocase(host, own)) return true;
        if (port == 80 && gp_str_equal_nocase(host, names[i])) return true;
    }
    return false;
}

/* Compares in constant time, so that the duration does not reveal how many characters are right. */
static bool same_token(const char *given, const char *token)
{
    unsigned differ = 0;
    if (strlen(given) < GP_TOKEN) return false;
    for (size_t i = 0; i < GP_TOKEN; i++) differ |= (unsigned)(unsigned char)given[i] ^ (unsigned char)token[i];
    return differ == 0;
}

static bool check_origin(const gp_guard *g, const gp_guard_request *r, gp_refusal *no)
{
    if (r->hosts != 1 || !is_own(r->host, g->port))
        return reject(no, 403,
                      "the Host header is not this server's address; through a tunnel, use port %u on both ends",
                      g->port);
    if (r->origins > 1 || (r->origin && (strncmp(r->origin, "http://", 7) != 0 || !is_own(r->origin + 7, g->port))))
        return reject(no, 403, "the Origin header is not this server's address");
    if (r->site && strcmp(r->site, "same-origin") != 0 && strcmp(r->site, "none") != 0)
        return reject(no, 403, "the request comes from another site");
    return true;
}

static bool check_token(const gp_guard *g, const gp_guard_request *r, const char **address, gp_refusal *no)
{
    if (!r->uri) return reject(no, 414, "the address is too long");
    if (r->uri[0] != '/' || !same_token(r->uri + 1, g->token))
        return reject(no, 403, "the address lacks its key: use the one that `goldpan explore` printed");
    *address = r->uri + 1 + GP_TOKEN;
    if (!**address) {
        no->known = true;
        no->redirect = true;
        return reject(no, 308, "the address must end with a slash");
    }
    if (**address != '/') return reject(no, 403, "the address has a wrong key");
    ++*address;
    no->known = true;
    return true;
}

static bool check_method(const gp_guard *g, const gp_guard_request *r, const gp_route *route, gp_refusal *no)
{
    bool post = !strcmp(r->method, "POST"), get = !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD");
    if (!(post && route->methods & GP_METHOD_POST) && !(get && route->methods & GP_METHOD_GET)) {
        no->allowed = route->methods;
        return reject(no, 405, "this address does not take this method");
    }
    if (!post) return true;
    if (!r->mark || strcmp(r->mark, "1") != 0) return reject(no, 403, "the header X-Goldpan is missing");
    if (g->readonly && route->writes) return reject(no, 403, "the explorer was started read-only");
    return true;
}

static bool check_body(const gp_guard_request *r, const gp_route *route, uint64_t *length, gp_refusal *no)
{
    bool post = !strcmp(r->method, "POST");
    *length = 0;
    if (r->encoding) return reject(no, 400, "a chunked body is not supported: send it with a Content-Length");
    if (post && r->lengths != 1) return reject(no, 400, "the Content-Length is missing");
    if (r->lengths > 1 || (r->length && !gp_parse_u64(r->length, length)))
        return reject(no, 400, "the Content-Length is not a number");
    if (!post && *length) return reject(no, 400, "this address does not take a body");
    if (post && *length > route->most)
        return reject(no, 413, "the body is too large: at most %llu bytes", (unsigned long long)route->most);
    if (post && !*length) return reject(no, 400, "the body is empty");
    return true;
}

bool gp_guard_admit(const gp_guard *guard, const gp_guard_request *request, gp_route *route, uint64_t *length,
                    gp_refusal *no)
{
    const char *address = NULL;
    *no = (gp_refusal){0};
    if (!check_origin(guard, request, no)) return false;
    if (!check_token(guard, request, &address, no)) return false;
    if (!gp_route_find(address, route)) return reject(no, 404, "there is nothing at this address");
    return check_method(guard, request, route, no) && check_body(request, route, length, no);
}
