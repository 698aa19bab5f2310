/* SPDX-License-Identifier: MIT
 * Private to the serve module: the guard admits or rejects every request before any other work.  Pure.
 *
 * Every program and user of this machine can reach a loopback port.  So can every web page that the user opens, by
 * cross-site requests or by DNS rebinding.  A request is therefore admitted only under these conditions:
 * - Host is this server's address (against DNS rebinding).
 * - Origin and Sec-Fetch-Site, if sent, are this server's own (against cross-site requests).
 * - The path contains the secret token (against other users, and against all of the above).
 * - A request that changes data has the header X-Goldpan, which another site's page cannot send without a CORS
 *   preflight. */
#ifndef GP_SERVE_GUARD_H
#define GP_SERVE_GUARD_H

#include "serve/routes.h"

enum { GP_TOKEN = 32 /* hex digits: 128 bits */ };

typedef struct gp_guard {
    uint16_t port;
    char token[GP_TOKEN + 1];
    bool readonly;
} gp_guard;

/* The parts of a request that the guard checks; a header is NULL if the request lacks it. */
typedef struct gp_guard_request {
    const char *method;
    const char *uri; /* as sent, undecoded: "/TOKEN/data/col/3.bin?r=17"; NULL: too long */
    const char *host, *origin, *site, *mark, *length, *encoding; /* Sec-Fetch-Site, X-Goldpan, Transfer-Encoding */
    unsigned hosts, origins, lengths;                            /* number of headers of each name */
} gp_guard_request;

typedef struct gp_refusal {
    unsigned status;  /* HTTP status */
    unsigned allowed; /* with status 405: the allowed methods */
    bool redirect;    /* true: redirect the client, because the address lacks only its last slash */
    bool known;       /* the request has the right token */
    unsigned retry;   /* with 429 and 503: seconds to wait before the next try */
    char message[200];
} gp_refusal;

/* Admits or rejects a request. If it returns true, *route and *length (bytes of the body) are set, otherwise *no is
 * set. */
bool gp_guard_admit(const gp_guard *guard, const gp_guard_request *request, gp_route *route, uint64_t *length,
                    gp_refusal *no);

#endif
