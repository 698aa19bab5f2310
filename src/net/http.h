/* SPDX-License-Identifier: MIT
 * HTTP: only http.c, http_head.c and socket.c include curl.h.  TLS verified, redirects followed by hand so that a
 * token never goes to another host, time-outs, retries with back-off on 429 and 5xx. */
#ifndef GP_NET_HTTP_H
#define GP_NET_HTTP_H

#include "base/status.h"
#include "base/str.h"

typedef struct gp_http gp_http; /* a session: one thread at a time */
gp_status gp_http_open(gp_http **out, gp_error *err);
void gp_http_close(gp_http *http);

typedef struct gp_http_request {
    const char *url;
    const char *method; /* "GET", "HEAD" or "POST" */
    const char *token;  /* bearer token or NULL; sent to the url's own host only */
    const char *login;  /* "user:password" for Basic authentication, or NULL; likewise */
    const char *json;   /* POST: the body */
    bool once;          /* one attempt; an answer with any code is an answer, not a failure */
    uint64_t offset;    /* >0: Range: bytes=offset- */
    bool follow;        /* follow redirects to other hosts; same-host ones are always followed */
    double whole;       /* seconds for the whole request, from name look-up to the last byte; 0: no limit */
    double silence;     /* length of a period in which more than `least` bytes must come, in seconds; 0: no limit */
    size_t least;
    /* body: called as it comes; return false to stop.  NULL: into response->body (at most 64 MiB). */
    bool (*sink)(void *user, const void *bytes, size_t size);
    bool (*progress)(void *user); /* called now and then; false stops */
    void *user;
} gp_http_request;
typedef struct gp_http_response {
    long code;
    gp_str body;
    gp_str headers; /* "name: value\n", names in lower case, of the last response that was not followed on */
    bool ranged;    /* 206 */
} gp_http_response;
gp_status gp_http_send(gp_http *http, const gp_http_request *request, gp_http_response *response, gp_error *err);
/* Text in an address: what is no letter or digit, nor one of `also`, is written as %XX.  text may be NULL. */
void gp_http_put_escaped(gp_str *url, const char *text, const char *also);
/* Value of a header, owned (gp_mem_free), NULL if absent. */
char *gp_http_header(const gp_http_response *response, const char *name);
/* Returns the seconds that the answer's Retry-After asks to wait, as a number or a date; 0 if it is missing or invalid.
 */
double gp_http_retry_after(const gp_http_response *response);
/* Did the last request reach a server, even without an answer? */
bool gp_http_connected(const gp_http *http);
void gp_http_response_clear(gp_http_response *response);

#endif
