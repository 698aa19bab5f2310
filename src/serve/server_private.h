/* SPDX-License-Identifier: MIT
 * Private to the serve module: the server, a request in progress, and the functions that files of this module share.
 *
 * A thread that needs several locks takes them in this order: search, db, events, views. A thread that holds the lock
 * of thumbs, files or watched takes none of the others. libmicrohttpd's own locks come last. */
#ifndef GP_SERVE_SERVER_PRIVATE_H
#define GP_SERVE_SERVER_PRIVATE_H

#include "base/str.h"
#include "base/thread.h"
#include "catalog/catalog.h"
#include "view/view.h"
#include "serve/gate.h"
#include "serve/guard.h"
#include "serve/limits.h"
#include "serve/serve.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct gp_server gp_server;
typedef struct gp_request gp_request;

/* ------------------------------------------------------------------ snapshots: reference-counted views */
typedef struct gp_snapshot {
    gp_view *view;
    uint64_t revision;
    atomic_size_t holders;
} gp_snapshot;

/* ------------------------------------------------------------------ a connection and its deadline */
typedef struct gp_conn_deadline {
    int socket;
    double deadline;     /* end of the current step, seconds of gp_clock_now; 0: no limit */
    bool request_active; /* a request is in progress; if the deadline passes, it gets a 408 response */
    bool known;          /* a request on this connection had the token */
    bool ended;          /* the socket is shut down; the entry will be removed soon */
    struct gp_conn_deadline *next, *before;
} gp_conn_deadline;

/* ------------------------------------------------------------------ a request */
struct gp_request {
    gp_server *server;
    struct MHD_Connection *connection;
    gp_conn_deadline *watched;
    enum {
        GP_REQUEST_NEW,
        GP_REQUEST_BODY,
        GP_REQUEST_WORK,
        GP_REQUEST_DRAIN /* the request was rejected; the rest of its body is read and discarded */
    } state;
    char *uri; /* as sent; NULL: too long */
    gp_route route;
    bool post;
    bool person;     /* a browser wants a page to show; false: a script of the explorer wants data */
    uint64_t length; /* bytes of the body */
    gp_str body;
    uint64_t drain;                    /* maximum bytes of the body that the server still reads and discards */
    uint64_t uploaded;                 /* bytes counted in the server's `uploading` */
    bool suspended;                    /* read and written by the polling thread only */
    void (*work)(gp_request *request); /* function that a thread of the pool calls */
    struct MHD_Response *response;     /* NULL: no response yet */
    unsigned status;
    gp_request *next; /* next request in the list that contains this one */
};

/* ------------------------------------------------------------------ worker pools */
typedef struct gp_worker_pool gp_worker_pool;
gp_status gp_worker_pool_open(gp_server *server, int threads, size_t waiting, gp_worker_pool **out, gp_error *err);
/* Suspends the request and calls `work` for it on a thread of the pool; false: a 429 or 503 response is already
 * set. */
bool gp_worker_pool_take(gp_worker_pool *pool, gp_request *request, void (*work)(gp_request *request));
/* Answers the waiting requests with an error, ends the threads, and rejects later requests. */
void gp_worker_pool_stop(gp_worker_pool *pool); /* NULL allowed */
/* call it when no request can arrive any more: stops and frees the pool; NULL allowed */
void gp_worker_pool_close(gp_worker_pool *pool);
void gp_request_suspend(gp_request *request); /* call it on the polling thread */
/* Continues the connection after the response is set.  The caller must not use the request after this call. */
void gp_request_resume(gp_request *request);

/* ------------------------------------------------------------------ responses (response.c) */
typedef enum gp_cached { GP_CACHE_NEVER, GP_CACHE_FOREVER } gp_cached;
/* Sets the response of a request and takes ownership of it. response NULL: memory ran out. */
void gp_respond(gp_request *request, unsigned status, struct MHD_Response *response, const char *type,
                gp_cached cached);
void gp_respond_json(gp_request *request, gp_str *json); /* responds 200 with this JSON, and clears it */
void gp_respond_error(gp_request *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Responds with the HTTP status that matches a failed call's error. */
void gp_respond_failure(gp_request *request, const gp_error *err);
void gp_respond_refusal(gp_request *request, const gp_refusal *no);
/* Appends the error response to `out` as raw HTTP that ends the connection. It is for a client that is still
 * sending. */
void gp_refusal_write(const gp_request *request, const gp_refusal *no, gp_str *out);
/* Returns true if the client has closed the connection; then the work for the request can be skipped. */
bool gp_request_gone(const gp_request *request);
const char *gp_request_header(const gp_request *request, const char *name);

/* ------------------------------------------------------------------ snapshots (snapshot.c) */
gp_snapshot *gp_snapshot_ref(gp_server *server); /* the current snapshot */
/* Returns the snapshot of a revision, or NULL if it has been freed. */
gp_snapshot *gp_snapshot_ref_revision(gp_server *server, uint64_t revision);
/* Finds the row of an image; GP_ERR_NOT_FOUND if the snapshot does not have it. */
gp_status gp_snapshot_find(const gp_snapshot *snapshot, const gp_hash *image, size_t *row, gp_error *err);
void gp_snapshot_unref(gp_snapshot *snapshot); /* NULL allowed */
/* Builds a snapshot of the catalog, makes it current, and sends an event to the listeners.  Only the thread that called
 * gp_serve_run may call this function. */
gp_status gp_snapshot_renew(gp_server *server, gp_error *err);
typedef struct gp_rated {
    gp_hash hash;
    int8_t flag;
    uint8_t stars;
} gp_rated;
/* Applies changes to the current snapshot, to the previous snapshot and to a snapshot that is being built. Sets
 * rated[i] to the new rating of the image of changes[i]. Call it with the db lock held. */
void gp_snapshot_rate(gp_server *server, const gp_cat_rating *changes, size_t count, gp_rated *rated);

/* ------------------------------------------------------------------ handlers of routes */

/* Each handler sets the response or passes the request to a worker pool. */
void gp_serve_page(gp_request *request);     /* ui.c */
void gp_serve_manifest(gp_request *request); /* data_handlers.c */
void gp_serve_column(gp_request *request);
void gp_serve_slices(gp_request *request);
void gp_serve_detail(gp_request *request);
void gp_serve_tags(gp_request *request);
void gp_serve_image(gp_request *request);  /* files.c */
void gp_serve_thumb(gp_request *request);  /* thumbs.c */
void gp_serve_events(gp_request *request); /* events.c */
void gp_serve_rate(gp_request *request);   /* post_handlers.c */
void gp_serve_tag(gp_request *request);
void gp_serve_saved(gp_request *request);
void gp_serve_export(gp_request *request);
void gp_serve_open(gp_request *request);     /* open_folder.c */
void gp_serve_trash(gp_request *request);    /* trash_handlers.c */
void gp_serve_generate(gp_request *request); /* generate_handlers.c */
void gp_serve_search(gp_request *request);   /* search.c */
void gp_serve_upload(gp_request *request);

/* ------------------------------------------------------------------ events */
typedef struct gp_events gp_events;
gp_status gp_events_open(gp_server *server, gp_events **out, gp_error *err);
void gp_events_close(gp_events *events); /* call it after the daemon has stopped */
void gp_events_send(gp_events *events, const char *name, const char *json);
void gp_events_tick(gp_events *events, double now); /* sends keep-alive comments, removes closed listeners */
void gp_events_stop(gp_events *events);             /* ends all listeners; later events are not sent */

/* ------------------------------------------------------------------ thumbnails, files, search */
typedef struct gp_thumbs gp_thumbs;
gp_status gp_thumbs_open(gp_server *server, gp_thumbs **out, gp_error *err);
void gp_thumbs_close(gp_thumbs *thumbs);
/* Answers the request, and all requests that wait for the same thumbnail, with an error because the server is
 * stopping. */
void gp_thumbs_refuse(gp_request *request);
typedef struct gp_files gp_files;
gp_status gp_files_open(gp_files **out, gp_error *err);
void gp_files_close(gp_files *files);
typedef struct gp_search_service gp_search_service;
gp_status gp_search_service_open(gp_server *server, gp_search_service **out, gp_error *err);
void gp_search_service_close(gp_search_service *search);

/* ------------------------------------------------------------------ folders in the file manager */
typedef struct gp_opener gp_opener;
gp_status gp_opener_new(gp_opener **out, gp_error *err);
void gp_opener_free(gp_opener *opener);        /* NULL allowed */
bool gp_opener_works(const gp_opener *opener); /* there is a desktop session with a program that opens folders */
void gp_opener_tick(gp_opener *opener, gp_events *events); /* collects programs that ended, and reports failures */

/* ------------------------------------------------------------------ images from a generator */
typedef struct gp_generating gp_generating;
gp_status gp_generating_open(gp_server *server, gp_generating **out,
                             gp_error *err);         /* *out may be set after an error */
void gp_generating_stop(gp_generating *generating);  /* ends the job; no job can start after that; NULL allowed */
void gp_generating_close(gp_generating *generating); /* NULL allowed */
/* Gets what the manifest says about generation: the folder for generated images, and the address of the generator that
 * the user gave for all images. *folder NULL: the server cannot generate images. *address NULL: the user gave none, so
 * each image uses the generator that the catalog records. */
gp_status gp_generating_describe(const gp_generating *generating, const char **folder, const char **address,
                                 gp_error *err);
void gp_generating_tick(gp_generating *generating, gp_events *events); /* reports the progress and the end of a job */

struct gp_server {
    const gp_serve_setup *setup;
    gp_serve_limits limits;
    gp_guard guard;
    struct MHD_Daemon *daemon;
    atomic_bool stopping; /* the server is stopping; no more requests may be suspended */
    atomic_bool stale;    /* build a new snapshot even if the catalog's version is unchanged */

    uint64_t rating_events; /* numbers the changes of ratings and tags; guarded by db_lock */
    pthread_mutex_t db_lock;
    gp_catalog *db; /* handle for ratings, saved views and details */
    int64_t db_version;

    pthread_mutex_t view_lock;
    gp_snapshot *snapshot, *before; /* snapshot: the current snapshot; before: the previous snapshot */
    /* Added to every revision: the start time in microseconds.  So a restarted server never uses an old revision again.
     * Browsers may still cache files of the former server under old revisions. */
    uint64_t revision_base;
    bool building;
    gp_cat_rating *since; /* ratings made since building of the next snapshot began */
    size_t since_count, since_capacity;

    pthread_mutex_t watched_lock;
    gp_conn_deadline *watched;

    /* only requests for ratings, tags and saved views, so that these requests never wait for other work */
    gp_worker_pool *rating_pool;
    gp_worker_pool *general_pool; /* requests for details, searches, files and exports */
    gp_worker_pool *decoder_pool; /* thumbnails */
    gp_worker_pool *upload_pool;  /* images to search by, one at a time */
    gp_gate *gate;                /* memory of decoded images */
    atomic_ullong uploading;      /* bytes of uploads being received or waiting */
    gp_events *events;
    gp_thumbs *thumbs;
    gp_files *files;
    gp_opener *opener;
    gp_generating *generating;
    pthread_mutex_t trash_lock; /* held while files are moved to the trash or back */
    gp_search_service *search;
};

static const uint32_t gp_thumb_sides[] = {256, 512};
enum { GP_POLLERS = 2 /* threads that poll sockets */ };
enum { GP_THUMB_SIDES = 2, GP_JPEG_QUALITY = 85 };

#endif
