/* SPDX-License-Identifier: MIT
 * The explorer's server: docs/api.md over HTTP, on loopback alone.  Reads the catalog through gp_view, writes only
 * ratings and saved views (and an export, when asked).  Never listens on another address, never gives out a file that
 * is not an image of the catalog, never prints.
 *
 * Threads: two poll the sockets and never wait for anything else; one only writes marks; `desk` threads do longer work
 * (details, search, export); `decoders`, one for each processor, make thumbnails; one decodes uploads; the calling
 * thread watches the catalog and the clock.  A request that must wait is suspended, and resumed when its answer is
 * ready.
 * Memory: two views, the embeddings after the first search, 32 KiB for each connection, 768 MiB of decoded images
 * (gate.h), 256 MiB of waiting uploads (limits.c).
 * Connections: 256, of which at most 64 without the key; a new one without the key ends the oldest of those.
 * Sources: RFC 9110 (ranges, methods), the WHATWG's server-sent events, W3C Fetch Metadata. */
#ifndef GP_SERVE_SERVE_H
#define GP_SERVE_SERVE_H

#include "base/status.h"

typedef struct gp_serve_setup {
    gp_catalog *catalog;      /* the calling thread's for the whole call */
    const char *model_folder; /* opened at the first search; NULL: no search by words or pictures */
    gp_precision precision;
    gp_engine engine;
    uint16_t port;   /* 0: any */
    bool exact_port; /* that one or none; else any, if it is taken */
    bool readonly;
    void (*listening)(void *user, const char *url); /* may be NULL */
    void *listening_user;
    gp_progress_fn progress; /* false: stop.  May be NULL: then it goes on for ever */
    void *user;
} gp_serve_setup;

/* Serve until the progress callback says stop, which is a good end (GP_OK).  Errors: IO (cannot listen), as gp_view_new
 * and gp_cat_open. */
gp_status gp_serve_run(const gp_serve_setup *setup, gp_error *err);

#endif
