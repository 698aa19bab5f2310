/* SPDX-License-Identifier: MIT
 * The explorer's server: docs/api.md over HTTP, on the loopback address only. Reads the catalog through gp_view. Writes
 * only ratings and saved views, and what a request asks for: an export, moves to the trash, images of a generator. Never listens on another address, never sends
 * a user's file that is not an image of the catalog, never prints.
 *
 * Threads: two poll the sockets and never block on other work. One only reads and writes ratings and saved views. The
 * threads of `general_pool` do longer work (details, search, export). The threads of `decoder_pool`, one per processor,
 * make thumbnails. One decodes uploads. One generates images while a job runs. The calling thread checks the catalog and the deadlines. A request that must
 * wait is suspended, and resumed when its response is ready.
 * Memory: two snapshots, the embeddings after the first search, 32 KiB for each connection, 768 MiB of decoded images
 * (gate.h), 256 MiB of waiting uploads (limits.c).
 * Connections: 256, of which at most 64 without the token. Beyond that a new connection without the token ends the
 * oldest.
 * Sources: RFC 9110 (ranges, methods), the WHATWG's server-sent events, W3C Fetch Metadata. */
#ifndef GP_SERVE_SERVE_H
#define GP_SERVE_SERVE_H

#include "base/status.h"

typedef struct gp_serve_setup {
    gp_catalog *catalog;      /* used only by the calling thread, for the whole call */
    const char *model_folder; /* opened at the first search; NULL: no search by text or uploaded image */
    gp_precision precision;
    gp_engine engine;
    uint16_t port;   /* 0: any free port */
    bool exact_port; /* true: fail if the port is taken; false: then use any free port */
    bool readonly;
    const char *backend;       /* generator for the page's requests to generate images; NULL: the catalog's addresses */
    const char *protocol;      /* protocol of `backend`; NULL: detected */
    const char *login, *token; /* for `backend` only; NULL: none */
    bool new_key;              /* change the key in the address, so that earlier addresses stop working */
    void (*listening)(void *user, const char *url); /* may be NULL */
    void *listening_user;
    gp_progress_fn progress; /* called regularly; false stops the server; NULL: serve until the process ends */
    void *user;
} gp_serve_setup;

/* Serves until the progress callback returns false; then returns GP_OK. Errors: IO (cannot listen), and those of
 * gp_view_new and gp_cat_open. */
gp_status gp_serve_run(const gp_serve_setup *setup, gp_error *err);

#endif
