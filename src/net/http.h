/* SPDX-License-Identifier: MIT
 * HTTP requests.  Only http.c, http_head.c and socket.c include curl.h.  TLS certificates are verified.  http.c
 * follows redirects itself, so that a token never goes to another host.  Requests have time limits, and are repeated
 * with growing pauses after 429 and 5xx. */
#ifndef GP_NET_HTTP_H
#define GP_NET_HTTP_H

#include "base/status.h"
#include "base/str.h"

typedef struct gp_http gp_http; /* a session; used by one thread at a time */
gp_status gp_http_open(gp_http **out, gp_error *err);
void gp_http_close(gp_http *http);

typedef struct gp_http_request {
    const char *url;
    const char *method; /* "GET", "HEAD" or "POST" */
    const char *token;  /* bearer token or NULL; sent to the url's own host only */
    const char *login;  /* "user:password" for Basic authentication, or NULL; sent to the url's own host only */
    const char *json;   /* body of a POST */
    bool once;          /* only one attempt; a response with any status code is a success */
    uint64_t offset;    /* >0: Range: bytes=offset- */
    bool follow;        /* follow redirects to other hosts; same-host ones are always followed */
    double whole;       /* seconds for the complete request, from name look-up to the last byte; 0: no limit */
    double silence;     /* seconds of a period in which more than `least` bytes must arrive; 0: no limit */
    size_t least;
    /* Receives the body in pieces; returns false to stop.  NULL: the body goes into response->body (at most 64 MiB). */
    bool (*sink)(void *user, const void *bytes, size_t size);
    bool (*progress)(void *user); /* called repeatedly during the request; false stops */
    void *user;
} gp_http_request;
typedef struct gp_http_response {
    long code;
    gp_str body;
    gp_str
        headers; /* "name: value\n", names in lower case, of the last response (not of redirects that were followed) */
    bool ranged; /* the status code is 206 */
} gp_http_response;
gp_status gp_http_send(gp_http *http, const gp_http_request *request, gp_http_response *response, gp_error *err);
/* Appends text to an address.  Bytes other than letters, digits and the bytes in `also` are written as %XX.  text may
 * be NULL. */
void gp_http_put_escaped(gp_str *url, const char *text, const char *also);
/* Returns the value of a header, owned (gp_mem_free); NULL: no such header. */
char *gp_http_header(const gp_http_response *response, const char *name);
/* Returns the waiting time in seconds from the header Retry-After, which states it as a number or as a date. Returns 0
 * if the header is missing or invalid. */
double gp_http_retry_after(const gp_http_response *response);
/* Returns true if the last request reached a server, even without a response. */
bool gp_http_connected(const gp_http *http);
void gp_http_response_clear(gp_http_response *response);

#endif
