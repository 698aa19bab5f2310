/* SPDX-License-Identifier: MIT
 * Private to the serve room: one decision for every request, before anything else is done.  Pure.
 *
 * Who can reach a loopback port: every program of this machine, every user of it, and every web page that the user
 * opens (by cross-site requests, and by DNS rebinding as if it were same-site).  Therefore: the Host must be this
 * server's (rebinding), Origin and Sec-Fetch-Site must be its own where they are given (cross-site), the secret token
 * must be in the path (other users, and all of the above), and what changes anything needs a header that no other
 * site's page can send without asking (X-Goldpan). */
#ifndef GP_SERVE_GUARD_H
#define GP_SERVE_GUARD_H

#include "serve/routes.h"

enum { GP_TOKEN = 32 /* hex digits: 128 bits */ };

typedef struct gp_guard {
    uint16_t port;
    char token[GP_TOKEN + 1];
    bool readonly;
} gp_guard;

/* What of a request the decision needs; headers that are not there are NULL. */
typedef struct gp_guard_request {
    const char *method;
    const char *uri; /* as sent, undecoded: "/TOKEN/data/col/3.bin?r=17"; NULL: too long */
    const char *host, *origin, *site, *mark, *length, *encoding; /* Sec-Fetch-Site, X-Goldpan, Transfer-Encoding */
    unsigned hosts, origins, lengths;                            /* how many of these headers there are */
} gp_guard_request;

typedef struct gp_refusal {
    unsigned status;  /* of HTTP */
    unsigned allowed; /* with 405: the methods */
    bool redirect;    /* not refused: only the last slash is missing */
    bool known;       /* the request has the right key */
    unsigned retry;   /* with 503: seconds after which to try again */
    char message[200];
} gp_refusal;

/* Let it in?  Then *route and the length of its body are set; else *no. */
bool gp_guard_admit(const gp_guard *guard, const gp_guard_request *request, gp_route *route, uint64_t *length,
                    gp_refusal *no);

#endif
